package pebble

import (
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A lazyFS lets the database believe that its write-ahead log is synced. The database
// collects 32 KiB of it in the memory of the process if it is not to be synced, so
// that a message would be lost with the process; what it is told to sync it writes to
// the operating system first. So what Append has returned for is lost with the power
// only, and sync says when not even with that.
//
// A log is synced for good when it is closed, before the next one begins: what is lost
// is always the end.
type lazyFS struct {
	vfs.FS

	mu   sync.Mutex
	logs map[*lazyLog]struct{} // those that are open
}

func newLazyFS(fs vfs.FS) *lazyFS { return &lazyFS{FS: fs, logs: make(map[*lazyLog]struct{})} }

// Create implements vfs.FS.
func (fs *lazyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	return fs.wrap(name, f, err)
}

// ReuseForWrite implements vfs.FS.
func (fs *lazyFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, category)
	return fs.wrap(newname, f, err)
}

func (fs *lazyFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	l := &lazyLog{File: f, fs: fs}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.logs[l] = struct{}{}
	return l, nil
}

// sync syncs the logs that are open.
func (fs *lazyFS) sync() error {
	fs.mu.Lock()
	var logs []*lazyLog
	for l := range fs.logs {
		logs = append(logs, l)
	}
	fs.mu.Unlock()
	for _, l := range logs {
		if err := l.sync(); err != nil {
			return err
		}
	}
	return nil
}

// A lazyLog is a write-ahead log.
type lazyLog struct {
	vfs.File

	fs     *lazyFS
	mu     sync.Mutex // held while it is synced or closed
	closed bool
}

// Sync implements vfs.File.
func (l *lazyLog) Sync() error { return nil }

// SyncData implements vfs.File.
func (l *lazyLog) SyncData() error { return nil }

func (l *lazyLog) sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	return l.File.SyncData()
}

// Close implements vfs.File.
func (l *lazyLog) Close() error {
	err := l.sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.fs.mu.Lock()
	delete(l.fs.logs, l)
	l.fs.mu.Unlock()
	if e := l.File.Close(); err == nil {
		err = e
	}
	return err
}

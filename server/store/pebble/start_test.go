package pebble

import (
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// A start on a disk that is full says so, and does not wait for room. What was stored is there
// when there is room.
func TestStartOnAFullDisk(t *testing.T) {
	var full atomic.Bool
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := openOn(t, disk, Options{MinFree: -1})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	assert.NoError(t, s.Close())

	full.Store(true)
	_, err := Open("data", &Options{MinFree: -1, fs: disk})
	assert.ErrorIs(t, err, syscall.ENOSPC)
	assert.Contains(t, err.Error(), "the store in data cannot be opened")
	full.Store(false)
	for range 10_000 {
		if s, err = Open("data", &Options{MinFree: -1, fs: disk}); err == nil {
			break
		}
		assert.Contains(t, err.Error(), "in use") // until the first one has ended
		time.Sleep(time.Millisecond)
	}
	assert.NoError(t, err)
	assert.Equal(t, lastOf(t, s, "room"), 1)
	assert.NoError(t, s.Close())
}

// A readOnly file system lets nobody write.
type readOnly struct{ vfs.FS }

func (readOnly) Lock(name string) (io.Closer, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EROFS}
}

// That the file of the lock cannot be made does not mean that another has it.
func TestStartWhereNothingCanBeWritten(t *testing.T) {
	_, err := Open("data", &Options{fs: readOnly{vfs.NewMem()}})
	assert.Contains(t, err.Error(), "the directory data cannot be written to: open data/LOCK: read-only file system")
}

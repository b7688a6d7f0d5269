package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

var errDisk = errors.New("the disk is gone")

// failing returns a file system whose operations on the write-ahead log fail once on is
// set.
func failing(fs vfs.FS, on *atomic.Bool, kinds ...errorfs.OpKind) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		for _, kind := range kinds {
			if on.Load() && op.Kind == kind && strings.HasSuffix(op.Path, ".log") {
				return errDisk
			}
		}
		return nil
	}))
}

// When the disk fails, Append says so, and what it said so of is not read.
func TestDiskFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		kinds []errorfs.OpKind
	}{
		{"sync", []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}},
		{"write", []errorfs.OpKind{errorfs.OpFileWrite}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var on atomic.Bool
			disk := vfs.NewCrashableMem()
			s := openOn(t, failing(disk, &on, c.kinds...), Options{MinFree: -1})
			assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1), entryAt("other", 2)}))
			on.Store(true)
			for range 3 { // it stays so
				err := s.Append([]hub.Entry{entryAt("room", 3), entryAt("new", 4)})
				assert.Contains(t, err.Error(), "the disk is gone")
				assert.True(t, s.SaveSessions([]hub.SessionRecord{{ID: "a"}}) != nil, "no session is stored either")
			}
			checkBefore(t, s)
			assert.ErrorIs(t, s.Close(), s.failure())

			s = openOn(t, disk.CrashClone(vfs.CrashCloneCfg{}), Options{})
			assert.Equal(t, s.State().Torn, false)
			assert.True(t, lastOf(t, s, "room") >= 1, "what was promised is there")
			assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 9)}))
		})
	}
}

// checkBefore fails the test unless a store shows what was there before room had a second
// message, and new its first.
func checkBefore(t *testing.T, s *Store) {
	t.Helper()
	assert.Equal(t, lastOf(t, s, "room"), 1)
	assert.Equal(t, lastOf(t, s, "new"), 0)
	for topic, last := range map[string]uint64{"room": 1, "new": 0} {
		info, err := s.Info(topic)
		assert.NoError(t, err)
		assert.Equal(t, info.Last, last)
	}
	logs, err := s.Logs(context.Background(), "", 10)
	assert.NoError(t, err)
	assert.Equal(t, len(logs), 2)
	assert.Equal(t, logs[1].Last, 1)
	ids, err := s.IDs(time.Time{})
	assert.NoError(t, err)
	assert.Equal(t, len(ids), 2)
	latest, err := s.Latest(context.Background(), "new")
	assert.NoError(t, err)
	assert.Equal(t, len(latest), 0)
}

// While a batch is on its way to the disk nobody sees it: whoever had it could not be told
// that it is lost.
func TestNobodySeesWhatIsNotStored(t *testing.T) {
	var on atomic.Bool
	reached, goOn := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		synced := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if synced && strings.HasSuffix(op.Path, ".log") && on.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
		return nil
	}))
	s := openOn(t, fs, Options{MinFree: -1})
	t.Cleanup(release) // or closing the store waits for it
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1), entryAt("other", 2)}))
	on.Store(true)
	done := make(chan error)
	go func() { done <- s.Append([]hub.Entry{entryAt("room", 3), entryAt("new", 4)}) }()
	<-reached
	checkBefore(t, s)
	release()
	assert.NoError(t, <-done)
	assert.Equal(t, lastOf(t, s, "room"), 3)
	assert.Equal(t, lastOf(t, s, "new"), 4)
}

// Between two syncs there is no more than the interval.
func TestSyncedSoon(t *testing.T) {
	var on atomic.Bool
	synced := make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") && on.CompareAndSwap(true, false) {
			close(synced)
		}
		return nil
	}))
	s := openOn(t, fs, Options{Sync: SyncInterval, Interval: time.Millisecond, MinFree: -1})
	on.Store(true)
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	<-synced
}

// When a sync fails that nobody waits for, the next who writes is told.
func TestSyncFailsLater(t *testing.T) {
	var on atomic.Bool
	appended := make(chan struct{})
	told := make(chan string, 1000)
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) { told <- string(p) }), &slog.HandlerOptions{Level: slog.LevelError}))
	disk := vfs.NewCrashableMem()
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
			<-appended
			return errDisk
		}
		return nil
	}))
	s := openOn(t, fs, Options{Sync: SyncInterval, Interval: time.Millisecond, MinFree: -1, Log: log})
	on.Store(true)
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	close(appended)
	assert.Contains(t, <-told, "the disk is gone")
	assert.ErrorIs(t, s.Append([]hub.Entry{entryAt("room", 2)}), errDisk)
	s = openOn(t, disk.CrashClone(vfs.CrashCloneCfg{}), Options{boot: booted("another")})
	assert.True(t, s.State().Torn, "something may be lost")
}

// A batch that has entered the database when something else fails may still be under way: it
// is not given back, to be another one.
func TestBatchUnderWayIsNotGivenBack(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{MinFree: -1, Log: slog.New(slog.DiscardHandler)})
	b := s.db.NewBatch()
	setNumber(b, keyLast, 1)
	assert.NoError(t, s.write(b, true))
	assert.ErrorIs(t, s.fail(errDisk), errDisk)
	s.release(b)
	assert.Equal(t, b.Count(), uint32(1))
	assert.NoError(t, b.SyncWait())
}

// fullDisk is a file system that tells how much is free.
type fullDisk struct {
	vfs.FS

	free atomic.Uint64
}

func (d *fullDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

// A disk that is full refuses messages, and takes them when there is room again.
func TestDiskIsFull(t *testing.T) {
	disk := &fullDisk{FS: vfs.NewMem()}
	disk.free.Store(200 << 20)
	s := openOn(t, disk, Options{})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	askAgain := func() {
		s.space.mu.Lock()
		defer s.space.mu.Unlock()
		s.space.asked = time.Time{}
	}
	disk.free.Store(100 << 20)
	askAgain()
	err := s.Append([]hub.Entry{entryAt("room", 2)})
	assert.Contains(t, err.Error(), "the disk of data is full: 100 MiB are free, 128 are wanted; make room")
	assert.True(t, s.SaveSessions([]hub.SessionRecord{{ID: "session-1"}}) != nil, "no session is stored either")
	assert.Equal(t, lastOf(t, s, "room"), 1)
	_, err = s.Trim("room", hub.Settings{MaxMessages: -1}, time.Now()) // this makes room
	assert.NoError(t, err)
	disk.free.Store(129 << 20)
	askAgain()
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 2)}))
	assert.Equal(t, lastOf(t, s, "room"), 2)
}

// When the database cannot note which files it has, it can write no more. The process goes on,
// and what is stored can be read.
func TestDatabaseFails(t *testing.T) {
	var on atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && strings.Contains(op.Path, "MANIFEST") {
			return errDisk
		}
		return nil
	}))
	told := make(chan string, 1000)
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) { told <- string(p) }), &slog.HandlerOptions{Level: slog.LevelError}))
	s := openOn(t, fs, Options{Log: log, MinFree: -1})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	on.Store(true)
	_, err := s.db.AsyncFlush()
	assert.NoError(t, err)
	assert.Contains(t, <-told, "nothing more is stored in data until it is opened again")
	err = s.Append([]hub.Entry{entryAt("room", 2)})
	assert.Contains(t, err.Error(), "the disk is gone")
	assert.Equal(t, lastOf(t, s, "room"), 1)
	assert.Contains(t, <-told, "tidying up has failed")
	on.Store(false)
	assert.ErrorIs(t, s.Close(), s.failure())
	s = openOn(t, fs, Options{})
	assert.Equal(t, lastOf(t, s, "room"), 1)
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// A panic of the database is an error, and the last thing that it is asked for.
func TestDatabasePanics(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1)}))
	assert.NoError(t, s.db.Close())
	err := s.Append([]hub.Entry{entryAt("room", 2)})
	assert.Contains(t, err.Error(), "closed")
	assert.True(t, s.stuck, "the database is not used any more")
	assert.Equal(t, s.Append([]hub.Entry{entryAt("room", 2)}), err)
	assert.Equal(t, s.Close(), err)
}

// More topics than the cache has: what is known of each is right.
func TestManyTopics(t *testing.T) {
	const topics, batches = infoCacheSize * 5 / 4, 10
	s := openOn(t, vfs.NewMem(), Options{Sync: SyncOff, MinFree: -1})
	var offset uint64
	topic := func(i int) string { return fmt.Sprint("topic.", i) }
	appendTo := func(step int) {
		var batch []hub.Entry
		for i := 0; i < topics; i += step {
			offset++
			batch = append(batch, hub.Entry{Message: &hub.Message{Topic: topic(i), At: hub.Cursor{Offset: offset}}})
			if len(batch) == topics/batches || i+step >= topics {
				assert.NoError(t, s.Append(batch))
				batch = nil
			}
		}
	}
	const some = 7
	appendTo(1)
	appendTo(some)
	assert.True(t, len(s.infos.young)+len(s.infos.old) < topics, "the cache is bounded")
	for i := 0; i < topics; i += some {
		info, err := s.Info(topic(i))
		assert.NoError(t, err)
		assert.Equal(t, info.Messages, 2)
	}
}

// Whoever reads while messages are trimmed, as fast as can be, gets what is behind the last
// one, or is told up to where it is trimmed.
func TestReadsWhileTrimmed(t *testing.T) {
	const messages = 8_000
	s := openOn(t, vfs.NewMem(), Options{Sync: SyncOff, MinFree: -1})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for at := uint64(0); at < messages && !t.Failed(); {
				page, err := s.Read(context.Background(), "room", hub.Range{After: at, Limit: 10, MaxBytes: 1 << 20})
				if err != nil {
					t.Error(err)
				}
				at = max(at, page.Trimmed)
				for _, m := range page.Messages {
					if at++; m.At.Offset != at {
						t.Errorf("%d comes instead of %d, and %d is said to be trimmed", m.At.Offset, at, page.Trimmed)
					}
				}
			}
		})
	}
	for offset := range uint64(messages) {
		e := hub.Entry{Message: &hub.Message{Topic: "room", At: hub.Cursor{Offset: offset + 1, Time: 1}}}
		assert.NoError(t, s.Append([]hub.Entry{e}))
		_, err := s.Trim("room", hub.Settings{MaxMessages: 1, MaxAge: -1}, time.UnixMilli(1))
		assert.NoError(t, err)
	}
	readers.Wait()
}

package pebble

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

// openOn opens the store of a test on a file system, and closes it with the test.
func openOn(t testing.TB, fs vfs.FS, o Options) *Store {
	t.Helper()
	o.fs = fs
	s, err := Open("data", &o)
	assert.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func booted(id string) func() string { return func() string { return id } }

// entryAt makes a message with everything.
func entryAt(topic string, offset uint64) hub.Entry {
	m := &hub.Message{Topic: topic, Payload: []byte("payload"), Key: "key", ID: "id", At: hub.Cursor{Offset: offset, Time: 1_790_000_000_000}}
	return hub.Entry{Message: m, Latest: true, Remember: time.Hour}
}

// lastOf returns the offset of the newest message of a topic that can be read.
func lastOf(t testing.TB, s *Store, topic string) uint64 {
	t.Helper()
	page, err := s.Read(context.Background(), topic, hub.Range{Newest: true, Limit: 1, MaxBytes: 1})
	assert.NoError(t, err)
	if len(page.Messages) == 0 {
		return 0
	}
	return page.Messages[0].At.Offset
}

// crashed is how many messages there are before something happens.
const crashed = 2000

// fill makes a store with messages, which is never closed.
func fill(t *testing.T, disk vfs.FS, mode SyncMode) {
	t.Helper()
	s := openOn(t, disk, Options{Sync: mode, Interval: time.Minute, boot: booted("1")})
	assert.NoError(t, s.Restart(5))
	for offset := range uint64(crashed) {
		assert.NoError(t, s.Append([]hub.Entry{entryAt("room", offset+1)}))
	}
}

// When the process is killed, the system has all that Append has returned for.
func TestProcessIsKilled(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncInterval, SyncOff} {
		disk := vfs.NewCrashableMem()
		fill(t, disk, mode)
		all := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
		s := openOn(t, disk.CrashClone(all), Options{Sync: mode, boot: booted("1")})
		assert.Equal(t, s.State(), hub.StoreState{Epoch: 5, Last: crashed})
		assert.Equal(t, lastOf(t, s, "room"), crashed)
	}
}

// When the power fails, what was not synced is lost, or some of it: never something of the
// middle, and never something that was promised.
func TestPowerFails(t *testing.T) {
	for _, c := range []struct {
		mode SyncMode
		torn bool
	}{{SyncAlways, false}, {SyncInterval, true}, {SyncOff, true}} {
		for _, unsynced := range []int{0, 50, 100} {
			disk := vfs.NewCrashableMem()
			fill(t, disk, c.mode)
			rest := vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(1, uint64(unsynced)))}
			s := openOn(t, disk.CrashClone(rest), Options{boot: booted("2")})
			state := s.State()
			assert.Equal(t, state.Epoch, 5)
			assert.Equal(t, state.Torn, c.torn)
			if c.mode == SyncAlways {
				assert.Equal(t, state.Last, crashed)
			}
			page, err := s.Read(context.Background(), "room", hub.Range{Limit: 5000, MaxBytes: 1 << 30})
			assert.NoError(t, err)
			assert.Equal(t, uint64(len(page.Messages)), state.Last)
			info, err := s.Info("room")
			assert.NoError(t, err)
			assert.Equal(t, info.Last, state.Last)
			assert.Equal(t, uint64(info.Messages), state.Last)
		}
	}
}

// A store is torn until it has a new epoch, however often it is opened, in whichever mode.
func TestTorn(t *testing.T) {
	type life struct {
		mode SyncMode
		boot string // names the time since the system was started
		ends string // what happens: Restart, Close
		torn bool   // when it is opened
	}
	for _, c := range []struct {
		name  string
		lives []life
	}{
		{"closed", []life{{SyncOff, "1", "close", false}, {SyncInterval, "2", "close", false}, {SyncAlways, "3", "close", false}, {SyncOff, "4", "close", false}}},
		{"always", []life{{SyncAlways, "1", "", false}, {SyncAlways, "2", "", false}, {SyncAlways, "2", "", false}, {SyncOff, "3", "", false}}},
		{"the process is killed", []life{{SyncOff, "1", "", false}, {SyncInterval, "1", "", false}, {SyncAlways, "1", "", false}}},
		{"the power fails", []life{{SyncOff, "1", "", false}, {SyncOff, "2", "", true}}},
		{"the power fails, later", []life{{SyncInterval, "1", "", false}, {SyncInterval, "1", "", false}, {SyncAlways, "2", "", true}}},
		{"until a new epoch", []life{{SyncInterval, "1", "", false}, {SyncAlways, "2", "", true}, {SyncAlways, "2", "close", true}, {SyncOff, "2", "restart close", true}, {SyncOff, "3", "close", false}}},
		{"a boot that is not known", []life{{SyncOff, "", "", false}, {SyncOff, "", "restart", true}, {SyncOff, "1", "restart", true}, {SyncOff, "", "", true}}},
	} {
		disk := vfs.NewCrashableMem()
		for i, l := range c.lives {
			s := openOn(t, disk, Options{Sync: l.mode, Interval: time.Hour, boot: booted(l.boot)})
			if s.State().Torn != l.torn {
				t.Errorf("%s: life %d begins torn %t", c.name, i, s.State().Torn)
			}
			if strings.Contains(l.ends, "restart") {
				assert.NoError(t, s.Restart(uint64(i)))
			}
			if strings.Contains(l.ends, "close") {
				assert.NoError(t, s.Close())
			}
			disk = disk.CrashClone(vfs.CrashCloneCfg{})
		}
	}
}

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
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && strings.HasSuffix(op.Path, ".log") && on.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
		return nil
	}))
	s := openOn(t, fs, Options{MinFree: -1})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1), entryAt("other", 2)}))
	on.Store(true)
	done := make(chan error)
	go func() { done <- s.Append([]hub.Entry{entryAt("room", 3), entryAt("new", 4)}) }()
	<-reached
	checkBefore(t, s)
	close(goOn)
	assert.NoError(t, <-done)
	assert.Equal(t, lastOf(t, s, "room"), 3)
	assert.Equal(t, lastOf(t, s, "new"), 4)
}

// Without waiting for the disk, it has what was written soon after, sessions too.
func TestSyncedSoon(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     Options
		write func(*Store) error
	}{
		{"messages", Options{Sync: SyncInterval, Interval: time.Millisecond}, func(s *Store) error { return s.Append([]hub.Entry{entryAt("room", 1)}) }},
		{"sessions", Options{Sync: SyncAlways}, func(s *Store) error { return s.SaveSessions([]hub.SessionRecord{{ID: "session-1"}}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var on atomic.Bool
			synced := make(chan struct{})
			disk := vfs.NewCrashableMem()
			fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
				sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
				if sync && strings.HasSuffix(op.Path, ".log") && on.CompareAndSwap(true, false) {
					close(synced)
				}
				return nil
			}))
			s := openOn(t, fs, c.o)
			on.Store(true)
			assert.NoError(t, c.write(s))
			<-synced
		})
	}
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

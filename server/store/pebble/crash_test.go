package pebble

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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
const crashed = 300

// fill makes a store with messages of so many bytes, which is never closed.
func fill(t *testing.T, disk vfs.FS, mode SyncMode, size int) {
	t.Helper()
	s := openOn(t, disk, Options{Sync: mode, Interval: time.Minute, boot: booted("1")})
	assert.NoError(t, s.Restart(5))
	for offset := range uint64(crashed) {
		e := entryAt("room", offset+1)
		e.Payload = make([]byte, size)
		assert.NoError(t, s.Append([]hub.Entry{e}))
	}
}

// sizes are of messages: with the larger ones the log of the database is begun anew now and
// then, and old ones are used again.
var sizes = []int{10, 20_000}

// When the process is killed, the system has all that Append has returned for.
func TestProcessIsKilled(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncInterval, SyncOff} {
		for _, size := range sizes {
			disk := vfs.NewCrashableMem()
			fill(t, disk, mode, size)
			all := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
			s := openOn(t, disk.CrashClone(all), Options{Sync: mode, boot: booted("1")})
			assert.Equal(t, s.State(), hub.StoreState{Epoch: 5, Last: crashed})
			assert.Equal(t, lastOf(t, s, "room"), crashed)
		}
	}
}

// When the power fails, what was not synced is lost, or some of it: never something of the
// middle, and never something that was promised.
func TestPowerFails(t *testing.T) {
	for _, mode := range []SyncMode{SyncAlways, SyncInterval, SyncOff} {
		for _, size := range sizes {
			for _, unsynced := range []int{0, 50, 100} {
				disk := vfs.NewCrashableMem()
				fill(t, disk, mode, size)
				rest := vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(1, uint64(unsynced)))}
				powerFailed(t, disk.CrashClone(rest), mode)
			}
		}
	}
}

func powerFailed(t *testing.T, disk vfs.FS, mode SyncMode) {
	t.Helper()
	s := openOn(t, disk, Options{boot: booted("2")})
	state := s.State()
	assert.Equal(t, state.Epoch, 5)
	assert.Equal(t, state.Torn, mode != SyncAlways)
	if mode == SyncAlways {
		assert.Equal(t, state.Last, crashed)
	}
	page, err := s.Read(context.Background(), "room", hub.Range{Limit: 5000, MaxBytes: 1 << 30})
	assert.NoError(t, err)
	assert.Equal(t, uint64(len(page.Messages)), state.Last)
	info, err := s.Info("room")
	assert.NoError(t, err)
	assert.Equal(t, info.Last, state.Last)
	assert.Equal(t, uint64(info.Messages), state.Last)
	assert.NoError(t, s.Restart(6))
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", state.Last+1)}))
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

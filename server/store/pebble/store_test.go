package pebble_test

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/store/pebble"
)

// eachMode runs a test with each SyncMode.
func eachMode(t *testing.T, test func(*testing.T, hubtest.OpenStore)) {
	for _, mode := range []pebble.SyncMode{pebble.SyncAlways, pebble.SyncInterval, pebble.SyncOff} {
		t.Run(mode.String(), func(t *testing.T) {
			test(t, func(t testing.TB, dir string) hub.Store {
				t.Helper()
				s, err := pebble.Open(dir, &pebble.Options{Sync: mode, Interval: 20 * time.Millisecond})
				assert.NoError(t, err)
				return s
			})
		})
	}
}

// local returns what opens engines on stores.
func local(open hubtest.OpenStore) hubtest.OpenEngine {
	return func(t testing.TB, dir string) hub.Engine { return hub.NewLocal(open(t, dir)) }
}

func TestStore(t *testing.T) {
	eachMode(t, func(t *testing.T, open hubtest.OpenStore) { hubtest.Store(t, open) })
}

func TestEngine(t *testing.T) {
	eachMode(t, func(t *testing.T, open hubtest.OpenStore) { hubtest.Engine(t, local(open)) })
}

func TestKill(t *testing.T) {
	eachMode(t, func(t *testing.T, open hubtest.OpenStore) { hubtest.Kill(t, local(open)) })
}

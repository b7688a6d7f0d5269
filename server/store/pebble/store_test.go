package pebble_test

import (
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/store/pebble"
)

func opener(mode pebble.SyncMode) hubtest.OpenStore {
	return func(t testing.TB, dir string) hub.Store {
		t.Helper()
		s, err := pebble.Open(dir, &pebble.Options{Sync: mode})
		assert.NoError(t, err)
		return s
	}
}

func TestStore(t *testing.T) {
	for _, mode := range []pebble.SyncMode{pebble.SyncAlways, pebble.SyncInterval, pebble.SyncOff} {
		t.Run(mode.String(), func(t *testing.T) { hubtest.Store(t, opener(mode)) })
	}
}

package app

import (
	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/store/pebble"
)

// A DataError says why the hub could not begin with the data that are there.
type DataError struct {
	Dir string // Config.Data
	Err error
}

// Error returns the sentence of the store.
func (e *DataError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the store.
func (e *DataError) Unwrap() error { return e.Err }

// syncs are the ways of the store to keep what Config.Sync promises.
var syncs = map[string]pebble.SyncMode{
	SyncAlways:   pebble.SyncAlways,
	SyncInterval: pebble.SyncInterval,
	SyncOff:      pebble.SyncOff,
}

// openHub opens the store, if there is to be one, and the hub above it.
func openHub(c *Config) (*hub.Hub, error) {
	var store hub.Store
	if c.Data != "" {
		opened, err := pebble.Open(c.Data, &pebble.Options{Sync: syncs[c.Sync], Log: c.Log})
		if err != nil {
			return nil, &DataError{c.Data, err}
		}
		store = opened
		if c.Restored {
			store = hub.Restored(opened)
		}
	}
	h, err := hub.New(&hub.Options{
		Engine:     hub.NewLocal(store),
		Rules:      c.Rules,
		SessionTTL: c.SessionTTL,
	})
	if err != nil {
		if store != nil {
			_ = store.Close()
		}
		return nil, &DataError{c.Data, err}
	}
	if c.Restored {
		c.Log.Warn("a new epoch has begun, as the data were put back from a copy: whoever comes back is told of a gap; do not say so at the next start", "data", c.Data)
	}
	return h, nil
}

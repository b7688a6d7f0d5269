package json_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/json"
)

// TestLogOfWhatWasNotStored has the log told of a disk that fails, once for a socket, and not
// of what clients do wrong, who could fill it so.
func TestLogOfWhatWasNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store := hubtest.NewMemStore()
		s := serve(t, json.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, &hub.Options{
			Engine: hub.NewLocal(store), Default: hub.Settings{Latest: true, MaxKeys: 1},
		})
		c := s.connect()
		c.ask(`{"sub":"prices"}`, `{"sub":"prices","at":"CURSOR","gap":false}`)
		c.send(`{"pub":"prices","key":"a","data":1}`)
		c.expect(`{"t":"prices","at":"CURSOR","ts":TIME,"data":1,"key":"a"}`)
		c.ask(`{"pub":"prices","key":"b","data":2,"id":1}`, `{"err":1,"code":"too_many","retry":false,"message":"…"}`)
		assert.Equal(t, log.String(), "")
		for range 2 {
			store.FailAppend(hub.ErrClosed)
			c.ask(`{"pub":"room","data":3,"id":2}`, `{"err":2,"code":"unavailable","retry":true,"message":"…"}`)
		}
		assert.Equal(t, strings.Count(log.String(), "a message was not stored"), 1)
	})
}

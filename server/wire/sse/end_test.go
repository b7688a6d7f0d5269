package sse

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A server that ends does not wait for a client that does not read for as long as it would
// otherwise.
func TestSlowClientDoesNotDelayTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, nil)
		c := s.silent("a")
		defer c.Close()
		synctest.Wait()
		s.publish("a", strings.Repeat("x", 1_000_000))
		synctest.Wait()
		began := time.Now()
		s.end()
		assert.NoError(t, s.srv.Shutdown(t.Context()))
		assert.True(t, time.Since(began) < DefaultWriteTimeout/2, "it has waited for the client")
	})
}

package sse

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestStuckStreamsShareWhatIsLarge has many clients that do not read stop in the middle of one
// large message: it is there once for all of them.
func TestStuckStreamsShareWhatIsLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, size = 32, 2 << 20
		s := serve(t, nil, nil)
		for range n {
			c, err := s.l.DialContext(t.Context(), "tcp", "")
			assert.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, "GET /t/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
			assert.NoError(t, err)
		}
		synctest.Wait()
		before := used()
		s.publish("a", strings.Repeat("x", size))
		synctest.Wait()
		held := used() - before
		assert.True(t, held < n*size/2, fmt.Sprint("the streams hold ", held>>20, " MiB"))
	})
}

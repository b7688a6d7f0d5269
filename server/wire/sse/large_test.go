package sse

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestStuckStreamsShareWhatIsLarge has many clients that do not read stop in the middle of one
// large message: it is there once for all of them.
func TestStuckStreamsShareWhatIsLarge(t *testing.T) {
	for _, target := range []string{"a", "a?envelope=1", "*"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, size = 32, 2 << 20
				s := serve(t, nil, nil)
				for range n {
					c := s.silent(target)
					defer c.Close()
				}
				synctest.Wait()
				before := used()
				s.publish("a", strings.Repeat("x", size))
				synctest.Wait()
				held := used() - before
				assert.True(t, held < n*size/2, fmt.Sprint("the streams hold ", held>>20, " MiB"))
			})
		})
	}
}

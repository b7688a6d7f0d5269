package wire

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestReadPostKeepsNoMore holds what a message holds against what it counts in the bounds of
// memory: its payload.
func TestReadPostKeepsNoMore(t *testing.T) {
	for _, size := range []int{0, 5, 100, 600, 100_000} {
		r := httptest.NewRequest(http.MethodPost, "/t/a", strings.NewReader(strings.Repeat("x", size)))
		m, err := ReadPost(httptest.NewRecorder(), r, "a", 1<<20)
		assert.NoError(t, err)
		assert.Equal(t, len(m.Payload), size)
		assert.True(t, cap(m.Payload) <= size+size/8+32, fmt.Sprint(size, " bytes hold ", cap(m.Payload)))
	}
}

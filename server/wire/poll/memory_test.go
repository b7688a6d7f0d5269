package poll_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/poll"
)

// TestRequestsAreNotKept holds what the hub keeps of requests whose queries are large: the
// name of the topic and the key of the message, and not the text that these are a part of.
func TestRequestsAreNotKept(t *testing.T) {
	const requests, size, bound = 100, 50_000, 10_000
	h, err := hub.New(nil)
	assert.NoError(t, err)
	defer h.Close()
	mux := http.NewServeMux()
	mux.Handle("/t/{topic}", poll.New(h, nil).Topic)
	before := heap()
	for i := range requests {
		method := []string{http.MethodPost, http.MethodGet}[i%2]
		query := "?key=k&x=" + strings.Repeat("x", size)
		r := httptest.NewRequestWithContext(t.Context(), method, fmt.Sprint("/t/a", i, query), strings.NewReader("hello"))
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r)
		assert.Equal(t, rec.Code, http.StatusOK)
	}
	each := (heap() - before) / requests
	assert.True(t, each <= bound, fmt.Sprint(each, " bytes for each request"))
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

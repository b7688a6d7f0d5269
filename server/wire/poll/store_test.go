package poll_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/poll"
)

// What could not be stored is not said to be, the log hears why and clients do not, and the
// same request is good when the disk is.
func TestDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		h, err := hub.New(&hub.Options{Engine: hub.NewLocal(store)})
		assert.NoError(t, err)
		defer h.Close()
		var log bytes.Buffer
		p := poll.New(h, &poll.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		do := func(handler http.Handler, body, id string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if id != "" {
				r.Header.Set("Idempotency-Key", id)
			}
			r.SetPathValue("topic", "a")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w
		}
		store.FailAppend(errors.New("write /secret/path: no space left on device"))
		w := do(p.Topic, "1", "k")
		assert.Equal(t, w.Code, http.StatusServiceUnavailable)
		assert.Contains(t, w.Body.String(), `"code":"unavailable","retry":true`)
		assert.True(t, !strings.Contains(w.Body.String(), "secret"), "a client is told of a file")
		assert.Contains(t, log.String(), "no space left on device")

		store.FailAppend(errors.New("write /secret/path: no space left on device"))
		assert.Contains(t, do(p.Batch, `[{"pub":"a","data":1}]`, "").Body.String(), `{"results":[{"code":"unavailable","retry":true,`)
		assert.Equal(t, strings.Count(log.String(), "\n"), 1) // once a second

		store.FailAppend(nil)
		w = do(p.Topic, "1", "k")
		assert.Equal(t, w.Code, http.StatusOK)
		assert.True(t, !strings.Contains(w.Body.String(), "duplicate"), "what failed is taken for a message")
	})
}

// The answer to a message comes when it is stored, and a request that waits is answered then,
// not before.
func TestAnswerComesWhenStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		s := serve(t, &hub.Options{Engine: hub.NewLocal(store)})
		at := s.history("a").At
		polled, posted := make(chan history, 1), make(chan receipt, 1)
		go func() { polled <- s.history("a?wait=60s&after=" + at) }()
		synctest.Wait()
		waits, release := store.HoldAppend()
		go func() { posted <- s.publish("a", "x") }()
		<-waits
		synctest.Wait()
		assert.Equal(t, len(polled)+len(posted), 0)
		release()
		h, r := <-polled, <-posted
		assert.Equal(t, h.String(), "x")
		assert.Equal(t, h.Messages[0].At, r.At)
	})
}

package conformance

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A hosted run is CheckClients in the background.
type hosted struct {
	addr string
	wait func() (*Report, error)
}

// startHost starts CheckClients.
func startHost(ctx context.Context, t *testing.T, o *Options) hosted {
	t.Helper()
	l := wlisten(t)
	var r *Report
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { r, err = CheckClients(ctx, l, o) })
	t.Cleanup(wg.Wait)
	return hosted{l.Addr().String(), func() (*Report, error) {
		wg.Wait()
		return r, err
	}}
}

// get makes an ordinary request.
func (h *hosted) get(t *testing.T) (status int, body string) {
	t.Helper()
	resp, err := http.Get("http://" + h.addr + "/some/page")
	assert.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	return resp.StatusCode, string(b)
}

func TestCheckClientsReports(t *testing.T) {
	t.Parallel() // it may wait for a second client to say goodbye to
	done := 0
	h := startHost(t.Context(), t, &Options{Run: aFew, Timeout: patience, Progress: func(p Progress) { done = p.Done }})
	b := &breed{}
	for range len(selected(aFew)) {
		assert.NoError(t, b.dial(t.Context(), "ws://"+h.addr+"/"))
	}
	err := b.dial(t.Context(), "ws://"+h.addr+"/")
	assert.Contains(t, err.Error(), "410")
	r, err := h.wait()
	assert.NoError(t, err)
	assert.Equal(t, r.Role, "client")
	assert.Equal(t, r.Endpoint, h.addr)
	assert.Equal(t, r.Count(Passed), len(selected(aFew)))
	assert.Equal(t, done, len(r.Results))
}

// selected returns the client tests that Run selects.
func selected(run string) []Test {
	_, tests, err := (&Options{Run: run}).settle(ClientTests())
	if err != nil {
		panic(err)
	}
	return tests
}

// TestOthersConsumeNoTest shows that a person with a browser, a port scanner and a
// connection that says nothing do not disturb a run, and that the person is told
// what to do.
func TestOthersConsumeNoTest(t *testing.T) {
	t.Parallel() // it waits for connections that say nothing to be given up
	h := startHost(t.Context(), t, &Options{Run: aFew, Timeout: time.Second})
	status, page := h.get(t)
	assert.Equal(t, status, http.StatusOK)
	assert.Contains(t, page, "0 of 19 tests are done")
	assert.Contains(t, page, "1. Connect to ws://"+h.addr+"/")
	for _, s := range []string{"", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a<b\r\n\r\n", "GET /", strings.Repeat("x", 2*maxHead)} {
		c, err := net.Dial("tcp", h.addr)
		assert.NoError(t, err)
		io.WriteString(c, s)
		answer, _ := io.ReadAll(c)
		assert.True(t, !strings.Contains(string(answer), "<"), "the answer repeats what came")
		c.Close()
	}
	b := &breed{}
	for range len(selected(aFew)) {
		assert.NoError(t, b.dial(t.Context(), "ws://"+h.addr+"/"))
	}
	r, err := h.wait() // nobody comes for the 410
	assert.NoError(t, err)
	assert.Equal(t, r.Count(Passed), len(selected(aFew)))
}

func TestClientsVanish(t *testing.T) {
	t.Parallel() // it waits
	h := startHost(t.Context(), t, &Options{Run: aFew, Timeout: quick})
	b := &breed{}
	for range 3 {
		assert.NoError(t, b.dial(t.Context(), "ws://"+h.addr+"/"))
	}
	c, err := net.Dial("tcp", h.addr)
	assert.NoError(t, err)
	c.Close()
	r, err := h.wait()
	assert.Equal(t, len(r.Results), 3)
	assert.Contains(t, err.Error(), "websocket: conformance: stopped after 3 of 19 tests: "+
		`the client did not come back within 3s after the test "`+selected(aFew)[2].ID()+`"`)
	assert.Contains(t, err.Error(), "a connection came to nothing: 0 bytes and no request: EOF")
}

func TestCheckClientsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Progress)
	h := startHost(ctx, t, &Options{Run: aFew, Timeout: time.Hour, Progress: func(p Progress) { done <- p }})
	b := &breed{}
	assert.NoError(t, b.dial(t.Context(), "ws://"+h.addr+"/"))
	<-done
	silent, err := net.Dial("tcp", h.addr)
	assert.NoError(t, err)
	defer silent.Close()
	cancel()
	r, err := h.wait()
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, len(r.Results), 1)
}

func TestCheckClientsOverTLS(t *testing.T) {
	t.Parallel() // it may wait as well
	b := &breed{secure: true}
	o := &Options{Run: aFew, Timeout: patience, TLS: &tls.Config{Certificates: []tls.Certificate{certificate()}}}
	h := startHost(t.Context(), t, o)
	for range len(selected(aFew)) {
		assert.NoError(t, b.dial(t.Context(), "wss://"+h.addr+"/"))
	}
	assert.True(t, b.dial(t.Context(), "wss://"+h.addr+"/") != nil, "no 410")
	r, err := h.wait()
	assert.NoError(t, err)
	assert.Equal(t, r.Count(Passed), len(r.Results))
}

// TestParallelClients shows that connections at the same time are tests at the same
// time, as far as Options.Parallel lets them.
func TestParallelClients(t *testing.T) {
	h := startHost(t.Context(), t, &Options{Run: aFew, Timeout: patience, Parallel: 3})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for (&breed{}).dial(t.Context(), "ws://"+h.addr+"/") == nil {
			}
		})
	}
	wg.Wait()
	r, err := h.wait()
	assert.NoError(t, err)
	assert.Equal(t, r.Count(Passed), len(selected(aFew)))
}

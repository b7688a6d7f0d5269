package event_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/internal/recheck"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/event"
)

// A published run is one of the published suite against a server or client: how that is
// set up, and what the suite is told of that. They are those of the blocking Conn.
type publishedRun struct {
	name         string
	secure       bool
	limit        int64
	told         bool // the suite is told of the limit
	subprotocols []string
	compression  *websocket.Compression
	tests        string // a regular expression; all if it is empty
	raced        string // the same under the race detector, where all would take minutes
}

// publishedRuns are what it takes for each test to have what it needs.
func publishedRuns() []publishedRun {
	names := []string{"chat", "superchat"}
	return []publishedRun{
		{
			name: "plain", limit: 16 << 20, subprotocols: names, compression: &websocket.Compression{},
			raced: `^(opening|closing)/|^deflate/RFC 7692 §7\.2\.[12]`,
		},
		{
			name: "over TLS", secure: true, limit: 16 << 20, subprotocols: names, compression: &websocket.Compression{},
			tests: `^(opening|framing|control|closing|transport)/`, raced: `^closing/`,
		},
		{
			name: "with a limit", limit: 1 << 20, told: true, compression: &websocket.Compression{},
			tests: "^limits/", raced: `^limits/§10\.4 (text|binary|fragments)`,
		},
		{
			name: "without compression", limit: 16 << 20,
			tests: "^(opening|extension|framing|reserved)/", raced: "^(extension|reserved)/",
		},
		{
			name: "with other windows", limit: 16 << 20, tests: "^(extension|deflate)/", raced: "^extension/",
			compression: &websocket.Compression{Threshold: -1, WindowBits: 15, PeerWindowBits: 10, PeerNoContextTakeover: true},
		},
	}
}

// TestPublishedSuite runs the suite that anybody can run against servers of all ways and
// clients of both drivers.
func TestPublishedSuite(t *testing.T) {
	for _, run := range publishedRuns() {
		for _, w := range ways {
			// The epoll driver leaves TLS to the other one.
			if w.network == "tcp" && run.secure == w.secure {
				t.Run("server "+run.name+", "+w.name, func(t *testing.T) {
					run.check(t, func(o *conformance.Options) (*conformance.Report, error) { return run.server(t, w, o) })
				})
			}
		}
		for _, d := range []event.Driver{event.Goroutines, event.Epoll} {
			if run.secure && d == event.Epoll {
				continue
			}
			t.Run("client "+run.name+", "+d.String(), func(t *testing.T) {
				run.check(t, func(o *conformance.Options) (*conformance.Report, error) { return run.client(t, d, o) })
			})
		}
	}
}

// remarks are what does not simply pass, with the reason.
var remarks = map[string]string{
	"extension/RFC 7692 §7.1.2.2 answer with client_max_window_bits, which was not offered": "our client always offers it, as browsers do",
}

// check runs the suite and reports what does not pass. What is only told for information
// is logged: a listener of our own closes after a refusal, and takes no bare LF.
func (run *publishedRun) check(t *testing.T, f func(o *conformance.Options) (*conformance.Report, error)) {
	o := conformance.Options{Run: run.tests, Subprotocols: run.subprotocols, Timeout: 4 * conformance.DefaultTimeout}
	if run.told {
		o.MaxMessage = run.limit
	}
	if raced {
		o.Run = run.raced
	}
	r := recheck.Run(t, o, f)
	for i := range r.Results {
		res := &r.Results[i]
		switch {
		case res.Verdict == conformance.Failed, res.Verdict == conformance.NotStrict && remarks[res.ID()] == "":
			t.Errorf("%s", res)
		case res.Verdict == conformance.Informational:
			t.Logf("%s: for information: %s", res.ID(), res.Problem)
		}
	}
	t.Logf("%s in %v", r, r.Elapsed)
}

// server checks a server that sends back each message.
func (run *publishedRun) server(t *testing.T, w way, o *conformance.Options) (*conformance.Report, error) {
	s := w.serve(t, echo, event.Options{
		MaxMessage: run.limit, Subprotocols: run.subprotocols, Compression: run.compression, MaxQueue: 64 << 20,
	})
	url := "ws://" + s.l.Addr().String()
	if run.secure {
		url = "wss://" + s.l.Addr().String()
		_, o.TLS = certificates()
	}
	return conformance.CheckServer(t.Context(), url, o)
}

// client checks a client that does the same.
func (run *publishedRun) client(t *testing.T, d event.Driver, o *conformance.Options) (*conformance.Report, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	dial := &websocket.DialOptions{
		MaxMessage: run.limit, MaxQueue: 64 << 20, Subprotocols: run.subprotocols, Compression: run.compression, Proxy: noProxy,
	}
	url := "ws://" + l.Addr().String()
	if run.secure {
		server, client := certificates()
		o.TLS = &tls.Config{Certificates: server.Certificates}
		dial.TLSConfig = client
		url = "wss://" + l.Addr().String()
	}
	h := echo
	h.OnClose = func(c *event.Conn, _ error) { close(c.Data().(chan struct{})) }
	client := event.NewClient(h, &event.ClientOptions{Driver: d, Dial: dial})
	defer client.Shutdown(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range conformance.DefaultParallel {
		wg.Go(func() {
			for ctx.Err() == nil {
				ended := make(chan struct{})
				_, resp, err := client.Dial(ctx, url, ended)
				switch {
				case err == nil:
					<-ended
				case resp != nil && resp.StatusCode == http.StatusGone:
					return
				}
			}
		})
	}
	return conformance.CheckClients(ctx, l, o)
}

package websocket_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/internal/recheck"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// A published run is one of the published suite against our own Conn: how the
// Conn is set up, and what the suite is told of that.
type publishedRun struct {
	name         string
	secure       bool
	limit        int64 // 0: none that the tests reach
	told         bool  // the suite is told of the limit
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
			raced: `^(opening|control|closing)/|^transport/(RFC|§[147])|^deflate/RFC 7692 §7\.2\.[12]`,
		},
		{
			name: "over TLS", secure: true, limit: 16 << 20, subprotocols: names, compression: &websocket.Compression{},
			raced: `^closing/|^transport/(RFC|§7)`,
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

// TestPublishedSuite runs the suite that anybody can run against our own Conn as
// server and as client, and compares what comes of it with CONFORMANCE.md. No test
// is left out, save under the race detector.
func TestPublishedSuite(t *testing.T) {
	results := standing{}
	for _, run := range publishedRuns() {
		for role, check := range map[string]func(*testing.T, *conformance.Options) (*conformance.Report, error){
			"server": run.server, "client": run.client,
		} {
			t.Run(role+" "+run.name, func(t *testing.T) {
				o := conformance.Options{Run: run.tests, Subprotocols: run.subprotocols, Timeout: 4 * conformance.DefaultTimeout}
				if run.told {
					o.MaxMessage = run.limit
				}
				if raced {
					o.Run = run.raced
				}
				r := recheck.Run(t, o, func(o *conformance.Options) (*conformance.Report, error) { return check(t, o) })
				for i := range r.Results {
					res := &r.Results[i]
					results.add(role, res)
					if res.Verdict == conformance.Failed {
						t.Errorf("%s", res)
					}
				}
				t.Logf("%s in %v", r, r.Elapsed)
			})
		}
	}
	if !t.Failed() && !raced {
		results.compare(t)
	}
}

// server checks a server that sends back each message.
func (run *publishedRun) server(t *testing.T, o *conformance.Options) (*conformance.Report, error) {
	s := httptest.NewUnstartedServer(websocket.Handler(sendBack, &websocket.AcceptOptions{
		MaxMessage: run.limit, Subprotocols: run.subprotocols, Compression: run.compression,
	}))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // a test tries an old TLS
	if !run.secure {
		s.Start()
		return conformance.CheckServer(t.Context(), s.URL, o)
	}
	s.StartTLS()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	o.TLS = &tls.Config{RootCAs: pool}
	return conformance.CheckServer(t.Context(), s.URL, o)
}

// client checks a client that does the same.
func (run *publishedRun) client(t *testing.T, o *conformance.Options) (*conformance.Report, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	dial := &websocket.DialOptions{
		MaxMessage: run.limit, Subprotocols: run.subprotocols, Compression: run.compression, Proxy: noProxy,
	}
	url := "ws://" + l.Addr().String()
	if run.secure {
		s := httptest.NewTLSServer(nil) // for its certificate
		defer s.Close()
		o.TLS = &tls.Config{Certificates: s.TLS.Certificates}
		dial.TLSConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
		url = "wss://" + l.Addr().String()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range conformance.DefaultParallel {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, resp, err := websocket.Dial(ctx, url, dial)
				switch {
				case err == nil:
					_ = sendBack(ctx, c)
					_ = c.CloseNow()
				case resp != nil && resp.StatusCode == http.StatusGone:
					return
				}
			}
		})
	}
	return conformance.CheckClients(ctx, l, o)
}

// sendBack sends back each message until the connection ends.
func sendBack(ctx context.Context, c *websocket.Conn) error {
	for {
		kind, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, kind, p); err != nil {
			return err
		}
	}
}

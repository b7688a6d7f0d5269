package conformance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// CheckServer runs the tests of a server against the one at a URL with the scheme
// ws, wss, http or https, which must send back each message as it came. o may be
// nil.
//
// The error says why there is no report: the options or the URL make no sense, a
// first connection could not be opened at all, or ctx ended. In the last case the
// report of the tests done so far comes with it.
func CheckServer(ctx context.Context, rawURL string, o *Options) (*Report, error) {
	o, tests, err := o.settle(ServerTests())
	if err != nil {
		return nil, err
	}
	s, err := newSite(rawURL, o)
	if err != nil {
		return nil, err
	}
	if err := s.greet(ctx); err != nil {
		return nil, err
	}
	return s.check(ctx, tests)
}

// check runs the tests.
func (s *site) check(ctx context.Context, tests []Test) (*Report, error) {
	o := s.o
	r := newRun("server", s.url.Redacted(), o, tests)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(o.Parallel, len(tests)) {
		wg.Go(func() {
			for i := range next {
				if result := tests[i].conduct(ctx, o, Client, s.way()); ctx.Err() == nil {
					r.finish(i, result)
				}
			}
		})
	}
	for i := range tests {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wg.Wait()
	return r.end(ctx)
}

// A site is where a server is.
type site struct {
	o      *Options
	url    *url.URL
	addr   string
	secure bool
}

// newSite reads a URL.
func newSite(rawURL string, o *Options) (*site, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("websocket: conformance: %w", err)
	}
	s := &site{o: o, url: u}
	port := "80"
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		s.secure, port = true, "443"
	default:
		return nil, fmt.Errorf("websocket: conformance: URL %q: the scheme must be ws, wss, http or https", u.Redacted())
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("websocket: conformance: URL %q has no host", u.Redacted())
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s.addr = net.JoinHostPort(u.Hostname(), port)
	return s, nil
}

// way returns how a test gets its connections.
func (s *site) way() way {
	return way{dial: s.dial, dialTLS: s.dialTLS, host: s.url.Host, target: s.url.RequestURI(), secure: s.secure}
}

// dial opens a connection.
func (s *site) dial(ctx context.Context) (net.Conn, error) { return s.dialTLS(ctx, 0, 0) }

// dialTLS opens a connection. If there is TLS, its version is one of those given,
// where 0 means what the options say.
func (s *site) dialTLS(ctx context.Context, oldest, newest uint16) (net.Conn, error) {
	d := net.Dialer{Timeout: s.o.Timeout}
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil || !s.secure {
		return conn, err
	}
	config := s.o.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = s.url.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	if newest != 0 {
		config.MinVersion, config.MaxVersion = oldest, newest
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	secure := tls.Client(&recordSpy{Conn: conn}, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}

// greet opens a first connection, so that a server that is not there gives one
// error and not one for each test. What goes wrong behind the 101 is for the tests
// to judge.
func (s *site) greet(ctx context.Context) error {
	opened := false
	t := Test{Name: "first connection", run: func(p *peer) {
		p.way.dial = func(ctx context.Context) (net.Conn, error) {
			conn, err := s.dial(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", s.explain(err), err)
			}
			return conn, err
		}
		p.open()
		opened = true
		p.send(bye(1000, ""))
		p.settle()
	}}
	r := t.conduct(ctx, s.o, Client, s.way())
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("websocket: conformance: %w", ctx.Err())
	case !opened:
		return fmt.Errorf("websocket: conformance: %s cannot be tested: %s", s.url.Redacted(), r.Problem)
	}
	return nil
}

// explain says in words why a connection could not be opened.
func (s *site) explain(err error) string {
	var unknown *net.DNSError
	var authority x509.UnknownAuthorityError
	var certificate *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "there is no host " + s.url.Hostname()
	case errors.As(err, &authority):
		return "its certificate is signed by nobody this machine trusts, see Options.TLS"
	case errors.As(err, &certificate):
		return "its certificate is not good for " + s.url.Hostname()
	case errors.As(err, &plain):
		return "it does not speak TLS, is it a ws URL?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at " + s.addr
	case isTimeout(err):
		return "no answer within " + s.o.Timeout.String()
	default:
		return "it cannot be reached"
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// A run collects the results of tests that are made at the same time.
type run struct {
	o      *Options
	mu     sync.Mutex
	done   int
	ready  []bool
	report *Report
}

func newRun(role, endpoint string, o *Options, tests []Test) *run {
	return &run{o: o, ready: make([]bool, len(tests)), report: &Report{
		Endpoint: endpoint, Role: role, Started: time.Now(), Results: make([]Result, len(tests)),
	}}
}

// finish takes the result of test i.
func (r *run) finish(i int, result Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Results[i] = result
	r.ready[i] = true
	r.done++
	if r.o.Progress != nil {
		r.o.Progress(Progress{Done: r.done, Total: len(r.ready), Result: &r.report.Results[i]})
	}
}

// end returns the report, and an error if tests are missing because ctx ended.
func (r *run) end(ctx context.Context) (*Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Elapsed = time.Since(r.report.Started)
	if r.done == len(r.ready) && ctx.Err() == nil {
		return r.report, nil
	}
	var kept []Result
	for i, ok := range r.ready {
		if ok {
			kept = append(kept, r.report.Results[i])
		}
	}
	r.report.Results = kept
	return r.report, fmt.Errorf("websocket: conformance: stopped after %d of %d tests: %w", r.done, len(r.ready), context.Cause(ctx))
}

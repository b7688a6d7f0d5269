package conformance

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Defaults of Options, used where a field is zero.
const (
	DefaultParallel = 16
	DefaultTimeout  = 2 * time.Second
)

// Options says how an endpoint is tested and what is known of it. The zero
// value, like nil, means the defaults.
type Options struct {
	// TLS is how connections are secured. CheckServer uses it for wss and
	// https URLs, where nil means the certificates the system trusts.
	// CheckClients serves TLS if it is not nil; it needs a certificate then.
	TLS *tls.Config

	// Header is added to each opening request, or to each answer that opens
	// a connection. Headers of the handshake itself must not be in it.
	Header http.Header

	// Run selects tests by a regular expression on "area/name", as in
	// "^closing/" or "§5.4". Default: all.
	Run string

	// Parallel is how many tests run at the same time, each on connections
	// of its own. Default 16.
	Parallel int

	// Timeout is how long the endpoint may take for one answer, or to take
	// in 64 KiB. Default 2 s.
	Timeout time.Duration

	// MaxMessage is the largest message the endpoint is set up to accept, in
	// bytes. 0 means that it is not known, and tests which need it are
	// Unsupported.
	MaxMessage int64

	// Subprotocols are those the server is known to speak, best first. If
	// there are none, tests which need one are Unsupported.
	Subprotocols []string

	// Progress, if not nil, is called after each test, by one goroutine at a
	// time. It should return soon.
	Progress func(Progress)

	keys *keyRing // of the clients, in this run
}

// Progress says how far a run has come.
type Progress struct {
	Done, Total int // tests

	// Result is that of the test that was done last. It must not be changed.
	Result *Result
}

// settle returns a copy of o with the defaults filled in, and the tests it
// selects.
func (o *Options) settle(tests []Test) (*Options, []Test, error) {
	s := Options{}
	if o != nil {
		s = *o
	}
	s.keys = new(keyRing)
	switch {
	case s.Parallel < 0 || s.Timeout < 0 || s.MaxMessage < 0:
		return nil, nil, errors.New("websocket: conformance: Parallel, Timeout and MaxMessage must not be negative")
	case s.MaxMessage > 0 && s.MaxMessage < minLimit:
		return nil, nil, fmt.Errorf("websocket: conformance: MaxMessage is %d bytes: set the endpoint up with at least %d, as most tests send more",
			s.MaxMessage, minLimit)
	}
	if s.Parallel == 0 {
		s.Parallel = DefaultParallel
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if err := checkHeader(s.Header); err != nil {
		return nil, nil, err
	}
	chosen, err := regexp.Compile(s.Run)
	if err != nil {
		return nil, nil, fmt.Errorf("websocket: conformance: Run is not a regular expression: %w", err)
	}
	tests = slices.DeleteFunc(slices.Clone(tests), func(t Test) bool { return !chosen.MatchString(t.ID()) })
	if len(tests) == 0 {
		return nil, nil, fmt.Errorf("websocket: conformance: no test matches Run %q", s.Run)
	}
	return &s, tests, nil
}

// checkHeader refuses fields that would change what the tests are about.
func checkHeader(h http.Header) error {
	for name, values := range h {
		own := slices.Contains([]string{"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}, http.CanonicalHeaderKey(name)) ||
			strings.HasPrefix(strings.ToLower(name), "sec-websocket-")
		switch {
		case own:
			return fmt.Errorf("websocket: conformance: Header must not have %s: it belongs to the tests", name)
		case !isToken(name), strings.ContainsAny(strings.Join(values, ""), "\r\n\x00"):
			return fmt.Errorf("websocket: conformance: Header has %q, which is no field of HTTP", name)
		}
	}
	return nil
}

// minLimit is the least MaxMessage an endpoint can be tested with.
const minLimit = 1 << 10

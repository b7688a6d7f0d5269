package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A recordedT is a T that writes down what it is told.
type recordedT struct {
	ctx  context.Context
	said *[]string
}

func newRecordedT(t *testing.T) recordedT { return recordedT{t.Context(), new([]string)} }

func (r recordedT) say(how, format string, args ...any) {
	*r.said = append(*r.said, how+" "+fmt.Sprintf(format, args...))
}

func (r recordedT) Helper()                           {}
func (r recordedT) Context() context.Context          { return r.ctx }
func (r recordedT) Logf(format string, args ...any)   { r.say("log", format, args...) }
func (r recordedT) Errorf(format string, args ...any) { r.say("error", format, args...) }
func (r recordedT) Fatalf(format string, args ...any) {
	r.say("fatal", format, args...)
	panic(errFatal)
}

func (r recordedT) Run(name string, f func(recordedT)) bool {
	r.say("run", "%s", name)
	f(r)
	return true
}

var errFatal = errors.New("fatal")

// fatal runs f and reports whether it ended in Fatalf.
func fatal(f func()) (ended bool) {
	defer func() { ended = recover() == errFatal }()
	f()
	return false
}

// TestTestServer uses it as anybody does.
func TestTestServer(t *testing.T) {
	TestServer(t, serveMutants(t, &breed{}), Options{Run: aFew, Timeout: patience})
}

func TestTestClient(t *testing.T) {
	TestClient(t, (&breed{}).dial, Options{Run: aFew, Timeout: patience})
}

func TestTestServerReports(t *testing.T) {
	t.Parallel() // it waits for what the server does too late
	r := newRecordedT(t)
	url := serveMutants(t, &breed{flaws: []string{"loses the last byte", "checks UTF-8 at the end"}})
	TestServer(r, url, Options{Timeout: time.Second, Run: `§5\.2 text of [01] bytes$|§8\.1 text has the byte C0, found|§10\.4 text of the limit$`})
	said := *r.said
	assert.Equal(t, len(said), 8)
	assert.Equal(t, said[:2], []string{"run framing/§5.2 text of 0 bytes", "run framing/§5.2 text of 1 bytes"})
	assert.Contains(t, said[2], "error failed: §5.2 text of 1 bytes\n  wrong echo: got text \"\", want text \"a\"\nMUST: ")
	assert.Contains(t, said[2], "\n    text, fin, rsv 0, masked, 1 bytes: \"a\"\n")
	assert.Equal(t, said[3], "run utf8/§8.1 text has the byte C0, found before the frame is complete")
	assert.Contains(t, said[4], "log not strict: the server does not fail the connection")
	assert.Equal(t, said[5], "run limits/§10.4 text of the limit")
	assert.Equal(t, said[6], "log unsupported: Options.MaxMessage is not given")
	assert.Contains(t, said[7], ": 4 tests, 1 passed, 1 not strict, 0 informational, 1 unsupported, 1 failed")
}

func TestTestServerNeedsAServer(t *testing.T) {
	r := newRecordedT(t)
	assert.True(t, fatal(func() { TestServer(r, "ws://127.0.0.1:1") }), "no Fatalf")
	assert.Contains(t, (*r.said)[0], "fatal websocket: conformance: ws://127.0.0.1:1 cannot be tested: ")
}

// TestTestClientNeedsAClient has a dial that never connects, and one that connects
// only some times.
func TestTestClientNeedsAClient(t *testing.T) {
	r := newRecordedT(t)
	never := func(context.Context, string) error { return errors.New("no network") }
	assert.True(t, fatal(func() { TestClient(r, never, Options{Run: aFew}) }), "no Fatalf")
	assert.Contains(t, (*r.said)[0], "fatal websocket: conformance: stopped after 0 of 19 tests: dial returned without a connection: no network")

	r = newRecordedT(t)
	var times atomic.Int32
	tires := func(ctx context.Context, url string) error {
		if times.Add(1) > 5 {
			return nil
		}
		return (&breed{}).dial(ctx, url)
	}
	assert.True(t, fatal(func() { TestClient(r, tires, Options{Run: aFew, Parallel: 1}) }), "no Fatalf")
	assert.Contains(t, (*r.said)[0], "of 19 tests: dial returned without a connection: it gave no error")
}

// TestTestClientEndsItsClients shows that a dial that would wait for ever is told to
// give up when all tests are done.
func TestTestClientEndsItsClients(t *testing.T) {
	r := newRecordedT(t)
	hangs := func(ctx context.Context, url string) error {
		if err := (&breed{}).dial(ctx, url); err != nil {
			<-ctx.Done()
		}
		return nil
	}
	TestClient(r, hangs, Options{Run: aFew, Timeout: patience}) // or it waits for ever
	said := strings.Join(*r.said, "\n")
	assert.Contains(t, said, ": 19 tests, 19 passed")
}

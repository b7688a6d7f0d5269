package conformance

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"time"
)

// A peer is the suite's end of one connection, and what a Test is written in.
// Its methods stop the test when something decides it.
type peer struct {
	ctx  context.Context
	o    *Options // settled
	role Role     // whom the suite plays
	test *Test
	way  way

	conn     net.Conn
	release  func() bool // of conn from ctx
	end      *ending     // how the endpoint's direction ended, nil while it has not
	broken   bool        // nothing more can be written
	deadline time.Time
	deaf     bool   // does not read while it writes or pauses
	in       []byte // received, not yet used

	opening  opening
	exchange conversation

	verdict  Verdict
	problems []string
	rec      recorder
}

// A way is how a peer gets its connection.
type way struct {
	dial     func(context.Context) (net.Conn, error)                            // server tests, and the accepted one in client tests
	dialTLS  func(ctx context.Context, oldest, newest uint16) (net.Conn, error) // server tests over TLS: with one of these versions
	host     string                                                             // for the Host header
	target   string                                                             // for the request line
	greeting []byte                                                             // client tests: what was read from the connection already
	secure   bool
}

// testLimit is how many timeouts a whole test may take.
const testLimit = 20

// conduct runs t as the other end of an endpoint that is reached by w, and
// returns what came of it. It never panics.
func (t *Test) conduct(ctx context.Context, o *Options, role Role, w way) Result {
	began := time.Now()
	p := &peer{
		ctx: ctx, o: o, role: role, test: t, way: w,
		deadline: began.Add(testLimit * o.Timeout),
		rec:      recorder{began: began},
	}
	p.perform()
	p.leave()
	return Result{
		Name: t.Name, Area: t.Area, Rule: t.Rule, Level: t.Level,
		Verdict: p.verdict, Problem: strings.Join(p.problems, "\n"),
		Log: p.rec.exchanges(), Elapsed: time.Since(began),
	}
}

// stopped is what a peer panics with to end its test.
type stopped struct{}

// perform runs the test until it ends or is stopped.
func (p *peer) perform() {
	defer func() {
		switch err := recover(); err.(type) {
		case nil, stopped:
		default:
			p.verdict = Failed
			p.problems = append(p.problems, fmt.Sprintf("internal error of the suite, not of the endpoint: %v\n%s", err, debug.Stack()))
		}
	}()
	p.test.run(p)
}

// stop ends the test as it stands.
func (p *peer) stop() { panic(stopped{}) }

// judge writes a problem down, which makes the verdict v if it was better.
func (p *peer) judge(v Verdict, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
	p.verdict = max(p.verdict, min(v, p.test.Level.worst()))
}

// must stops the test as broken if ok is false. The words say what the endpoint
// did wrong. A test of a lower Level is not Failed by it, but gets the worst
// verdict of its level.
func (p *peer) must(ok bool, format string, args ...any) {
	if !ok {
		p.judge(Failed, format, args...)
		p.stop()
	}
}

// should notes that a recommendation was not kept if ok is false, and goes on.
func (p *peer) should(ok bool, format string, args ...any) {
	if !ok {
		p.judge(NotStrict, format, args...)
	}
}

// inform notes a difference that breaks no rule if ok is false, and goes on.
func (p *peer) inform(ok bool, format string, args ...any) {
	if !ok {
		p.judge(Informational, format, args...)
	}
}

// unsupported stops the test: it needs what is not there.
func (p *peer) unsupported(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
	p.verdict = Unsupported
	p.stop()
}

// note writes a remark on what the suite did into the log.
func (p *peer) note(format string, args ...any) { p.rec.note(true, format, args...) }

// remark writes one on what the endpoint did.
func (p *peer) remark(format string, args ...any) { p.rec.note(false, format, args...) }

// endpoint names the endpoint under test.
func (p *peer) endpoint() string { return "the " + p.role.Other().String() }

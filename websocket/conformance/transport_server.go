package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"time"
)

// transportServerTests are about servers. Beside what holds for either role they
// look at what one connection does to others.
func transportServerTests() []Test {
	return slices.Concat(transportTests(), neighbourTests(), versionOfTLSTests())
}

// neighbourTests hold a connection up in some way and want another to be served.
func neighbourTests() (tests []Test) {
	const rule = "Nothing is said of what one connection may do to another. A server that lets one hold up the rest can be held up by anybody."
	beside := func(what string, hold func(p *peer)) Test {
		return transport("§10.4 another connection is served while "+what, May, rule, func(p *peer) {
			hold(p)
			p.beside(func(q *peer) {
				q.open()
				q.works()
			})
		})
	}
	for _, s := range []struct {
		what   string
		pieces []Piece
	}{
		{"inside a header", sends(text("half").keep(1))},
		{"inside a payload", sends(text("half of it").cut(5))},
		{"inside a fragmented message", sends(text("half").more())},
		{"behind a message", sends(text("m"))},
		{"behind a close frame", sends(bye(1000, ""))},
	} {
		tests = append(tests, beside("one was reset "+s.what, func(p *peer) {
			p.send(s.pieces...)
			p.reset()
			p.pause(50 * time.Millisecond) // for the server to notice
		}))
	}
	return append(tests,
		beside("one is silent", func(*peer) {}),
		beside("one is inside a header", func(p *peer) { p.send(text("half").keep(1)) }),
		beside("one is inside a payload", func(p *peer) { p.send(bin(octets(p.size(modest))).cut(100)) }),
		beside("one is inside a fragmented message", func(p *peer) { p.send(text("half").more()) }),
		beside("one does not read its echoes", func(p *peer) {
			p.writeUnread(pieces(384, func(int) Piece { return bin(octets(p.size(modest))) }), 200*time.Millisecond)
		}),
		beside("one has failed and stays", func(p *peer) {
			p.send(text("wrong").rsv(2))
			p.await(p.o.Timeout, func() bool { return p.exchange.closed != nil })
		}),
		Test{
			Name: "§10.4 another connection is served while one is inside its request", Area: "transport", Level: May, Rule: rule,
			run: func(p *peer) {
				p.connect()
				b := p.request()
				p.write(b[:len(b)/2])
				p.beside(func(q *peer) {
					q.open()
					q.works()
				})
				p.write(b[len(b)/2:])
				opens(p)
			},
		},
	)
}

// beside runs a part of the test on a second connection.
func (p *peer) beside(run func(q *peer)) {
	q := &peer{
		ctx: p.ctx, o: p.o, role: p.role, test: p.test, way: p.way,
		deadline: p.deadline, rec: recorder{began: p.rec.began},
	}
	p.note("opens a second connection")
	defer func() {
		p.problems = append(p.problems, q.problems...)
		p.verdict = max(p.verdict, q.verdict)
		if q.conn != nil {
			_ = q.conn.Close()
		}
	}()
	run(q)
}

// reset ends the transport with an RST.
func (p *peer) reset() {
	p.note("reset TCP")
	conn := rawConn(p.conn)
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
	p.broken, p.end = true, &ending{how: "was left", err: net.ErrClosed}
}

// versionOfTLSTests open connections with one version of TLS each.
func versionOfTLSTests() (tests []Test) {
	version := func(name, rule string, oldest, newest uint16, want func(p *peer, err error)) Test {
		return Test{Name: name, Area: "transport", Level: Must, Rule: rule, run: func(p *peer) {
			if !p.way.secure {
				p.unsupported("the connection has no TLS")
			}
			conn, err := p.way.dialTLS(p.ctx, oldest, newest)
			if err == nil {
				p.way.dial = func(context.Context) (net.Conn, error) { return conn, nil }
				p.connect()
			}
			want(p, err)
		}}
	}
	opensOver := func(p *peer, err error) {
		p.must(!errors.Is(err, context.DeadlineExceeded), "no connection: %v", err)
		if err != nil {
			p.unsupported("%s does not speak this version: %v", p.endpoint(), err)
		}
		p.write(p.request())
		opens(p)
		p.send(bin(octets(p.size(modest))))
		p.wantEcho(Binary, octets(p.size(modest)))
	}
	const (
		both = "A wss URL means TLS, in a version that both ends know."
		old  = "TLS 1.0 and 1.1 must not be negotiated."
	)
	return []Test{
		version("§4.1 connection over TLS 1.2", both, tls.VersionTLS12, tls.VersionTLS12, opensOver),
		version("§4.1 connection over TLS 1.3", both, tls.VersionTLS13, tls.VersionTLS13, opensOver),
		version("RFC 8996 §5 no connection over TLS 1.1", old, tls.VersionTLS10, tls.VersionTLS11, func(p *peer, err error) {
			p.must(err != nil, "%s agreed to TLS 1.0 or 1.1", p.endpoint())
		}),
	}
}

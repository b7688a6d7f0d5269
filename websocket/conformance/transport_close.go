package conformance

import (
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// closeTests are about how the transport ends: after a closing handshake (RFC 6455
// §7.1.1), and when the endpoint fails the connection (§7.1.7).
func closeTests() []Test {
	const (
		over  = "After a close frame in both directions an endpoint must close TCP, the server at once."
		clean = "An endpoint should close TCP cleanly, and discard what still comes."
		last  = "A close frame is the last that counts: what comes behind it is ignored."
	)
	closing := func(name string, level Level, rule string, pieces ...Piece) Test {
		return transport(name, level, rule, func(p *peer) {
			p.send(pieces...)
			p.wantCleanEnd()
		})
	}
	return []Test{
		transport("§5.5.1 the endpoint ends TCP when both have sent a close frame", Must, over, func(p *peer) {
			p.send(bye(1000, ""))
			p.wantEnd()
		}),
		transport("§5.5.1 the endpoint ends TCP after an empty close frame", Must, over, func(p *peer) {
			p.send(byeRaw(""))
			p.wantEnd()
		}),
		transport("§5.5.1 the endpoint ends TCP after a close frame inside a message", Must, over, func(p *peer) {
			p.send(text("half").more(), bye(1000, ""))
			p.wantEnd()
		}),
		closing("§7.1.1 TCP is closed and not reset", Should, clean, bye(1000, "")),
		closing("§7.1.1 TCP is closed and not reset, although a ping comes behind the close frame", Should, clean, bye(1000, ""), ping("late")),
		closing("§7.1.1 TCP is closed and not reset, although 64 KiB come behind the close frame", Should, clean, bye(1000, ""), bin(octets(65536))),
		transport("§1.4 bytes that come after the closing handshake are discarded", Must, last, func(p *peer) {
			p.send(bye(1000, ""))
			p.await(p.o.Timeout, func() bool { return p.exchange.closed != nil })
			for i := range 10 {
				p.write(p.wire(sends(text("late "+itoa(i)), ping("late"))))
			}
			p.wantEnd()
			p.noMore(nil)
		}),
		transport("§1.4 echoes before the close frame, none behind it", Must, last, func(p *peer) {
			p.send(text("before"), bye(1000, ""), text("behind"))
			p.await(p.o.Timeout, func() bool { return p.exchange.closed != nil })
			p.noMore([]Event{{Text, "before"}})
			p.exchange.messages = nil
			p.wantEnd()
		}),
		failing("is not answered", func(*peer) {}),
		failing("is answered with more frames", func(p *peer) {
			p.write(p.wire(sends(text("more"), ping("more"), bin("more"))))
		}),
		failing("is answered with a flood", func(p *peer) {
			p.write(p.wire(sends(bin(octets(16 << 10)))))
		}),
		failing("is answered with half a frame", func(p *peer) { p.write([]byte{0x81}) }),
		failing("is answered with a byte at a time", func(p *peer) { p.write([]byte{0}) }),
	}
}

// failing makes a test that breaks a rule, so that the endpoint fails the
// connection, does not answer the close frame, and goes on in some way.
func failing(how string, goOn func(p *peer)) Test {
	const rule = "An endpoint that fails the connection must close it, whatever the other end does, and process nothing more."
	return transport("§7.1.7 the close frame of a failed connection "+how, Must, rule, func(p *peer) {
		x := &p.exchange
		p.send(text("wrong").rsv(frame.RSV2 | frame.RSV3))
		p.await(p.o.Timeout, func() bool { return x.closed != nil })
		x.closing = true // it will not be answered
		began := time.Now()
		for p.end == nil && !p.broken && time.Since(began) < failedWithin*p.o.Timeout {
			goOn(p)
			p.pause(10 * time.Millisecond)
			p.digest()
			p.noMore(nil)
		}
		p.must(p.gone(p.o.Timeout), "%s is still there %v after it failed the connection", p.endpoint(), time.Since(began).Round(time.Second/10))
	})
}

// failedWithin is for how many timeouts a failed connection may go on. An endpoint
// may wait for the other end to answer its close frame before it drops TCP.
const failedWithin = 5

// wantEnd wants a close frame and then the end of TCP. A server ends it first; a
// client may leave that to the server, and so to the suite.
func (p *peer) wantEnd() {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return x.closed != nil })
	p.must(x.closed != nil, "no close frame: %s", p.fate())
	if p.role == Server {
		p.closeWrite()
	}
	p.must(p.gone(p.o.Timeout), "%s did not end TCP within %v", p.endpoint(), p.o.Timeout)
}

// wantCleanEnd wants the same, and that TCP and TLS are not torn down.
func (p *peer) wantCleanEnd() {
	p.wantEnd()
	p.must(strings.HasPrefix(p.end.how, "closed") && !strings.Contains(p.end.how, "without"), "%s %s", p.endpoint(), p.end.how)
}

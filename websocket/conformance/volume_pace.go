package conformance

import (
	"fmt"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// pacedTests are about when something comes: what is sent byte by byte, and what
// is answered while something else goes on.
func pacedTests() []Test {
	tests := []Test{{
		Name: "§5.5.2 a ping between fragments is answered before the message is complete", Area: "control", Level: Should,
		Rule: "An endpoint should answer a ping as soon as is practical.",
		run: func(p *peer) {
			p.open()
			p.send(text("one ").more(), cont("two ").more(), ping("first"))
			p.wantPong("first")
			p.send(cont("three ").more(), cont("four ").more(), ping("second"))
			p.wantPong("second")
			p.send(cont("five"))
			p.wantEcho(Text, "one two three four five")
			p.bye()
		},
	}, {
		Name: "§5.4 a message goes on after a second of silence", Area: "fragmentation", Level: Must,
		Rule: "Nothing bounds the time between two fragments that is less than what an endpoint waits for any frame.",
		run: func(p *peer) {
			p.open()
			p.send(text("one ").more())
			p.pause(time.Second)
			p.send(cont("two"))
			p.wantEcho(Text, "one two")
			p.bye()
		},
	}, {
		Name: "§5.5.1 close behind messages of 256 KiB and of 4 bytes, a ping behind", Area: "closing", Level: Must,
		Rule: "An endpoint that receives a close frame must send one in response. What came before is not lost; what comes after is discarded.",
		run:  closeBehindMuch,
	}}
	for _, n := range []int{64, 125} {
		tests = append(tests, Test{
			Name: fmt.Sprintf("§5.5.2 ping of %d bytes, byte by byte", n), Area: "control", Level: Must,
			Rule: "Upon receipt of a ping, an endpoint must send a pong in response, with the same payload.",
			run: func(p *peer) {
				p.open()
				bytewise(p, ping(octets(n)))
				p.wantPong(octets(n))
				p.bye()
			},
		})
	}
	tests = append(tests, Test{
		Name: "§5.5.2 ten pings, byte by byte", Area: "control", Level: Must,
		Rule: "Upon receipt of a ping, an endpoint must send a pong in response, with the same payload.",
		run: func(p *peer) {
			p.open()
			for i := range 10 {
				bytewise(p, ping(fmt.Sprintf("ping %d", i)))
			}
			p.wantPong("ping 9")
			p.bye()
		},
	})
	for bits := byte(1); bits <= 7; bits++ {
		tests = append(tests, Test{
			Name: fmt.Sprintf("§5.2 RSV %03b on a text after a good one, a ping behind, byte by byte", bits), Area: "reserved", Level: Must,
			Rule: "If a reserved bit is set and no negotiated extension defines it, the receiver must fail the connection.",
			run: func(p *peer) {
				p.open()
				bytewise(p, text("good"), text("bad").rsv(bits), ping("late"))
				p.failure([]Event{{Text, "good"}}, []frame.StatusCode{frame.StatusProtocolError})
			},
		})
	}
	return tests
}

// bytewise sends frames byte by byte.
func bytewise(p *peer, pieces ...Piece) {
	pings := len(p.exchange.pings)
	p.track(pieces)
	if len(pieces) > 1 {
		p.exchange.pings = p.exchange.pings[:pings] // what is behind an offence gets no answer
	}
	p.writeChopped(p.wire(pieces), 1, chopPause)
}

// closeBehindMuch sends messages and a close frame at once.
func closeBehindMuch(p *peer) {
	const n = 256 << 10
	p.takes(n)
	p.open()
	may := []Event{{Binary, octets(n)}, {Text, "tail"}}
	p.send(bin(octets(n)), text("tail"), bye(1000, ""), ping("late"))
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return x.closed != nil })
	p.noMore(may)
	p.must(x.closed != nil, "no close frame came back (RFC 6455 §5.5.1): %s", p.fate())
	p.should(len(x.messages) == len(may), "%d messages that came before the close frame were not sent back", len(may)-len(x.messages))
	x.messages = nil
	p.settle()
}

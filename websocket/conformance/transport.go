package conformance

import (
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// transportTests are about what TCP, and TLS on it, do to a connection: they hold
// for an endpoint of either role.
func transportTests() []Test {
	return slices.Concat(halfCloseTests(), answerDueTests(), dripTests(), floodTests(), idleReaderTests(), closeTests(), recordTests())
}

// transport makes a test of an open connection.
func transport(name string, level Level, rule string, run func(p *peer)) Test {
	return Test{Name: name, Area: "transport", Level: level, Rule: rule, run: func(p *peer) {
		p.open()
		run(p)
	}}
}

// gone reports whether the endpoint ends its direction of the transport within d.
func (p *peer) gone(d time.Duration) bool {
	until := p.within(d)
	for p.end == nil && p.fill(until) {
	}
	p.digest()
	return p.end != nil
}

// ends tells if the endpoint does not end its direction of the transport.
func (p *peer) ends() {
	p.inform(p.gone(p.o.Timeout), "%s did not end the transport within %v", p.endpoint(), p.o.Timeout)
}

// endTCP ends the suite's direction of TCP. If there is TLS, it does not end that:
// to the endpoint it looks as if somebody had cut the connection.
func (p *peer) endTCP() {
	p.note("half-closed TCP")
	conn := rawConn(p.conn)
	c, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		p.unsupported("the suite cannot half-close a %T", conn)
	}
	if err := c.CloseWrite(); err != nil {
		p.remark("endpoint ended the connection before: %v", err)
	}
	p.broken = true
}

// halfCloseTests end the suite's direction of the transport in every state.
func halfCloseTests() (tests []Test) {
	const lost = "If the transport ends without a close frame, the connection is lost, and no part of a message stands for the whole. " +
		"That the endpoint ends its side too is not said, but told."
	for _, s := range []struct {
		what   string
		pieces []Piece
	}{
		{"inside a header", sends(text("half").keep(1))},
		{"inside the length of 16 bits", sends(text(letters(200)).keep(3))},
		{"inside the length of 64 bits", sends(bin(letters(70000)).keep(7))},
		{"behind a header", sends(text("half").cut(4))},
		{"inside a payload", sends(text("half of it").cut(5))},
		{"before the last byte of a payload", sends(text("almost").cut(1))},
		{"inside a long payload", sends(bin(letters(modest)).cut(modest / 2))},
		{"inside a fragmented message", sends(text("half").more())},
		{"inside the second fragment", sends(text("half").more(), cont("of it").cut(2))},
		{"inside a fragmented message, behind a ping", sends(bin("half").more(), ping("p"))},
		{"inside a ping", sends(ping("half").cut(2))},
		{"inside a close frame", sends(bye(1000, "half").cut(3))},
	} {
		tests = append(tests, transport("§7.1.5 half-closed "+s.what, Must, lost, func(p *peer) {
			p.send(s.pieces...)
			p.closeWrite()
			p.ends()
			p.noMore(nil)
		}))
	}
	return tests
}

// answerDueTests do the same when the endpoint still owes an answer.
func answerDueTests() []Test {
	const (
		owed  = "An endpoint that receives a close frame must send one in response. It still can when only the other direction has ended."
		reply = "Nothing is said of answers that are due when the other end says that it will send no more. That they arrive is told."
	)
	return []Test{
		transport("§7.1.5 half-closed behind the handshake", May,
			"Nothing is said of what an endpoint does whose peer will send no more. Most end their side too.", func(p *peer) {
				p.closeWrite()
				p.ends()
			}),
		transport("§5.5.1 half-closed behind a close frame", Must, owed, func(p *peer) {
			p.send(bye(1001, ""))
			p.closeWrite()
			p.wantClose(1001, 1000)
		}),
		transport("§5.5.1 half-closed behind a message and a close frame", Must, owed, func(p *peer) {
			p.send(text("m"), bye(1001, ""))
			p.closeWrite()
			p.await(p.o.Timeout, func() bool { return p.exchange.closed != nil })
			p.noMore([]Event{{Text, "m"}})
			p.exchange.messages = nil
			p.wantClose(1001, 1000)
		}),
		transport("§7.1.5 half-closed behind a message", May, reply, func(p *peer) {
			p.send(text("m"))
			p.closeWrite()
			p.wantEcho(Text, "m")
			p.ends()
		}),
		transport("§7.1.5 half-closed behind a message of 16 KiB", May, reply, func(p *peer) {
			p.send(bin(octets(p.size(modest))))
			p.closeWrite()
			p.wantEcho(Binary, octets(p.size(modest)))
			p.ends()
		}),
		transport("§7.1.5 half-closed behind a ping", May, reply, func(p *peer) {
			p.send(ping("p"))
			p.closeWrite()
			p.wantPong("p")
			p.ends()
		}),
	}
}

// modest is the size in bytes of a message that most endpoints take, whatever they
// limit messages to.
const modest = 16 << 10

// size returns n, or the largest message the endpoint takes if that is less.
func (p *peer) size(n int) int {
	if p.o.MaxMessage > 0 {
		return int(min(int64(n), p.o.MaxMessage))
	}
	return n
}

// dripTests send frames slowly.
func dripTests() []Test {
	const rule = "TCP may cut a frame anywhere and take its time, which makes no difference to what it says."
	drip := func(what string, piece int, pause time.Duration, pieces []Piece, want func(p *peer)) Test {
		return transport("§5.2 "+what, Must, rule, func(p *peer) {
			p.track(pieces)
			p.writeChopped(p.wire(pieces), piece, pause)
			want(p)
		})
	}
	echo := func(kind Kind, payload string) func(p *peer) {
		return func(p *peer) { p.wantEcho(kind, payload) }
	}
	const ms = time.Millisecond
	return []Test{
		drip("text of 10 bytes, a byte every 50 ms", 1, 50*ms, sends(text("0123456789")), echo(Text, "0123456789")),
		drip("text of 200 bytes, a byte every 2 ms", 1, 2*ms, sends(text(letters(200))), echo(Text, letters(200))),
		transport("§5.2 binary of 16 KiB, 500 bytes every 2 ms", Must, rule, func(p *peer) {
			list := sends(bin(octets(p.size(modest))))
			p.track(list)
			p.writeChopped(p.wire(list), 500, 2*ms)
			p.wantEcho(Binary, octets(p.size(modest)))
		}),
		drip("ping of 125 bytes, a byte every 2 ms", 1, 2*ms, sends(ping(letters(125))), func(p *peer) { p.wantPong(letters(125)) }),
		drip("close frame, a byte every 50 ms", 1, 50*ms, sends(bye(1000, "")), func(p *peer) { p.wantClose(1000) }),
		drip("fragments of one byte, each byte by itself", 1, ms, inFragments(frame.OpText, letters(30), 1), echo(Text, letters(30))),
		transport("§5.4 pings while a frame takes its time", Must,
			"Control frames may come between the fragments of a message, and are answered without waiting for its end.", func(p *peer) {
				for i := range 5 {
					op := frame.OpContinuation
					if i == 0 {
						op = frame.OpText
					}
					p.send(Piece{Opcode: op, Payload: "part."})
					p.pause(50 * ms)
					p.send(ping(itoa(i)))
					p.wantPong(itoa(i))
				}
				p.send(cont("end"))
				p.wantEcho(Text, strings.Repeat("part.", 5)+"end")
			}),
		transport("§5.5.2 pings far apart", Must, "A ping is answered at any time.", func(p *peer) {
			for i := range 4 {
				p.send(ping(itoa(i)))
				p.wantPong(itoa(i))
				p.pause(150 * ms)
			}
		}),
		transport("§7.3 silence for a second", May,
			"An endpoint may close the connection when it wants to. Most leave one open that is silent for a second.", func(p *peer) {
				p.pause(time.Second)
				p.works()
			}),
	}
}

// recordTests are about the records of TLS, which have nothing to do with frames.
func recordTests() []Test {
	const rule = "The boundaries of TLS records mean nothing to frames."
	secure := func(name string, level Level, rule string, run func(p *peer)) Test {
		return transport(name, level, rule, func(p *peer) {
			if !p.way.secure {
				p.unsupported("the connection has no TLS")
			}
			run(p)
		})
	}
	split := func(what string, pieces []Piece, at []int, want ...Event) Test {
		return secure("RFC 8446 §5.1 "+what, Must, rule, func(p *peer) {
			p.takes(len(pieces[0].Payload))
			p.track(pieces)
			b := p.wire(pieces)
			for _, n := range at {
				n = min(n, len(b))
				p.write(b[:n])
				b = b[n:]
			}
			p.write(b)
			for _, e := range want {
				p.wantEcho(e.Kind, e.Payload)
			}
		})
	}
	ones := slices.Repeat([]int{1}, 100)
	return []Test{
		split("each byte of a frame in a record of its own", sends(text("Hello")), ones, Event{Text, "Hello"}),
		split("header and payload in two records", sends(text("Hello")), []int{2, 4}, Event{Text, "Hello"}),
		split("two frames in one record", sends(text("a"), bin("b")), nil, Event{Text, "a"}, Event{Binary, "b"}),
		split("a hundred frames in one record", slices.Repeat(sends(text("again")), 100), nil, slices.Repeat([]Event{{Text, "again"}}, 100)...),
		split("a record with one frame and a half, and one with the rest", sends(text("first"), text("second")), []int{14}, Event{Text, "first"}, Event{Text, "second"}),
		split("a frame larger than a record", sends(bin(octets(modest+1)), text("next")), nil, Event{Binary, octets(modest + 1)}, Event{Text, "next"}),
		secure("RFC 8446 §6.1 close_notify without a close frame", May,
			"An endpoint whose peer sends no more should end its own side in the end. Nothing is said of when.", func(p *peer) {
				p.closeWrite()
				p.must(p.gone(p.o.Timeout), "%s did not end the transport within %v", p.endpoint(), p.o.Timeout)
			}),
		secure("RFC 8446 §6.1 TCP ends without close_notify, inside a message", Must,
			"Without close_notify the stream may have been cut by anybody, so no part of a message stands for the whole.", func(p *peer) {
				p.send(text("half").more())
				p.endTCP()
				p.ends()
				p.noMore(nil)
			}),
		secure("§7.1.1 TLS ends with close_notify", Should, "An endpoint should end the TLS session cleanly as well.", func(p *peer) {
			p.send(bye(1000, ""))
			p.wantCleanEnd()
		}),
	}
}

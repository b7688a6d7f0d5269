package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// talk runs a test against an endpoint that plays its part on a transport in
// memory, in fake time. The suite plays role.
func talk(t *testing.T, role Role, test Test, endpoint func(net.Conn)) (r Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := wstest.NetPipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			endpoint(theirs)
			io.Copy(io.Discard, theirs)
			theirs.Close()
		})
		o, _, err := (&Options{}).settle([]Test{test})
		assert.NoError(t, err)
		w := way{host: "example.com", target: "/", dial: func(context.Context) (net.Conn, error) { return ours, nil }}
		r = test.conduct(t.Context(), o, role, w)
		ours.Close()
		wg.Wait()
	})
	return r
}

// says is an endpoint that sends pieces, in the role of a server, and stays.
func says(pieces ...Piece) func(net.Conn) {
	return func(c net.Conn) { c.Write((&Case{Sends: pieces}).AppendWire(nil, Server, 0)) }
}

// leaves is an endpoint that sends pieces and ends the connection.
func leaves(pieces ...Piece) func(net.Conn) {
	return func(c net.Conn) {
		says(pieces...)(c)
		c.Close()
	}
}

// answers is an endpoint that sends pieces as soon as something came.
func answers(pieces ...Piece) func(net.Conn) {
	return func(c net.Conn) {
		c.Read(make([]byte, 1000))
		says(pieces...)(c)
	}
}

func TestVerbs(t *testing.T) {
	echo := func(p *peer) { p.wantEcho(Text, "Hello") }
	closes := func(p *peer) { p.wantClose(1000) }
	failure := func(p *peer) {
		p.send(text("wrong").rsv(frame.RSV3))
		p.wantFailure(1002)
	}
	pinged := func(p *peer) {
		p.send(ping("1"), ping("2"))
		p.wantPong("1")
		p.wantPong("2")
	}
	tests := []struct {
		name     string
		endpoint func(net.Conn)
		run      func(*peer)
		want     Verdict
		problem  string
	}{
		{"echo", says(text("Hello")), echo, Passed, ""},
		{"echo in fragments", says(text("Hel").more(), ping("?"), cont("").more(), cont("lo")), echo, Passed, ""},
		{"no echo", says(), echo, Failed, `no echo of text "Hello": nothing came within 2s`},
		{"half an echo", says(text("Hello").cut(1)), echo, Failed, "only part of a message came"},
		{"end instead of an echo", leaves(), echo, Failed, "the endpoint closed TCP"},
		{"close instead of an echo", says(bye(1011, "")), echo, Failed, "a close frame with 1011 internal error came"},
		{"wrong echo", says(text("Hallo")), echo, Failed, `wrong echo: got text "Hallo", want text "Hello"`},
		{"echo of another type", says(bin("Hello")), echo, Failed, `got binary "Hello"`},
		{
			"long echo that differs", says(text(letters(90) + "?")), func(p *peer) { p.wantEcho(Text, letters(91)) },
			Failed, `which differ from byte 90 on: "?" instead of "m"`,
		},
		{"masked", says(text("Hello").wrongMask()), echo, Failed, "sent a masked frame (RFC 6455 §5.1)"},
		{"reserved opcode", says(text("Hello").opcode(3)), echo, Failed, "reserved opcode 3"},
		{"RSV2", says(text("Hello").rsv(frame.RSV2)), echo, Failed, "set RSV2 or RSV3"},
		{"RSV1", says(text("Hello").rsv(frame.RSV1)), echo, Failed, "no extension was negotiated"},
		{"long form of a length", says(text("Hello").form(In16Bits)), echo, Failed, "sent a wrong header"},
		{"orphan", says(cont("Hello")), echo, Failed, "sent continuation in the wrong place: inside a message is false"},
		{"intruder", says(text("He").more(), text("Hello")), echo, Failed, "sent text in the wrong place: inside a message is true"},
		{"long control frame", says(ping(letters(126))), echo, Failed, "sent a ping of 126 bytes"},
		{"fragmented control frame", says(ping("").more()), echo, Failed, "fragmented a ping"},
		{"huge frame", says(text("").declared(maxFrame + 1)), echo, Failed, "more than it was sent"},
		{"no UTF-8", says(text("\xff")), echo, Failed, "text that is not UTF-8"},
		{"no UTF-8 at the end", says(text("\xe2")), echo, Failed, "text that is not UTF-8"},
		{"illegal code", says(bye(1005, "")), echo, Failed, "sent a wrong close frame"},
		{"data behind a close frame", says(bye(1000, ""), text("Hello")), closes, Failed, "sent text behind its close frame"},

		{"pongs", answers(pong("1"), pong("2")), pinged, Passed, ""},
		{"pong for the newest ping", answers(pong("2")), pinged, Passed, ""},
		{"pong for the oldest ping", answers(pong("1")), pinged, Failed, `no pong for the ping "2"`},
		{"pongs in the wrong order", answers(pong("2"), pong("1")), pinged, NotStrict, `a pong with "1" that answers no ping`},
		{"pong that nobody asked for", says(pong("?"), text("Hello")), echo, NotStrict, `a pong with "?" that answers no ping`},

		{"close", says(bye(1000, "why")), closes, Passed, ""},
		{"close with another code", says(bye(1001, "")), closes, NotStrict, "the close frame has 1001 going away"},
		{"two close frames", says(bye(1000, ""), bye(1001, "")), closes, NotStrict, "sent a second close frame"},
		{"no close frame", leaves(), closes, Failed, "no close frame (RFC 6455 §5.5.1): the endpoint closed TCP"},
		{"echo behind a close frame", says(text("what"), bye(1000, "")), closes, Failed, `sent text "what", which nobody sent it`},

		{"failure", answers(bye(1002, "")), failure, Passed, ""},
		{"failure with another code", answers(bye(1007, "")), failure, NotStrict, "failed with 1007 invalid payload, want [1002 protocol error]"},
		{"failure without a close frame", leaves(), failure, NotStrict, "closed TCP without a close frame"},
		{"no failure", says(), failure, Failed, "does not fail the connection (RFC 6455 §7.1.7): nothing came"},
		{"echo of what is wrong", answers(text("wrong"), bye(1002, "")), failure, Failed, `sent text "wrong"`},
		{
			"no failure, and a ping is answered", func(c net.Conn) {
				c.Read(make([]byte, 1000))
				answers(pong("given up?"))(c)
			}, failure, Failed, "answers a ping instead of failing",
		},

		{"bye", func(c net.Conn) {
			answers(text("still open?"))(c)
			answers(bye(1000, ""))(c)
			c.Close()
		}, func(p *peer) {
			p.send(pong(""))
			p.bye()
		}, Passed, ""},
		{"bye to the dead", leaves(), func(p *peer) {
			p.send(pong(""))
			p.bye()
		}, Failed, "no echo of text \"still open?\""},
		{"bye, and a message", answers(text("what"), bye(1000, "")), func(p *peer) {
			p.exchange.proven = true
			p.bye()
		}, Failed, `sent text "what", which nobody sent it`},

		{"must", says(), func(p *peer) { p.must(false, "is %s", "bad") }, Failed, "is bad"},
		{"should", says(), func(p *peer) { p.should(false, "is %s", "bad") }, NotStrict, "is bad"},
		{"inform", says(), func(p *peer) { p.inform(false, "is %s", "odd") }, Informational, "is odd"},
		{"unsupported", says(), func(p *peer) { p.unsupported("has no %s", "legs") }, Unsupported, "has no legs"},
		{"two things", says(), func(p *peer) {
			p.inform(false, "is odd")
			p.should(false, "is bad")
			p.inform(false, "is odd again")
		}, NotStrict, "is odd\nis bad\nis odd again"},
		{"author who fails", says(), func(*peer) { panic("author") }, Failed, "internal error of the suite, not of the endpoint: author"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
				p.connect()
				test.run(p)
			}}, test.endpoint)
			assert.Equal(t, fmt.Sprintf("%s: %s", r.Verdict, r.Problem)[:len(test.want.String())], test.want.String())
			assert.Contains(t, r.Problem, test.problem)
			assert.True(t, (r.Problem == "") == (r.Verdict == Passed), "a problem and a verdict that do not fit: "+r.Problem)
		})
	}
}

// TestLevelBoundsTheVerdict shows what a broken rule brings to tests of each level.
func TestLevelBoundsTheVerdict(t *testing.T) {
	for level, want := range map[Level][3]Verdict{
		Must:   {Failed, NotStrict, Informational},
		Should: {NotStrict, NotStrict, Informational},
		May:    {Informational, Informational, Informational},
	} {
		for i, run := range []func(*peer){
			func(p *peer) { p.must(false, "bad") },
			func(p *peer) { p.should(false, "bad") },
			func(p *peer) { p.inform(false, "bad") },
		} {
			r := talk(t, Client, Test{Name: "§1 example", Level: level, run: run}, says())
			assert.Equal(t, r.Verdict, want[i])
		}
	}
}

func TestClientIsHeldToItsRole(t *testing.T) {
	run := func(p *peer) {
		p.connect()
		p.wantEcho(Text, "Hello")
	}
	r := talk(t, Server, Test{Name: "§5.1 example", run: run}, says(text("Hello")))
	assert.Contains(t, r.Problem, "the client sent a frame that is not masked (RFC 6455 §5.1)")
	r = talk(t, Server, Test{Name: "§5.1 example", run: run}, says(text("Hello").wrongMask()))
	assert.Equal(t, r.Verdict, Passed)
}

// TestPeerAnswersPings shows that an endpoint that looks whether the suite is alive
// is answered.
func TestPeerAnswersPings(t *testing.T) {
	var got []byte
	r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
		p.connect()
		p.wantEcho(Text, "Hello")
	}}, func(c net.Conn) {
		says(ping("alive?"))(c)
		got = make([]byte, 12)
		io.ReadFull(c, got)
		says(text("Hello"))(c)
	})
	assert.Equal(t, r.Verdict, Passed)
	assert.Equal(t, got[:2], []byte{0x8a, 0x86})
}

func TestWriteIsBoundedInTime(t *testing.T) {
	r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
		p.connect()
		p.deaf = true
		p.write(make([]byte, 10<<20))
		p.write([]byte("more"))
	}}, func(c net.Conn) { time.Sleep(time.Minute) })
	assert.Equal(t, r.Elapsed, DefaultTimeout)
	assert.Contains(t, r.String(), "endpoint did not read for 2s")
}

// TestBothSendMuch shows that a suite that sends much takes in what comes meanwhile.
func TestBothSendMuch(t *testing.T) {
	const much = 5 << 20
	r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
		p.connect()
		p.send(bin(octets(much)))
		p.wantEcho(Binary, octets(much))
	}}, func(c net.Conn) {
		says(bin(octets(much)))(c)
		io.CopyN(io.Discard, c, much)
	})
	assert.Equal(t, r.Verdict, Passed)
}

// TestTrickleIsBounded shows that an endpoint that keeps sending a little does not
// keep the suite for ever.
func TestTrickleIsBounded(t *testing.T) {
	for name, piece := range map[string]Piece{"pings": ping(""), "fragments": {Raw: "0000"}} {
		t.Run(name, func(t *testing.T) {
			r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
				p.connect()
				p.wantEcho(Text, "Hello")
			}}, func(c net.Conn) {
				says(text("").more())(c)
				for range 10_000 {
					time.Sleep(DefaultTimeout / 2)
					c.SetDeadline(time.Now().Add(time.Second))
					says(piece)(c)
					if _, err := c.Read(make([]byte, 100)); errors.Is(err, io.EOF) {
						return
					}
				}
			})
			assert.Equal(t, r.Verdict, Failed)
			assert.True(t, r.Elapsed <= testLimit*DefaultTimeout, "takes "+r.Elapsed.String())
		})
	}
}

func TestFloodIsBounded(t *testing.T) {
	for name, piece := range map[string]Piece{"small": text("x"), "large": bin(strings.Repeat("x", 4<<20))} {
		if raced && name == "large" {
			continue // the bound is 128 MiB
		}
		t.Run(name, func(t *testing.T) {
			r := talk(t, Client, Test{Name: "§1 example", run: func(p *peer) {
				p.connect()
				p.await(p.o.Timeout, func() bool { return false })
			}}, func(c net.Conn) {
				frames := (&Case{Sends: []Piece{piece}}).AppendWire(nil, Server, 0)
				for range 100_000 {
					if _, err := c.Write(frames); err != nil {
						return
					}
				}
			})
			assert.Contains(t, r.Problem, "sends messages without end")
		})
	}
}

// TestLogTellsWhatHappened looks at the log of a whole conversation.
func TestLogTellsWhatHappened(t *testing.T) {
	r := talk(t, Client, Test{Name: "§1 example", Rule: "An endpoint must speak.", run: func(p *peer) {
		p.open()
		p.send(text("Hello"))
		p.wantEcho(Text, "Hello")
		p.pause(time.Second)
		p.closeWrite()
		p.wantEcho(Text, "more")
	}}, func(c net.Conn) {
		c.Read(make([]byte, 1000))
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		answers(text("Hello"))(c)
		io.Copy(io.Discard, c)
		c.Close()
	})
	assert.Contains(t, r.Log[0].String(), "GET / HTTP/1.1\n    Host: example.com\n    Upgrade: websocket\n")
	r.Log = r.Log[1:]
	assert.Equal(t, r.String(), `failed: §1 example
  no echo of text "more": the endpoint closed TCP
MUST: An endpoint must speak.
  0.000 s  endpoint sent 36 bytes
    HTTP/1.1 101 Switching Protocols
  0.000 s  suite sent 11 bytes
    text, fin, rsv 0, masked, 5 bytes: "Hello"
        81     85      37 fa 21 3d  7f 9f 4d 51 58
        FIN 1  MASK 5  key          payload
  0.000 s  endpoint sent 7 bytes
    text, fin, rsv 0, 5 bytes: "Hello"
        81     05  48 65 6c 6c 6f
        FIN 1  5   payload
  1.000 s  suite: half-closed
  1.000 s  endpoint: endpoint closed TCP`)
}

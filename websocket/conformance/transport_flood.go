package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket/frame"
)

// many is how many frames a flood has.
const many = 2000

// floodTests send many small frames at once.
func floodTests() []Test {
	return slices.Concat(messageFloodTests(), controlFloodTests(), fragmentFloodTests())
}

func messageFloodTests() []Test {
	const order = "Messages come in the order in which they were sent, however many wait; and so do their echoes."
	return []Test{
		transport("§5.4 2,000 texts of one byte", Must, order, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return text(oneLetter(i)) })
			p.wantAll(many, func(i int) Event { return Event{Text, oneLetter(i)} })
		}),
		transport("§5.4 2,000 empty messages, text and binary in turn", Must, order, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return Piece{Fin: true, Opcode: frame.OpText + frame.Opcode(i&1)} })
			p.wantAll(many, func(i int) Event { return Event{Kind(i & 1), ""} })
		}),
		transport("§5.4 2,000 messages of all sizes up to 300 bytes", Must, order, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return bin(octets(i % 301)) })
			p.wantAll(many, func(i int) Event { return Event{Binary, octets(i % 301)} })
		}),
		transport("§5.4 500 messages, each byte written by itself", Must, order, func(p *peer) {
			p.chopAll(500, func(i int) Piece { return text(oneLetter(i)) })
			p.wantAll(500, func(i int) Event { return Event{Text, oneLetter(i)} })
		}),
	}
}

func controlFloodTests() []Test {
	const (
		pings = "Each ping must be answered, or a later one in its place (§5.5.3). " +
			"An endpoint that finds them to be too many may close the connection, which is told."
		pongs = "Pongs need no answer. An endpoint that finds them to be too many may close the connection, which is told."
	)
	long := func(i int) string { return itoa(i) + letters(frame.MaxControlPayload-len(itoa(i))) }
	return []Test{
		transport("§5.5.2 2,000 pings", Must, pings, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return ping(itoa(i)) })
			p.wantLastPong(itoa(many - 1))
		}),
		transport("§5.5.2 2,000 pings of 125 bytes", Must, pings, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return ping(long(i)) })
			p.wantLastPong(long(many - 1))
		}),
		transport("§5.5.2 1,000 messages with a ping behind each", Must, pings, func(p *peer) {
			p.sendAll(many, func(i int) Piece {
				if i&1 == 1 {
					return ping(itoa(i))
				}
				return text(itoa(i))
			})
			for i := range many / 2 {
				if !p.nextMessage() && p.closedFor("many pings") {
					return
				}
				p.wantEcho(Text, itoa(2*i))
			}
			p.wantLastPong(itoa(many - 1))
		}),
		transport("§5.5.3 2,000 pongs", Must, pongs, func(p *peer) {
			p.sendAll(many, func(i int) Piece { return pong(itoa(i)) })
			p.send(text("Hello"))
			p.echoesOrTells(Event{Text, "Hello"})
		}),
	}
}

func fragmentFloodTests() []Test {
	const (
		number = "A message may have any number of fragments, with control frames between them. " +
			"An endpoint that finds them to be too many may close the connection, which is told."
		empty = "Nothing bounds how many fragments of a message may be empty, so an endpoint may take them or close the connection."
	)
	flood := func(name string, n int, piece func(i int) Piece) Test {
		return transport("§5.4 "+name, May, empty, func(p *peer) {
			p.send(text("a").more())
			p.sendAll(n, piece)
			p.send(cont("b"))
			p.answersOrCloses(Event{Text, "ab"})
		})
	}
	return []Test{
		transport("§5.4 text in 2,000 fragments", Must, number, func(p *peer) {
			p.send(inFragments(frame.OpText, letters(p.size(many)), 1)...)
			p.echoesOrTells(Event{Text, letters(p.size(many))})
		}),
		transport("§5.4 text in 500 fragments with a ping between any two", Must, number, func(p *peer) {
			p.send(text("a").more())
			p.sendAll(2*499, func(i int) Piece {
				if i&1 == 0 {
					return ping(itoa(i))
				}
				return cont("a").more()
			})
			p.send(cont("b"))
			p.echoesOrTells(Event{Text, strings.Repeat("a", 500) + "b"})
		}),
		flood("10,000 empty fragments", 10_000, func(int) Piece { return cont("").more() }),
		flood("10,000 empty fragments with pings between them", 10_000, func(i int) Piece {
			if i%10 == 0 {
				return ping("p" + itoa(i))
			}
			return cont("").more()
		}),
	}
}

func oneLetter(i int) string { return string(rune('a' + i%26)) }

// sendAll sends n frames in one write.
func (p *peer) sendAll(n int, piece func(i int) Piece) { p.send(pieces(n, piece)...) }

// chopAll sends n frames byte by byte.
func (p *peer) chopAll(n int, piece func(i int) Piece) {
	list := pieces(n, piece)
	p.track(list)
	p.writeChopped(p.wire(list), 1, 0)
}

// pieces returns n frames.
func pieces(n int, piece func(i int) Piece) []Piece {
	list := make([]Piece, n)
	for i := range list {
		list[i] = piece(i)
	}
	return list
}

// wantAll wants n messages in order.
func (p *peer) wantAll(n int, event func(i int) Event) {
	for i := range n {
		e := event(i)
		p.wantEcho(e.Kind, e.Payload)
	}
}

// closedFor reports whether the endpoint closed the connection, and tells that.
func (p *peer) closedFor(what string) bool {
	x := &p.exchange
	if x.closed == nil && p.end == nil {
		return false
	}
	p.inform(false, "%s closes the connection because of %s: %s", p.endpoint(), what, p.fate())
	return true
}

// wantLastPong wants the last of many pings to be answered.
func (p *peer) wantLastPong(payload string) {
	x := &p.exchange
	last := func() bool { return len(x.ponged) > 0 && x.ponged[len(x.ponged)-1] == payload || x.closed != nil }
	for n := -1; !last() && n < len(x.ponged); { // as long as some come, more may
		n = len(x.ponged)
		p.await(p.o.Timeout, func() bool { return last() || len(x.ponged) > n })
	}
	if slices.Contains(x.ponged, payload) || !p.closedFor("many pings") {
		p.wantPong(payload)
		p.works()
	}
}

// echoesOrTells wants an echo, or the connection to be closed.
func (p *peer) echoesOrTells(want Event) {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	if len(x.messages) > 0 || !p.closedFor("many frames") {
		p.wantEcho(want.Kind, want.Payload)
	}
}

// answersOrCloses wants an echo, or the connection to be closed with an error.
func (p *peer) answersOrCloses(want Event) {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	if len(x.messages) == 0 && (x.closed != nil || p.end != nil) {
		return
	}
	p.wantEcho(want.Kind, want.Payload)
}

// idleReaderTests send and do not read, so that the endpoint's answers fill the
// buffers between the two until it cannot send on.
func idleReaderTests() []Test {
	const rule = "Whoever reads late gets all the same: no echo is lost, changed or out of order. An endpoint that finds " +
		"this to take too long may close the connection, which is told."
	const wait = 700 * time.Millisecond
	late := func(name string, n int, piece func(p *peer, i int) Piece, event func(p *peer, i int) Event) Test {
		return transport("§5.4 "+name, Must, rule, func(p *peer) {
			list := pieces(n, func(i int) Piece { return piece(p, i) })
			finish := p.writeUnread(list, wait)
			for i := range n {
				if !p.nextMessage() && p.closedFor("a peer that reads late") {
					return
				}
				e := event(p, i)
				p.wantEcho(e.Kind, e.Payload)
			}
			finish()
			p.works()
		})
	}
	number := func(i, size int) string { return fmt.Sprintf("%08d", i) + octets(size) }
	return []Test{
		late("6 MiB in messages of 16 KiB that are read late", 384,
			func(p *peer, i int) Piece { return bin(number(i, p.size(modest)-8)) },
			func(p *peer, i int) Event { return Event{Binary, number(i, p.size(modest)-8)} }),
		late("5,000 small messages that are read late", 5000,
			func(_ *peer, i int) Piece { return text(itoa(i)) },
			func(_ *peer, i int) Event { return Event{Text, itoa(i)} }),
		late("a message of 1 MiB that is read late", 1,
			func(p *peer, _ int) Piece { return bin(octets(p.size(1 << 20))) },
			func(p *peer, _ int) Event { return Event{Binary, octets(p.size(1 << 20))} }),
		transport("§5.5.2 5,000 pings whose pongs are read late", Must, rule, func(p *peer) {
			list := pieces(5000, func(i int) Piece { return ping(itoa(i) + letters(100)) })
			finish := p.writeUnread(list, wait)
			p.wantLastPong("4999" + letters(100))
			finish()
		}),
		transport("§5.4 echoes that are read 1 KiB at a time", Must, rule, func(p *peer) {
			const n = 16
			list := pieces(n, func(i int) Piece { return bin(number(i, p.size(modest)-8)) })
			p.deaf = true
			p.send(list...)
			p.deaf = false
			p.sip(1<<10, 64)
			p.wantAll(n, func(i int) Event { return Event{Binary, number(i, p.size(modest)-8)} })
		}),
	}
}

// nextMessage waits for a message and reports whether there is one.
func (p *peer) nextMessage() bool {
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	return len(x.messages) > 0
}

// unread is how many bytes the kernel is asked to keep of what is not read. With
// its usual megabytes the endpoint would hardly notice that nobody reads.
const unread = 32 << 10

// writeUnread begins to send frames without reading, which may not come to an end
// for as long as nothing is read, and returns after d. Finish waits for the end.
func (p *peer) writeUnread(list []Piece, d time.Duration) (finish func()) {
	if c, ok := rawConn(p.conn).(interface{ SetReadBuffer(bytes int) error }); ok {
		_ = c.SetReadBuffer(unread)
	}
	p.track(list)
	b := p.wire(list)
	p.rec.add(true, b)
	_ = p.conn.SetWriteDeadline(p.deadline)
	over := make(chan error, 1)
	go func() {
		_, err := p.conn.Write(b)
		over <- err
	}()
	p.deaf = true
	p.pause(d)
	p.deaf = false
	return func() {
		if err := <-over; err != nil {
			p.cannotWrite(err)
		}
	}
}

// sip reads no more than n bytes at a time, with a pause in between, so many
// times.
func (p *peer) sip(n, times int) {
	b := make([]byte, n)
	for range times {
		if p.end != nil {
			return
		}
		_ = p.conn.SetReadDeadline(p.within(p.o.Timeout / grace))
		k, err := p.conn.Read(b)
		p.received(b[:k], err)
		if k == 0 {
			return
		}
		p.deaf = true
		p.pause(2 * time.Millisecond)
		p.deaf = false
	}
}

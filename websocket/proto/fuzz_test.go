package proto_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// maxOutput bounds what a machine may write for n bytes of input: a ping of 2
// bytes is answered by a masked pong of 6, and there is one close frame.
func maxOutput(n int) int { return 3*n + frame.MaxHeaderLen + frame.MaxControlPayload }

// byCuts returns a chunking that takes its sizes from cuts, over and over.
func byCuts(cuts []byte) func(left int) int {
	i := 0
	return func(left int) int {
		if len(cuts) == 0 {
			return left
		}
		c := int(cuts[i%len(cuts)])
		i++
		// Big steps, or a wire of bytes that say 1 would take for ever; and
		// never only zeros.
		return min(left, max(c&^1, c*(i&1), i/len(cuts)))
	}
}

// A story is what was told about a connection, put so that chunking leaves no
// mark on it.
type story struct {
	told   []string
	out    string
	state  proto.State
	ending string
	acted  []proto.Transport
}

// tell drives a machine with data and returns what it told. p is its compression,
// nil for none.
func tell(t *testing.T, role proto.Role, limit int64, p *deflate.Params, data []byte, next func(int) int) story {
	d := driveDeflate(role, limit, p)
	d.feed(data, next)
	assert.NoError(t, d.broken)
	assert.True(t, d.m.Held() <= frame.MaxHeaderLen+frame.MaxControlPayload, "the machine keeps more than a control frame")
	assert.True(t, len(d.out) <= maxOutput(len(data)), "the machine writes more than it may")
	s := story{out: string(d.out), state: d.m.State(), acted: d.actions}
	for _, e := range d.saw {
		s.told = append(s.told, e.Kind.String()+" "+e.Payload)
	}
	if s.state == proto.Open {
		// What has come of the current message must be the same, too. After
		// a failure it need not: how much of the wrong frame was told depends
		// on how it came.
		s.told = append(s.told, "so far "+string(d.message))
	} else {
		s.ending = d.m.Ending().Error()
	}
	d.eof(nil)
	_, err := d.outcome()
	assert.NoError(t, err)
	assert.NoError(t, d.broken)
	return s
}

// roleOf returns Client or Server.
func roleOf(client bool) proto.Role {
	if client {
		return proto.Client
	}
	return proto.Server
}

// chunkingMakesNoDifference drives machines with data, whole and in chunks.
func chunkingMakesNoDifference(t *testing.T, role proto.Role, limit int64, p *deflate.Params, data, cuts []byte) {
	want := tell(t, role, limit, p, data, whole().next)
	for _, next := range []func(int) int{byCuts(cuts), fixed(1).next} {
		if got := tell(t, role, limit, p, data, next); !reflect.DeepEqual(got, want) {
			t.Fatalf("whole:  %#v\nchunks: %#v", want, got)
		}
	}
}

// FuzzMachine shows that no input makes a machine panic or keep or write much,
// and that chunking does not matter.
func FuzzMachine(f *testing.F) {
	for i, c := range conformance.Cases() {
		for _, role := range bothRoles {
			wire := c.AppendWire(nil, peerOf(role), 0x3D21FA37)
			if len(wire) <= 600 {
				f.Add(role == proto.Client, uint16(c.MaxMessage), wire, []byte{byte(i), 3, 0, 1})
			}
		}
	}
	f.Fuzz(func(t *testing.T, client bool, limit uint16, data, cuts []byte) {
		chunkingMakesNoDifference(t, roleOf(client), int64(limit), nil, data, cuts)
	})
}

// An endpoint is one side of a loopback.
type endpoint struct {
	*driver
	said    []string // what was sent, in order: whole messages and control frames
	heard   []string
	partial string       // of the fragmented message being sent
	op      frame.Opcode // of that message, 0 if there is none
	wire    []byte       // on its way to the other side
}

// A loopback is a client and a server with nothing but a script between them.
type loopback struct {
	t      *testing.T
	ends   [2]*endpoint
	script []byte
}

// newLoopback returns a loopback with compression as p says, nil for none.
func newLoopback(t *testing.T, script []byte, p *deflate.Params) *loopback {
	l := &loopback{t: t, script: script}
	for i, role := range bothRoles {
		l.ends[i] = &endpoint{driver: driveDeflate(role, 0, p)}
	}
	return l
}

// next returns the next byte of the script, 0 at its end.
func (l *loopback) next() byte {
	if len(l.script) == 0 {
		return 0
	}
	b := l.script[0]
	l.script = l.script[1:]
	return b
}

// run follows the script to its end and delivers what is left.
func (l *loopback) run() {
	for len(l.script) > 0 {
		b := l.next()
		i := int(b & 1)
		switch from := l.ends[i]; b >> 1 % 8 {
		case 0:
			l.message(from, frame.OpText)
		case 1:
			l.message(from, frame.OpBinary)
		case 2:
			l.fragment(from, false)
		case 3:
			l.fragment(from, true)
		case 4:
			l.control(from, "ping", from.m.AppendPing)
		case 5:
			l.control(from, "pong", from.m.AppendPong)
		case 6:
			l.deliver(i, int(l.next())+1, int(l.next())+1)
		case 7:
			l.close(from)
		}
	}
	for len(l.ends[0].wire)+len(l.ends[1].wire) > 0 {
		l.deliver(0, len(l.ends[0].wire), 1000)
		l.deliver(1, len(l.ends[1].wire), 1000)
	}
}

// payload returns up to 511 bytes; text is made of code points of all lengths. With
// compression it may be much more, and binary may be noise.
func (l *loopback) payload(op frame.Opcode) string {
	n, kind := int(l.next())*2, l.next()
	if _, ok := l.ends[0].m.Deflate(); ok {
		n *= 1 + int(kind>>2)
		if op != frame.OpText && kind&2 != 0 {
			return noise(n)
		}
	}
	if op == frame.OpText {
		return strings.Repeat([]string{"a", "é", "€", "😀"}[kind%4], n/4)
	}
	return strings.Repeat(string([]byte{kind, byte(n), 0xFF}), n/3)
}

// sent checks an Append call against what the state of from allows.
func (l *loopback) sent(from *endpoint, out []byte, err, want error, what string) {
	if from.m.State() != proto.Open && what != "close" {
		want = proto.ErrClosing
	}
	assert.Equal(l.t, err, want)
	if err == nil {
		from.wire = out
	}
}

func (l *loopback) message(from *endpoint, op frame.Opcode) {
	p := l.payload(op)
	var out []byte
	var err error
	if shared := l.shared(from, op, p); shared != nil {
		out, err = from.m.AppendEncoded(from.wire, shared, []byte(p))
	} else {
		out, err = from.m.AppendMessage(from.wire, op, []byte(p))
	}
	var want error
	if from.op != 0 {
		want = proto.ErrFragmented
	}
	l.sent(from, out, err, want, "message")
	if err == nil {
		from.said = append(from.said, op.String()+" "+p)
	}
}

// shared returns a frame that another server compressed, for some of the messages of a
// server with compression, and nil for all others.
func (l *loopback) shared(from *endpoint, op frame.Opcode, p string) []byte {
	params, ok := from.m.Deflate()
	if !ok || from.role != proto.Server || len(p)%4 != 0 {
		return nil
	}
	params.ServerNoContextTakeover = true
	return appended(l.t, driveDeflate(proto.Server, 0, &params).m, message(op, p))
}

// fragment sends the next frame of a message. Text may be cut inside a code
// point. Only the last may be empty, so that no flood comes about.
func (l *loopback) fragment(from *endpoint, fin bool) {
	op := from.op
	if op == 0 {
		op = frame.OpText + frame.Opcode(l.next()&1)
	}
	p := l.payload(op)
	if !fin {
		p += "x"
	}
	out, err := from.m.AppendFragment(from.wire, op, []byte(p), fin)
	l.sent(from, out, err, nil, "fragment")
	if err != nil {
		return
	}
	from.op = op
	from.partial += p
	if fin {
		from.said = append(from.said, op.String()+" "+from.partial)
		from.op, from.partial = 0, ""
	}
}

func (l *loopback) control(from *endpoint, what string, send func(dst, p []byte) ([]byte, error)) {
	p := l.payload(frame.OpBinary)
	p = p[:min(len(p), frame.MaxControlPayload)]
	out, err := send(from.wire, []byte(p))
	l.sent(from, out, err, nil, what)
	if err == nil {
		from.said = append(from.said, what+" "+p)
	}
}

func (l *loopback) close(from *endpoint) {
	code := frame.StatusCode(4000) + frame.StatusCode(l.next())
	var want error
	if from.m.State() != proto.Open {
		want = proto.ErrClosing
	}
	out, err := from.m.AppendClose(from.wire, code, "why")
	l.sent(from, out, err, want, "close")
	if err == nil {
		from.said = append(from.said, fmt.Sprintf("close %d why", code))
	}
}

// deliver brings n bytes from one side to the other, in chunks.
func (l *loopback) deliver(from, n, chunk int) {
	a, b := l.ends[from], l.ends[1-from]
	n = min(n, len(a.wire))
	for p := range slices.Chunk(a.wire[:n], chunk) {
		lent := append([]byte(nil), p...)
		b.m.Receive(lent)
		for ev := range events(b.m, len(p)) {
			l.hear(b, ev)
		}
	}
	a.wire = a.wire[n:]
}

// hear takes an event, and notes what the machine will answer.
func (l *loopback) hear(b *endpoint, ev proto.Event) {
	open := b.m.State() == proto.Open
	switch ev.Kind {
	case proto.Data:
		seen := len(b.saw)
		b.data(ev)
		for _, e := range b.saw[seen:] {
			b.heard = append(b.heard, e.Kind.String()+" "+e.Payload)
		}
	case proto.Ping, proto.Pong:
		b.heard = append(b.heard, ev.Kind.String()+" "+string(ev.Payload))
		if ev.Kind == proto.Ping && open {
			b.said = append(b.said, "pong "+string(ev.Payload))
		}
	case proto.Close:
		b.heard = append(b.heard, strings.TrimSpace(fmt.Sprintf("close %d %s", ev.Code, ev.Payload)))
		if open {
			b.said = append(b.said, fmt.Sprintf("close %d", ev.Code))
		}
	default:
		l.t.Fatalf("a machine finds fault with another: %v", ev.Err)
	}
	b.wire, _ = b.m.Reply(b.wire, ev)
}

// FuzzLoopback has a client and a server talk by a script, through any
// chunking: what one says the other hears, and neither ever finds fault.
func FuzzLoopback(f *testing.F) {
	f.Add([]byte("\x00\x10\x00\x0d\x05\x01"))
	f.Add([]byte("\x04\x20\x01\x01\x08\x10\x02\x04\x20\x01\x06\x30\x02\x0c\xff\x03"))
	f.Add([]byte("\x0e\x01\x0f\x02\x0c\xff\x01\x0d\xff\x01"))
	f.Add([]byte("\x04\x00\x40\x01\x0e\x05\x00\x10\x01\x06\x01\x01"))
	f.Add([]byte("\x08\xff\x61\x09\x80\x62\x0a\x80\x63\x0c\x07\x01\x0d\x09\x02\x0e\x00\x01\x50\x03"))
	f.Fuzz(func(t *testing.T, script []byte) {
		l := newLoopback(t, script[:min(len(script), 1024)], nil)
		l.run()
		l.check()
	})
}

// check compares what was said and heard, and how it ended.
func (l *loopback) check() {
	t, one, two := l.t, l.ends[0], l.ends[1]
	assert.Equal(t, two.heard, one.said)
	assert.Equal(t, one.heard, two.said)
	assert.NoError(t, one.broken)
	assert.NoError(t, two.broken)
	assert.Equal(t, one.m.State(), two.m.State())
	if one.m.State() == proto.Closed {
		assert.Equal(t, one.m.Ending().Sent, two.m.Ending().Received)
		assert.Equal(t, two.m.Ending().Sent, one.m.Ending().Received)
	} else {
		assert.Equal(t, one.m.State(), proto.Open)
	}
}

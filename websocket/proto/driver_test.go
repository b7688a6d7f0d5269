package proto_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// bothRoles are the roles a machine can play.
var bothRoles = []proto.Role{proto.Server, proto.Client}

// keys returns a source of masking keys.
func keys() rand.Source { return rand.NewChaCha8([32]byte{1}) }

// machine returns a fresh machine without a limit.
func machine(role proto.Role) *proto.Machine {
	return proto.New(proto.Config{Role: role, MaskKeys: keys()})
}

// peerOf returns who sends to a machine with this role.
func peerOf(role proto.Role) conformance.Role {
	if role == proto.Server {
		return conformance.Client
	}
	return conformance.Server
}

// A driver drives a machine without a transport and writes down what happens.
// It treats the machine as badly as it may: what it lends is overwritten as
// soon as the machine has to be done with it.
type driver struct {
	m     *proto.Machine
	role  proto.Role
	limit int64
	lent  []byte         // what is lent to the machine
	pools *workingMemory // of a machine with compression

	inside  bool // inside a message
	message []byte
	saw     []conformance.Event
	out     []byte            // what the machine wants written
	actions []proto.Transport // what it demanded other than Keep
	failure proto.Event       // the Failure, if there was one
	broken  error             // a promise of the machine that did not hold
}

// drive returns a driver for a fresh machine without compression.
func drive(role proto.Role, limit int64) *driver { return driveDeflate(role, limit, nil) }

// driveCase returns a driver for a machine set up for a case.
func driveCase(role proto.Role, c *conformance.Case) *driver {
	return driveDeflate(role, c.MaxMessage, c.Deflate)
}

// driveDeflate returns a driver for a fresh machine with the compression that was
// negotiated, nil for none. It compresses whatever it can.
func driveDeflate(role proto.Role, limit int64, p *deflate.Params) *driver {
	d := &driver{role: role, limit: limit, pools: newWorkingMemory()}
	c := proto.Config{Role: role, MaxMessage: limit, MaskKeys: keys()}
	if p != nil {
		c.Deflate = d.pools.deflate(role, *p)
	}
	d.m = proto.New(c)
	return d
}

// feed lends p to the machine in chunks whose sizes next chooses, given how much
// is left.
func (d *driver) feed(p []byte, next func(left int) int) {
	for len(p) > 0 {
		n := next(len(p))
		d.receive(p[:n])
		p = p[n:]
	}
}

// events yields what m makes of n bytes. An event needs a byte of its own, but
// for the last byte of a header kept from before, and for compressed bytes, of which
// each may inflate to a thousand: if there are more, the machine would go on for ever.
func events(m *proto.Machine, n int) iter.Seq[proto.Event] {
	if _, ok := m.Deflate(); ok {
		n = n*1100 + 40_000 // and to a window that was held back
	}
	return func(yield func(proto.Event) bool) {
		for range n + 1 {
			ev := m.Next()
			if ev.Kind == proto.None || !yield(ev) {
				return
			}
		}
		panic("more events than bytes")
	}
}

// receive lends a copy of p and takes all events.
func (d *driver) receive(p []byte) {
	d.lent = append(d.lent[:0], p...)
	d.m.Receive(d.lent)
	for ev := range events(d.m, len(p)) {
		d.take(ev)
	}
	if n := d.m.Buffered(); n != 0 {
		d.complain("%d bytes are left when there is no event", n)
	}
	for i := range d.lent {
		d.lent[i] = 0xA5
	}
}

// eof ends the transport.
func (d *driver) eof(err error) { d.take(d.m.EOF(err)) }

// take writes ev down and lets the machine answer it.
func (d *driver) take(ev proto.Event) {
	switch ev.Kind {
	case proto.Data:
		d.data(ev)
	case proto.Ping:
		d.saw = append(d.saw, conformance.Event{Kind: conformance.Ping, Payload: string(ev.Payload)})
	case proto.Pong:
		d.saw = append(d.saw, conformance.Event{Kind: conformance.Pong, Payload: string(ev.Payload)})
	case proto.Failure:
		d.failure = ev
	}
	switch ev.Kind {
	case proto.Close, proto.Failure, proto.End:
		if d.pools.decoders.lent() > 0 {
			d.complain("the decoder was not given back at the %v", ev.Kind)
		}
	}
	var action proto.Transport
	if d.out, action = d.m.Reply(d.out, ev); action != proto.Keep {
		d.actions = append(d.actions, action)
	}
}

// data puts a message together.
func (d *driver) data(ev proto.Event) {
	if ev.First == d.inside {
		d.complain("First is %t in the wrong place", ev.First)
	}
	if len(ev.Payload) == 0 && !ev.Last {
		d.complain("an event with nothing to tell")
	}
	d.inside = !ev.Last
	d.message = append(d.message, ev.Payload...)
	if d.limit > 0 && int64(len(d.message)) > d.limit {
		d.complain("%d bytes of a message when %d is the limit", len(d.message), d.limit)
	}
	if !ev.Last {
		return
	}
	if d.pools.decoders.lent() > 0 {
		d.complain("the decoder was not given back at the end of the message")
	}
	kind := conformance.Text
	if ev.Opcode != frame.OpText {
		kind = conformance.Binary
	}
	d.saw = append(d.saw, conformance.Event{Kind: kind, Payload: string(d.message)})
	d.message = d.message[:0]
}

func (d *driver) complain(format string, args ...any) {
	d.broken = errors.Join(d.broken, fmt.Errorf(format, args...))
}

// outcome returns what came of it, in the words of the table of cases.
func (d *driver) outcome() (conformance.Outcome, error) {
	frames, err := parseFrames(d.out, d.role)
	o := conformance.Outcome{Saw: d.saw, Ended: d.end()}
	for _, f := range frames {
		a := conformance.Answer{Opcode: f.Opcode, Payload: string(f.payload)}
		if f.Opcode == frame.OpClose {
			var bad error
			a.Code, _, bad = frame.ParseClose(f.payload)
			err = errors.Join(err, bad)
		}
		o.Answers = append(o.Answers, a)
	}
	return o, errors.Join(err, d.broken)
}

// end tells how the connection stands.
func (d *driver) end() conformance.End {
	switch d.m.State() {
	case proto.Closed:
		return conformance.End{State: conformance.Closed, Code: d.m.Ending().Received.Code}
	case proto.Lost:
		return conformance.End{State: conformance.Lost}
	case proto.Failed:
		e := conformance.End{State: conformance.GaveUp, Code: d.failure.Code}
		if broken, ok := errors.AsType[*proto.ProtocolError](d.m.Ending()); ok {
			e.Section = strings.TrimPrefix(broken.Section, "RFC 6455 ")
		}
		return e
	}
	return conformance.End{State: conformance.Open}
}

// A sentFrame is a frame on the wire, unmasked.
type sentFrame struct {
	frame.Header
	payload []byte
}

// parseFrames reads what a machine with this role wants written. Its frames must
// be whole and masked as the role demands, and have no reserved bit but RSV1 where
// compression gives it a meaning.
func parseFrames(b []byte, sender proto.Role) (frames []sentFrame, err error) {
	for len(b) > 0 {
		h, n, err := frame.ParseHeader(b)
		switch {
		case err != nil:
			return frames, err
		case n == 0 || h.Length > int64(len(b)-n):
			return frames, fmt.Errorf("half a frame was sent: % x", b)
		case h.Masked != (sender == proto.Client):
			return frames, fmt.Errorf("a %v sent a frame with MASK %t", sender, h.Masked)
		case h.RSV != 0 && (h.RSV != frame.RSV1 || h.Opcode != frame.OpText && h.Opcode != frame.OpBinary):
			return frames, fmt.Errorf("sent reserved bits %+v", h)
		case h.Opcode.IsReserved() || h.Opcode.IsControl() && !h.Fin:
			return frames, fmt.Errorf("sent an illegal header %+v", h)
		}
		payload := append([]byte(nil), b[n:n+int(h.Length)]...)
		frame.Mask(payload, h.Key)
		frames = append(frames, sentFrame{h, payload})
		b = b[n+int(h.Length):]
	}
	return frames, nil
}

package websocket

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Prepared message is encoded once and sent over many connections. It may be
// shared by any number of goroutines and connections.
//
// For connections of a server that compress, it is compressed once for each size of
// window there is among them (RFC 7692 §7.1.2), when the first of them needs it, and
// without reference to what any of them sent before. So it costs no time for each
// receiver, but may be larger than what Write would make of it.
type Prepared struct {
	kind    MessageType
	payload []byte // within wire
	wire    []byte // the frame of a server

	mu         sync.Mutex                     // held to add a form
	compressed atomic.Pointer[compressedForm] // a list
}

// A compressedForm is the compressed frame of a server for one size of window. If
// compression did not make it smaller it is the other frame.
type compressedForm struct {
	bits uint8
	wire []byte
	next *compressedForm
}

// Prepare returns a message ready to be sent many times. p is copied. The error is
// ErrMessageType or ErrNotUTF8.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	m := proto.New(proto.Config{Role: proto.Server})
	wire, err := m.AppendMessage(make([]byte, 0, frame.MaxHeaderLen+len(p)), frame.Opcode(t), p)
	if err != nil {
		return nil, err
	}
	return &Prepared{kind: t, payload: wire[len(wire)-len(p):], wire: slices.Clip(wire)}, nil
}

// Type returns the type of the message.
func (m *Prepared) Type() MessageType { return m.kind }

// Payload returns the payload, which must not be changed.
func (m *Prepared) Payload() []byte { return m.payload }

// Frame returns the frame of a server that holds the message, which must not be
// changed: compressed for a window of 1<<bits bytes, 8 to 15, or as it is if bits is 0
// or compression would not make it smaller. It is for those who drive a
// [proto.Machine] themselves and know bits from its DeflateBits. Any number of
// goroutines may call it.
func (m *Prepared) Frame(bits uint8) []byte {
	if bits == 0 {
		return m.wire
	}
	if f := m.form(bits); f != nil {
		return f.wire
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.form(bits)
	if f == nil {
		f = &compressedForm{bits: bits, wire: m.compress(bits), next: m.compressed.Load()}
		m.compressed.Store(f)
	}
	return f.wire
}

// form returns the form for a window, nil if there is none yet.
func (m *Prepared) form(bits uint8) *compressedForm {
	f := m.compressed.Load()
	for f != nil && f.bits != bits {
		f = f.next
	}
	return f
}

// compress returns the frame for a window.
func (m *Prepared) compress(bits uint8) []byte {
	machine := proto.New(proto.Config{Role: proto.Server, Deflate: &proto.Deflate{
		Params:     deflate.Params{ServerNoContextTakeover: true, ServerMaxWindowBits: bits, ClientMaxWindowBits: bits},
		WindowBits: bits,
		Encoders:   encoders,
		Decoders:   decoders,
	}})
	wire, _ := machine.AppendMessage(nil, frame.Opcode(m.kind), m.payload) // it was accepted before
	if len(wire) >= len(m.wire) {
		return m.wire
	}
	return slices.Clone(wire)
}

// WritePrepared is Write for a prepared message.
func (c *Conn) WritePrepared(ctx context.Context, m *Prepared) error {
	if c.masks {
		return c.Write(ctx, m.kind, m.payload)
	}
	wire := m.Frame(c.machine.DeflateBits(len(m.payload)))
	if len(wire) > copyLimit {
		return c.writeShared(ctx, wire, m.payload)
	}
	flusher, err := c.admit(ctx, len(wire), false)
	if err != nil {
		return err
	}
	b, err := c.machine.AppendEncoded(c.out.bytes(), wire, m.payload)
	return c.send(ctx, flusher, b, err)
}

// writeShared sends a frame that is not worth copying from where it is. p is its
// message.
func (c *Conn) writeShared(ctx context.Context, wire, p []byte) error {
	if _, err := c.admit(ctx, len(wire), true); err != nil {
		return err
	}
	b, err := c.machine.AppendEncoded(c.out.bytes(), wire[:1], p)
	return c.sendLarge(ctx, b, wire[1:], 0, err)
}

// PostPrepared is Post for a prepared message.
func (c *Conn) PostPrepared(m *Prepared) error {
	if c.masks {
		return c.Post(m.kind, m.payload)
	}
	wire := m.Frame(c.machine.DeflateBits(len(m.payload)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, err := c.admitPost(m.kind, m.payload); done {
		return err
	}
	b, err := c.machine.AppendEncoded(c.out.bytes(), wire, m.payload)
	return c.post(b, err)
}

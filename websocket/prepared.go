package websocket

import (
	"context"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Prepared message is encoded once and sent over many connections. It may be
// shared by any number of goroutines and connections.
type Prepared struct {
	kind    MessageType
	payload []byte // within wire
	wire    []byte // the frame of a server
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

// WritePrepared is Write for a prepared message.
func (c *Conn) WritePrepared(ctx context.Context, m *Prepared) error {
	if c.masks || len(m.wire) > copyLimit {
		return c.Write(ctx, m.kind, m.payload)
	}
	flusher, err := c.admit(ctx, len(m.wire), false)
	if err != nil {
		return err
	}
	b, err := c.machine.AppendEncoded(c.out.bytes(), m.wire)
	return c.send(ctx, flusher, b, err)
}

// PostPrepared is Post for a prepared message.
func (c *Conn) PostPrepared(m *Prepared) error {
	if c.masks {
		return c.Post(m.kind, m.payload)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, err := c.admitPost(m.kind, m.payload); done {
		return err
	}
	b, err := c.machine.AppendEncoded(c.out.bytes(), m.wire)
	return c.post(b, err)
}

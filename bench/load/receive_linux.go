package load

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// consume takes bytes that came and returns how many messages they end.
func (s *Set) consume(c *conn, p []byte) (n int, err error) {
	if c.parser == nil && !s.framed {
		if n, p = s.match(c, p); len(p) == 0 {
			return n, nil
		}
		// These are not the frames that were expected, but perhaps the
		// same message in other ones. So it will be on all connections.
		s.framed = true
	}
	if c.parser == nil {
		c.parser = new(parser)
		if _, err := c.parser.feed(s, c, s.stream.want[:c.at]); err != nil {
			return n, err
		}
		c.at = 0
	}
	more, err := c.parser.feed(s, c, p)
	return n + more, err
}

// match takes bytes as long as they are the frames that a server sends that puts each
// message in one. It returns how many frames these end, and the rest.
func (s *Set) match(c *conn, p []byte) (n int, rest []byte) {
	want, size := s.stream.want, s.stream.wantSize
	for len(p) > 0 {
		part := want[c.at:]
		part = part[:min(len(part), len(p))]
		if !bytes.Equal(part, p[:len(part)]) {
			return n, p
		}
		c.at += len(part)
		n += c.at / size
		c.at %= size
		p = p[len(part):]
	}
	return n, nil
}

// A parser takes the frames of a server, of whatever lengths.
type parser struct {
	head       []byte // of a frame, as much as has come
	left       int64  // bytes of the frame's payload that are to come
	fin        bool   // of the frame
	begun      bool   // a message is under way
	compressed bool   // it is
	packed     []byte // its compressed payload
	offset     int    // how much of its payload has come
}

// feed takes bytes and returns how many messages they end.
func (f *parser) feed(s *Set, c *conn, p []byte) (n int, err error) {
	for len(p) > 0 {
		if f.left == 0 {
			if p, err = f.header(s, p); err != nil {
				return n, err
			}
		}
		part := p[:min(f.left, int64(len(p)))]
		p = p[len(part):]
		f.left -= int64(len(part))
		if err := f.payload(s, c, part); err != nil {
			return n, err
		}
		if f.left > 0 || !f.fin || !f.begun {
			continue
		}
		if err := f.end(s, c); err != nil {
			return n, err
		}
		c.awaited = (c.awaited + 1) % len(s.stream.payloads)
		*f = parser{packed: f.packed[:0], head: f.head[:0]}
		n++
	}
	return n, nil
}

// header takes the header of a frame, or its beginning.
func (f *parser) header(s *Set, p []byte) (rest []byte, err error) {
	before := len(f.head)
	f.head = append(f.head, p[:min(len(p), frame.MaxHeaderLen-before)]...)
	h, used, err := frame.ParseHeader(f.head)
	if err != nil {
		return nil, err
	}
	if used == 0 {
		return nil, nil
	}
	f.head = f.head[:0]
	want := s.stream.opcode
	if f.begun {
		want = frame.OpContinuation
	}
	if h.Opcode != want || h.Masked || h.RSV&^frame.RSV1 != 0 {
		return nil, fmt.Errorf("frame %+v, where one with opcode %v must come", h, want)
	}
	if !f.begun {
		f.compressed = h.RSV == frame.RSV1
	}
	f.begun, f.fin, f.left = true, h.Fin, h.Length
	return p[used-before:], nil
}

// payload takes bytes of the frame's payload.
func (f *parser) payload(s *Set, c *conn, p []byte) error {
	if f.compressed {
		f.packed = append(f.packed, p...)
		return nil
	}
	return f.compare(s, c, p)
}

// compare holds bytes of the message against those that must come.
func (f *parser) compare(s *Set, c *conn, p []byte) error {
	want := s.stream.payloads[c.awaited][f.offset:]
	if len(p) > len(want) || !bytes.Equal(p, want[:len(p)]) {
		return errOtherMessage
	}
	f.offset += len(p)
	return nil
}

// end looks whether all of the message has come.
func (f *parser) end(s *Set, c *conn) error {
	if f.compressed {
		if err := f.inflate(s, c); err != nil {
			return err
		}
	}
	if f.offset != len(s.stream.payloads[c.awaited]) {
		return errOtherMessage
	}
	return nil
}

// inflate compares a message that came compressed.
func (f *parser) inflate(s *Set, c *conn) error {
	if c.window == nil {
		return errors.New("a compressed message, which was not agreed on")
	}
	if !s.takeover {
		s.decoder.Begin(s.decoder.Fresh(15))
	} else {
		s.decoder.Begin(c.window)
	}
	for rest := f.packed; ; {
		var out []byte
		var err error
		out, rest, err = s.decoder.Next(rest)
		if err == nil {
			err = f.compare(s, c, out)
		}
		if err != nil {
			return err
		}
		if len(out) == 0 && len(rest) == 0 {
			return f.flush(s.decoder, s, c)
		}
	}
}

// flush takes what the end of a compressed message brings.
func (f *parser) flush(d *deflate.Decoder, s *Set, c *conn) error {
	for {
		out, ended, err := d.End()
		if err == nil {
			err = f.compare(s, c, out)
		}
		if err != nil || ended {
			return err
		}
	}
}

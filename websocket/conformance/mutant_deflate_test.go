package conformance

import (
	"bytes"
	"compress/flate"
	"io"
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A mutantZip is a mutant's half of permessage-deflate.
type mutantZip struct {
	m       *mutant
	params  deflate.Params
	encoder *deflate.Encoder
	sent    *deflate.History
	decoder *deflate.Decoder
	came    *deflate.Window

	writer  *flate.Writer // of flaws that take no window into account
	written bytes.Buffer
	whole   []byte // what came of a message, for flaws that inflate at its end
	window  []byte
	spoilt  bool // something could not be inflated, and a flaw does not mind
}

func newMutantZip(m *mutant, params deflate.Params) *mutantZip {
	z := &mutantZip{m: m, params: params, encoder: deflate.NewEncoder(), decoder: deflate.NewDecoder()}
	bits, _ := z.side(m.role)
	z.sent = deflate.NewHistory(bits)
	z.came = deflate.NewWindow(z.reach())
	return z
}

// side returns what was agreed on for what a role sends.
func (z *mutantZip) side(role Role) (bits uint8, fresh bool) {
	if role == Server {
		return z.params.ServerMaxWindowBits, z.params.ServerNoContextTakeover
	}
	return z.params.ClientMaxWindowBits, z.params.ClientNoContextTakeover
}

// reach returns the bits of the window for what comes.
func (z *mutantZip) reach() uint8 {
	bits, _ := z.side(z.m.role.Other())
	switch {
	case z.m.is("has too small a window"):
		return max(bits-1, 8)
	case z.m.is("has a large window"):
		return 15
	}
	return bits
}

// deflate returns the payload of a frame and its RSV.
func (z *mutantZip) deflate(p []byte) ([]byte, byte) {
	m := z.m
	if !m.zipped && m.is("keeps what is not compressed in its window") {
		z.learn(p)
	}
	bits, fresh := z.side(m.role)
	switch {
	case m.is("never compresses"):
		return p, 0
	case m.is("marks what is not compressed"):
		return p, 4
	case m.is("uses any window"):
		return z.write(p, fresh), 4
	case m.is("refers to messages before"):
		return z.write(p, false), 4
	case m.is("leaves the end of a message on"):
		return append(z.write(p, fresh), 0, 0, 0xff, 0xff), 4
	case m.is("cuts too much off a message"):
		b := z.write(p, fresh)
		return b[:len(b)-1], 4
	case m.is("compresses to zlib data"):
		return slices.Concat([]byte("\x78\x9c"), z.write(p, fresh)), 4
	}
	h := z.sent
	if fresh {
		h = z.encoder.Fresh(bits)
	}
	return z.encoder.Append(nil, h, p, true), 4
}

// write compresses with a window of 15 bits.
func (z *mutantZip) write(p []byte, fresh bool) []byte {
	z.written.Reset()
	switch {
	case z.writer == nil:
		z.writer, _ = flate.NewWriter(&z.written, 6)
	case fresh:
		z.writer.Reset(&z.written)
	}
	_, _ = z.writer.Write(p)
	_ = z.writer.Flush()
	return slices.Clone(z.written.Bytes()[:z.written.Len()-4])
}

// learn puts p into the window for what comes.
func (z *mutantZip) learn(p []byte) {
	z.begin()
	nothing := func([]byte) error { return nil }
	_ = z.inflate([]byte(stored(string(p)).end()), nothing)
	_ = z.end(nothing)
}

// begin begins a message.
func (z *mutantZip) begin() {
	_, fresh := z.side(z.m.role.Other())
	fresh = fresh && !z.m.is("remembers what it should forget") || z.m.is("forgets what it should remember")
	w := z.came
	if fresh {
		w = z.decoder.Fresh(z.reach())
		z.window = nil
	}
	z.decoder.Begin(w)
	z.whole, z.spoilt = z.whole[:0], false
}

// inflate gives what p stands for to take.
func (z *mutantZip) inflate(p []byte, take func([]byte) error) error {
	switch m := z.m; {
	case m.is("checks UTF-8 before inflating") && m.op == 1 && !frame.ValidUTF8(p):
		return fault{1007}
	case m.is("stops at BFINAL"):
		z.whole = append(z.whole, p...)
		return nil
	case m.is("does not inflate"):
		return take(p)
	}
	for out := p[:0]; len(p) > 0 || len(out) > 0; {
		var err error
		if out, p, err = z.decoder.Next(p); err != nil {
			return z.bad()
		}
		if err := take(slices.Clone(out)); err != nil {
			return err
		}
	}
	return nil
}

// bad is what is done with what cannot be inflated.
func (z *mutantZip) bad() error {
	if z.m.is("takes what could be inflated") {
		z.spoilt = true
		return nil
	}
	return fault{1007}
}

// end gives take what the end of a message brings.
func (z *mutantZip) end(take func([]byte) error) error {
	switch {
	case z.m.is("stops at BFINAL"):
		return z.readAll(take)
	case z.spoilt, z.m.is("does not inflate"):
		return nil
	}
	for done := false; !done; {
		var out []byte
		var err error
		if out, done, err = z.decoder.End(); err != nil {
			return z.bad()
		}
		if err := take(slices.Clone(out)); err != nil {
			return err
		}
	}
	return nil
}

// readAll inflates a whole message as far as the first block that says it is the
// last one.
func (z *mutantZip) readAll(take func([]byte) error) error {
	src := bytes.NewReader(append(z.whole, "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...))
	out, err := io.ReadAll(flate.NewReaderDict(src, z.window))
	if err != nil {
		return fault{1007}
	}
	z.window = append(z.window, out...)
	z.window = z.window[max(0, len(z.window)-32<<10):]
	return take(out)
}

package fuzz_test

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

// A stream is one direction of a connection: what is compressed on one side, and
// everybody who inflates it on the other.
type stream struct {
	t        *testing.T
	encoder  *deflate.Encoder
	history  *deflate.History // nil without context takeover
	decoder  *deflate.Decoder
	window   *deflate.Window // of the bits that were agreed
	dict     []byte          // what the others know
	bits     uint8
	takeover bool
}

func newStream(t *testing.T, bits uint8, takeover bool) *stream {
	s := &stream{t: t, encoder: deflate.NewEncoder(), decoder: deflate.NewDecoder(), bits: bits, takeover: takeover}
	if takeover {
		s.history, s.window = deflate.NewHistory(bits), deflate.NewWindow(bits)
	}
	return s
}

// begin returns what a message may refer to.
func (s *stream) begin() (*deflate.History, *deflate.Window) {
	if s.takeover {
		return s.history, s.window
	}
	s.dict = nil
	return s.encoder.Fresh(s.bits), s.decoder.Fresh(s.bits)
}

// check has everybody inflate a message and compares.
func (s *stream) check(w *deflate.Window, message, want []byte) {
	for _, o := range others {
		got, err := o.inflate(message, s.dict)
		assert.NoError(s.t, err)
		assert.True(s.t, bytes.Equal(got, want), o.name+" gets another message")
	}
	got, err := ours(s.decoder, w, message, len(message)+1)
	assert.NoError(s.t, err) // which holds the distances against the window, too
	assert.True(s.t, bytes.Equal(got, want), "our own decoder gets another message")
	s.dict = lastOf(append(s.dict, want...))
}

// message sends data in fragments.
func (s *stream) message(data []byte, fragment int) {
	h, w := s.begin()
	var out []byte
	for rest := data; ; {
		n := min(len(rest), fragment)
		out = s.encoder.Append(out, h, rest[:n], n == len(rest))
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	s.check(w, out, data)
}

// smaller sends data if that makes it smaller.
func (s *stream) smaller(data []byte) {
	h, w := s.begin()
	before := []byte("before")
	out, ok := s.encoder.AppendSmaller(before, h, data, true)
	if !ok {
		assert.Equal(s.t, string(out), "before")
		return
	}
	assert.Equal(s.t, string(out[:len(before)]), "before")
	assert.True(s.t, len(out)-len(before) < len(data), "it is not smaller")
	s.check(w, out[len(before):], data)
}

// learn has somebody else compress data without reference to what was before.
func (s *stream) learn(data []byte) {
	_, w := s.begin()
	shared := s.encoder.Append(nil, s.encoder.Fresh(s.bits), data, true)
	s.check(w, shared, data)
	if s.takeover {
		s.history.Learn(data)
	}
}

// FuzzDeflaters compresses a conversation that a script makes of data and has
// everybody read it: in a window that was agreed, with and without takeover.
func FuzzDeflaters(f *testing.F) {
	text := bytes.Repeat([]byte(`{"id":17,"name":"drum","on":true},`), 20)
	f.Add(text, []byte{0, 100, 1, 200, 2, 30, 0, 255}, uint8(15), true)
	f.Add(text, []byte{3, 255, 3, 255, 3, 255, 0, 1}, uint8(8), true)
	f.Add(text, []byte{1, 255, 0, 255}, uint8(9), false)
	f.Add([]byte("\x00\x01\xff\xfe"), []byte{0, 0, 1, 0, 2, 0, 4, 9}, uint8(13), true)
	f.Fuzz(func(t *testing.T, data, script []byte, bits uint8, takeover bool) {
		data, script = data[:min(len(data), 4096)], script[:min(len(script), 16)]
		s := newStream(t, 8+bits%8, takeover)
		for len(script) > 1 {
			what, n := script[0], int(script[1])
			script = script[2:]
			part := data[:min(len(data), n*int(1+what>>4))]
			switch what % 4 {
			case 0:
				s.message(part, n+1)
			case 1:
				s.smaller(part)
			case 2:
				s.learn(part)
			case 3: // long, so that the window goes round
				s.message(bytes.Repeat(part, 1+20_000/(len(part)+1)), 1+n*50)
			}
			// Other data next time, half of which was there before.
			data = append(data[len(data)/3:], part[:len(part)/2]...)
		}
	})
}

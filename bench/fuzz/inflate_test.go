package fuzz_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	klauspost "github.com/klauspost/compress/flate"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
)

// maxInflated is where inflating stops: more is not compared.
const maxInflated = 1 << 20

var errTooMuch = errors.New("inflates to too much")

// An inflater inflates one message of a stream whose last 32 KiB so far are dict.
type inflater struct {
	name    string
	inflate func(message, dict []byte) ([]byte, error)
}

// others are the inflaters that ours is compared with.
var others = []inflater{
	{"compress/flate", func(message, dict []byte) ([]byte, error) {
		return reference(message, dict, flate.NewReaderDict)
	}},
	{"klauspost/compress/flate", func(message, dict []byte) ([]byte, error) {
		return reference(message, dict, klauspost.NewReaderDict)
	}},
}

// ends are two ways to end a stream, behind the four bytes that a message lacks:
// an empty stored block and an empty one with fixed codes. Inside a block they would
// be data, and not the same.
var ends = [][]byte{
	{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff},
	{0x00, 0x00, 0xff, 0xff, 0x03, 0x00},
}

// reference inflates a message the way RFC 7692 §7.2.2 says, with an inflater for
// streams of RFC 1951.
func reference(message, dict []byte, reader func(r io.Reader, dict []byte) io.ReadCloser) ([]byte, error) {
	if len(message) == 0 {
		return nil, nil // known difference: deflate.Decoder.End
	}
	first, err := referenceStream(message, ends[0], dict, reader)
	if err != nil {
		return nil, err
	}
	second, err := referenceStream(message, ends[1], dict, reader)
	if err == nil && !bytes.Equal(first, second) {
		err = errors.New("the message ends inside a block")
	}
	return first, err
}

func referenceStream(message, end, dict []byte, reader func(io.Reader, []byte) io.ReadCloser) (out []byte, err error) {
	in := bytes.NewReader(slices.Concat(message, end))
	for {
		r := reader(in, dict)
		p, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
		out = append(out, p...)
		switch {
		case err != nil:
			return nil, err
		case len(out) > maxInflated:
			return nil, errTooMuch
		// A block with BFINAL was the last of a stream of RFC 1951; what is
		// behind it begins on the next byte (RFC 7692 §7.2.3.4).
		case in.Len() == 0:
			return out, nil
		case in.Len() == len(end):
			return out, nil // known difference: deflate.Decoder.End
		}
		dict = lastOf(slices.Concat(dict, p))
	}
}

// lastOf returns the last 32 KiB of p.
func lastOf(p []byte) []byte { return p[max(0, len(p)-32<<10):] }

// ours inflates one message with our Decoder, fed in pieces.
func ours(d *deflate.Decoder, w *deflate.Window, message []byte, piece int) (out []byte, err error) {
	d.Begin(w)
	var p []byte
	for rest := range slices.Chunk(message, piece) {
		for len(rest) > 0 || len(p) > 0 {
			if p, rest, err = d.Next(rest); err != nil {
				return nil, err
			}
			if out = append(out, p...); len(out) > maxInflated {
				return nil, errTooMuch
			}
		}
	}
	for done := false; !done; {
		if p, done, err = d.End(); err != nil {
			return nil, err
		}
		if out = append(out, p...); len(out) > maxInflated {
			return nil, errTooMuch
		}
	}
	return out, nil
}

// split cuts data into messages.
func split(data []byte, at uint16) [][]byte {
	n := int(at) % (len(data) + 1)
	return [][]byte{data[:n], data[n:]}
}

// FuzzInflaters gives two messages with context takeover to all inflaters. With
// a full window ours must accept what they do and give the same; with a smaller one
// it may refuse more, as distances are bounded then.
func FuzzInflaters(f *testing.F) {
	for _, s := range []string{
		"\xf2\x48\xcd\xc9\xc9\x07\x00",                             // RFC 7692 §7.2.3.1
		"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",             // §7.2.3.3
		"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",                         // §7.2.3.4, with BFINAL
		"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",     // §7.2.3.5
		"\xf2\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00",         // §7.2.3.2, both messages
		"\x04\xc0\x81\x08\x00\x00\x00\x00\x20\x7f\xeb\x0b\x00\x00", // own codes
	} {
		f.Add([]byte(s), uint16(7), uint8(15), uint8(3))
	}
	f.Add(squeeze(bytes.Repeat([]byte("squeeze me, "), 300)), uint16(30), uint8(9), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, bits, piece uint8) {
		data = data[:min(len(data), 4096)]
		bits = 8 + bits%8
		d := deflate.NewDecoder()
		full, small := deflate.NewWindow(15), deflate.NewWindow(bits)
		fits := true // the smaller window too
		var dict []byte
		for _, message := range split(data, at) {
			got, err := ours(d, full, message, int(piece)+1)
			if errors.Is(err, errTooMuch) {
				return
			}
			for _, o := range others {
				want, otherErr := o.inflate(message, dict)
				if (err == nil) != (otherErr == nil) {
					t.Fatalf("%x\nours: %v\n%s: %v", message, err, o.name, otherErr)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("%x\nours: %q\n%s: %q", message, got, o.name, want)
				}
			}
			if fits {
				p, smallErr := ours(d, small, message, 1)
				if fits = smallErr == nil; fits {
					assert.NoError(t, err)
					assert.True(t, bytes.Equal(p, got), "another window, another message")
				}
			}
			if err != nil {
				return
			}
			dict = lastOf(append(dict, got...))
		}
	})
}

// squeeze compresses p as one message.
func squeeze(p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(p)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// TestInflatersAgree shows that the comparison sees differences at all, and keeps
// known ones out.
func TestInflatersAgree(t *testing.T) {
	for _, c := range []struct {
		message string
		want    string // "error" for one
	}{
		{"", ""},
		{"\x00", ""},
		{"\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},                              // BFINAL, the next block on the next byte
		{"\xf3\x48\xcd\xc9\xc9\x07\x00", "Hello"},                                  // BFINAL and no next block
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", "HelloHello"}, // BFINAL and more
		{"\xf2\x48", "error"},                                                      // cut inside a block
		{"\x00\x05\x00\xfa\xff\x48", "H\x00\x00\xff\xff"},                          // what is added fills the block
		{"\x00\x06\x00\xf9\xff\x48", "error"},                                      // and does not
		{"\x07", "error"},                                                          // no such type of block
		{"\x02\x02\x00\x00", "error"},                                              // a distance beyond the beginning
	} {
		t.Run(fmt.Sprintf("%x", c.message), func(t *testing.T) {
			got, err := ours(deflate.NewDecoder(), deflate.NewWindow(15), []byte(c.message), 1)
			assert.Equal(t, err != nil, c.want == "error")
			for _, o := range others {
				p, otherErr := o.inflate([]byte(c.message), nil)
				assert.Equal(t, otherErr != nil, c.want == "error")
				if err == nil {
					assert.Equal(t, string(got), c.want)
					assert.Equal(t, string(p), c.want)
				}
			}
		})
	}
}

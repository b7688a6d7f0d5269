package deflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// chop cuts p at random into pieces of up to 16 bytes or a multiple of that.
func chop(p []byte, seed uint64) (pieces [][]byte) {
	r := rand.New(rand.NewPCG(seed, 1951))
	most := 16 << r.IntN(8)
	for len(p) > 0 { // some pieces are empty
		n := r.IntN(min(most, len(p)) + 1)
		pieces = append(pieces, p[:n])
		p = p[n:]
	}
	return pieces
}

// inflateByOther inflates a payload with compress/flate by the rules that
// Decoder keeps to, and reports whether it can be. It stops after limit bytes.
func inflateByOther(payload []byte, limit int) (message []byte, ok bool) {
	a, ok := inflateToEnd(payload, "\x00\x00\xff\xff\x01\x00\x00\xff\xff", limit)
	if !ok {
		return nil, false
	}
	// If 0000ffff ends a block, it does not matter which one follows. Else
	// what follows was taken for something else.
	b, ok := inflateToEnd(payload, "\x00\x00\xff\xff\x03\x00", limit)
	return a, ok && bytes.Equal(a, b)
}

// inflateToEnd inflates payload and then end, which must be used up exactly.
// compress/flate stops behind every final block.
func inflateToEnd(payload []byte, end string, limit int) (message []byte, ok bool) {
	src := bytes.NewReader(append(bytes.Clone(payload), end...))
	for src.Len() > 0 {
		if src.Len() == len(end) {
			return message, true // a final block is the last, or there is none
		}
		z := flate.NewReaderDict(src, message[max(0, len(message)-32<<10):])
		more, err := io.ReadAll(io.LimitReader(z, int64(limit-len(message))))
		if err != nil {
			return nil, false
		}
		if message = append(message, more...); len(message) == limit {
			return message, false
		}
	}
	return message, true
}

// FuzzInflate holds the Decoder against compress/flate with any bytes, and
// cuts them anywhere.
func FuzzInflate(f *testing.F) {
	for _, text := range [][]byte{{}, []byte("Hello"), inflateJSON(300), inflateJSON(3000), make([]byte, 40_000)} {
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
			f.Add(inflatePayload(f, text, level, nil), uint8(15), uint64(level))
		}
	}
	for _, c := range inflateBreaches() {
		f.Add(c.s.b, uint8(9), uint64(1))
	}
	for _, c := range inflateFloods() {
		f.Add(append(c.blocks, 0), uint8(8), uint64(2))
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), uint8(15), uint64(3))
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x00\x11\x00"), uint8(15), uint64(3))
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, payload []byte, bits uint8, seed uint64) {
		bits = 8 + bits&7
		d := NewDecoder()
		got, err := inflateWhole(d, NewWindow(bits), payload)
		chopped, choppedErr := inflateWhole(d, NewWindow(bits), chop(payload, seed)...)
		assert.True(t, bytes.Equal(chopped, got), "what is inflated depends on how the message was cut")
		assert.Equal(t, choppedErr, err)
		if err != nil {
			var breach *frame.ProtocolError
			assert.True(t, errors.As(err, &breach), "not a *frame.ProtocolError")
		}
		if len(got) >= limit {
			return
		}
		want, ok := inflateByOther(payload, limit)
		switch {
		case ok && errors.Is(err, errDistanceBits) && bits < 15:
			assert.True(t, bytes.HasPrefix(want, got), "other bytes than compress/flate's before a distance out of the window")
		case ok:
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, want), "other bytes than compress/flate's")
		default:
			assert.True(t, err != nil, "compress/flate does not take it")
		}
	})
}

// FuzzDecodeSequence sends messages over one connection with context takeover,
// some of them in several fragments.
func FuzzDecodeSequence(f *testing.F) {
	f.Add([]byte("Hello"), uint64(1), uint8(6))
	f.Add(inflateJSON(4000), uint64(2), uint8(9))
	f.Add(make([]byte, 4000), uint64(3), uint8(0))
	f.Add(bytes.Repeat([]byte("abc"), 1000), uint64(4), uint8(1))
	var payload bytes.Buffer
	writers := make([]*flate.Writer, 12) // by level: they are slow to make
	for i := range writers {
		var err error
		writers[i], err = flate.NewWriter(&payload, i+flate.HuffmanOnly)
		assert.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, level uint8) {
		text = text[:min(len(text), 4<<10)]
		r := rand.New(rand.NewPCG(seed, 7692))
		z := writers[int(level)%len(writers)]
		z.Reset(&payload)
		d, w := NewDecoder(), NewWindow(15)
		for range 20 {
			from := r.IntN(len(text) + 1)
			message := text[from : from+r.IntN(len(text)-from+1)]
			payload.Reset()
			if r.IntN(4) == 0 {
				z.Write(message[:len(message)/2])
				z.Flush()
				z.Write(message[len(message)/2:])
			} else {
				z.Write(message)
			}
			z.Flush()
			got, err := inflateWhole(d, w, chop(bytes.TrimSuffix(payload.Bytes(), flushTail), r.Uint64())...)
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, message), "message is not what was sent")
			assert.True(t, len(w.ring) <= 32<<10, "window larger than 32 KiB")
		}
	})
}

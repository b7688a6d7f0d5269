package deflate

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// inflateWhole inflates one message whose payload arrives in these pieces. With
// an error comes what was before it.
func inflateWhole(d *Decoder, w *Window, pieces ...[]byte) (message []byte, err error) {
	message = []byte{}
	d.Begin(w)
	for _, src := range pieces {
		for more := true; more; {
			out, rest, err := d.Next(src)
			if err != nil {
				return message, err
			}
			message = append(message, out...)
			more = len(out) > 0 || len(rest) > 0
			if len(out) == 0 && len(rest) > 0 {
				return message, fmt.Errorf("%d bytes are not taken although nothing came out", len(rest))
			}
			src = rest
		}
	}
	for {
		out, done, err := d.End()
		message = append(message, out...)
		if done || err != nil {
			return message, err
		}
	}
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	assert.NoError(t, err)
	return b
}

// cuts yields payload in two pieces, cut at every byte, and byte by byte.
func cuts(payload []byte) (all [][][]byte) {
	for i := range len(payload) + 1 {
		all = append(all, [][]byte{payload[:i], payload[i:]})
	}
	var single [][]byte
	for i := range payload {
		single = append(single, payload[i:i+1], nil)
	}
	return append(all, single)
}

// TestExamplesOfTheStandard inflates the payloads of RFC 7692 §7.2.3, and what
// is close to them.
func TestExamplesOfTheStandard(t *testing.T) {
	for _, c := range []struct{ name, payloads, want string }{
		{"§7.2.3.1 one compressed block", "f248cdc9c90700", "Hello"},
		{"§7.2.3.2 sharing the window", "f248cdc9c90700, f200110000", "Hello, Hello"},
		{"§7.2.3.2 without sharing the window", "f248cdc9c90700, f248cdc9c90700", "Hello, Hello"},
		{"§7.2.3.3 a block that is not compressed", "000500faff48656c6c6f00", "Hello"},
		{"§7.2.3.4 a final block", "f348cdc9c9070000", "Hello"},
		{"§7.2.3.5 two blocks", "f24805000000ffffcac9c90700", "Hello"},
		{"§7.2.3.6 an empty fragment", "00", ""},
		{"an empty message after another", "f248cdc9c90700, 00, f200110000", "Hello, , Hello"},
		{"a final block without the byte behind it", "f348cdc9c90700", "Hello"},
		{"final blocks share the window", "f348cdc9c9070000, f300110000", "Hello, Hello"},
		{"final blocks without the byte share the window", "f348cdc9c90700, f3001100", "Hello, Hello"},
		{"a block behind a final one", "f348cdc9c90700f200110000", "HelloHello"},
		{"a final block that is not compressed", "010500faff48656c6c6f00", "Hello"},
		{"the same without the byte behind it", "010500faff48656c6c6f", "Hello"},
		{"a final empty block", "0300", ""},
		{"no bytes", "", ""},
		{"no bytes after a message", "f248cdc9c90700, , f200110000", "Hello, , Hello"},
		{"many empty blocks", "000000ffff000000ffff03000208208000010000ffff00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := strings.Split(c.want, ", ")
			var before [][]byte
			for i, text := range strings.Split(c.payloads, ",") {
				payload := fromHex(t, text)
				for _, pieces := range cuts(payload) {
					d, w := NewDecoder(), NewWindow(15)
					for _, other := range before {
						_, err := inflateWhole(d, w, other)
						assert.NoError(t, err)
					}
					got, err := inflateWhole(d, w, pieces...)
					assert.NoError(t, err)
					assert.Equal(t, string(got), want[i])
				}
				before = append(before, payload)
			}
		})
	}
}

// inflateTexts are messages of many kinds and sizes.
func inflateTexts() [][]byte {
	r := rand.New(rand.NewPCG(4, 1951))
	random, near := make([]byte, 40_000), make([]byte, 50_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	for i := range near { // matches of all lengths from all distances
		if near[i] = byte(r.IntN(256)); r.IntN(10) > 0 && i > 0 {
			near[i] = near[i-1-r.IntN(i)%(1<<r.IntN(15))]
		}
	}
	for i := 0; i < len(near)-300; i += r.IntN(400) {
		distance := min(1+r.IntN(1<<r.IntN(16)), i)
		copy(near[i:i+r.IntN(300)], near[i-distance:])
	}
	return [][]byte{
		{}, []byte("a"), []byte("Hello"), bytes.Repeat([]byte("ab"), 5000), make([]byte, 40_000), random[:100], random,
		near, inflateJSON(1000), inflateJSON(70_000), bytes.Repeat([]byte{0xff}, 258), []byte(strings.Repeat("äöü", 100)),
	}
}

// TestInflatesWhatCompressFlateMakes takes messages of all its levels, by
// themselves and with a dictionary, which is what context takeover is.
func TestInflatesWhatCompressFlateMakes(t *testing.T) {
	d := NewDecoder()
	var before []byte
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		for i, text := range inflateTexts() {
			got, err := inflateWhole(d, d.Fresh(15), inflatePayload(t, text, level, nil))
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, text), fmt.Sprintf("message %d of level %d is not what was sent", i, level))

			w := d.Fresh(15)
			_, err = inflateWhole(d, w, inflatePayload(t, before, flate.NoCompression, nil))
			assert.NoError(t, err)
			got, err = inflateWhole(d, w, inflatePayload(t, text, level, before))
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(got, text), fmt.Sprintf("message %d of level %d after another is not what was sent", i, level))
			before = text
		}
	}
}

// TestInflatesASequence keeps one window for messages of all kinds, while the
// decoder is also used for others.
func TestInflatesASequence(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1951))
	for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
		var payload bytes.Buffer
		z, err := flate.NewWriter(&payload, level)
		assert.NoError(t, err)
		d, w := NewDecoder(), NewWindow(15)
		for round := range 3 {
			for i, text := range inflateTexts() {
				payload.Reset()
				z.Write(text)
				z.Flush()
				sent := bytes.TrimSuffix(payload.Bytes(), flushTail)
				var pieces [][]byte
				for len(sent) > 0 {
					n := min(len(sent), 1+r.IntN(1<<r.IntN(18)))
					pieces = append(pieces, sent[:n])
					sent = sent[n:]
				}
				got, err := inflateWhole(d, w, pieces...)
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(got, text), fmt.Sprintf("message %d of level %d, round %d, is not what was sent", i, level, round))
				other, err := inflateWhole(d, d.Fresh(8), fromHex(t, "f248cdc9c90700"))
				assert.NoError(t, err)
				assert.Equal(t, string(other), "Hello")
			}
		}
	}
}

// TestCutsMakeNoDifference cuts a payload with all kinds of blocks at every byte.
func TestCutsMakeNoDifference(t *testing.T) {
	text := inflateJSON(5000)
	var payload []byte
	for i, level := range []int{6, flate.HuffmanOnly, 0, 1, 9} {
		payload = append(payload, inflatePayload(t, text[i*1000:][:1000], level, text[:i*1000])...)
		payload = append(payload, flushTail...)
	}
	long := dynamicBlock{lit: longLens(286), dist: longLens(30)}
	codes := canonical(long.lit)
	s := new(bitStream).dynamicHeader(0, long)
	for _, c := range text[:200] {
		s.code(codes[c], uint(long.lit[c]))
	}
	s.code(codes[256], uint(long.lit[256]))
	s.put(1|1<<1, 3).match(258, 5000).match(11, 1).fixed(256).align() // final: what follows begins with a byte
	s.put(1<<1, 3).fixed('x').match(3, 1).fixed(256).put(0, 3).align()
	payload = append(payload, s.b...)

	want := append(bytes.Clone(text), text[:200]...)
	want = append(want, matchFrom(want, 5000, 258)...)
	want = append(want, matchFrom(want, 1, 11)...)
	want = append(want, "xxxx"...)
	d := NewDecoder()
	for _, pieces := range cuts(payload) {
		got, err := inflateWhole(d, d.Fresh(15), pieces...)
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, want), fmt.Sprintf("cut at %d: not what was sent", len(pieces[0])))
	}
}

// TestBeginForgets leaves a message at every byte, also where the window has no
// room for all of a match or a stored block, and begins another.
func TestBeginForgets(t *testing.T) {
	s := new(bitStream).stored(0, make([]byte, 5000)).put(1<<1, 3)
	for range 40 {
		s.match(258, 200)
	}
	s.fixed(256).dynamicHeader(1, dynamicBlock{lit: longLens(286), dist: longLens(30)})
	d := NewDecoder()
	for i := range s.b {
		d.Begin(NewWindow(8))
		for src := s.b[:i]; len(src) > 0; { // the last piece may be half a match
			_, rest, err := d.Next(src)
			assert.NoError(t, err)
			src = rest
		}
		if i%2 == 0 {
			d.End()
		}
		got, err := inflateWhole(d, d.Fresh(8), fromHex(t, "f248cdc9c90700"))
		assert.NoError(t, err)
		assert.Equal(t, string(got), "Hello")
	}
}

// TestPiecesAreLentFromTheWindow: Next returns at most the whole window, and
// no other buffer exists.
func TestPiecesAreLentFromTheWindow(t *testing.T) {
	text := make([]byte, 1<<20)
	payload := inflatePayload(t, text, 9, nil)
	for bits := uint8(8); bits <= 15; bits++ {
		d, w := NewDecoder(), NewWindow(bits)
		d.Begin(w)
		size, rest := 0, payload
		for size < len(text) {
			var out []byte
			var err error
			out, rest, err = d.Next(rest)
			if bits < 15 && err != nil { // compress/flate refers back 32 KiB
				assert.ErrorIs(t, err, errDistanceBits)
				break
			}
			assert.NoError(t, err)
			assert.True(t, len(out) > 0 && len(out) <= max(1<<bits, 4<<10), "a piece is larger than the window")
			assert.True(t, &out[len(out)-1] == &w.ring[w.next-1], "a piece lies elsewhere than in the window")
			size += len(out)
		}
	}
}

// TestDecoderLetsGoOfTheWindow: after the end of a message or an error, and
// when it is told to.
func TestDecoderLetsGoOfTheWindow(t *testing.T) {
	d, w := NewDecoder(), NewWindow(15)
	free := func() {
		t.Helper()
		assert.True(t, d.window == nil && d.src == nil && len(d.tail) == 0, "the decoder holds on to something")
		for range 2 {
			_, _, err := d.Next([]byte{0})
			assert.ErrorIs(t, err, errNotBegun)
			_, done, err := d.End()
			assert.ErrorIs(t, err, errNotBegun)
			assert.True(t, !done, "the end of no message")
		}
	}
	free()
	_, err := inflateWhole(d, w, fromHex(t, "f248cdc9c90700"))
	assert.NoError(t, err)
	free()
	d.Begin(w)
	d.Next([]byte{0xf2})
	d.Begin(nil)
	free()
	_, err = inflateWhole(d, w, fromHex(t, "f200110000")) // the window is as it was
	assert.NoError(t, err)
	d.Begin(w)
	_, _, err = d.Next([]byte{0x07})
	assert.ErrorIs(t, err, errBlockType)
	assert.True(t, d.window == nil && d.src == nil, "after an error the decoder holds on to the window")
}

// TestEndInflatesWhatWasLeftOff ends messages in the middle of a block whose
// rest is 0000ffff: unusual, but RFC 7692 §7.2.2 says to append these bytes.
func TestEndInflatesWhatWasLeftOff(t *testing.T) {
	d := NewDecoder()
	got, err := inflateWhole(d, d.Fresh(15), fromHex(t, "000600f9ff4865"))
	assert.NoError(t, err)
	assert.Equal(t, got, []byte("He\x00\x00\xff\xff"))

	// The ring is full up to its end but for two bytes, so End has two pieces.
	s := new(bitStream).stored(0, make([]byte, 4<<10-2)).stored(0, make([]byte, 4))
	d.Begin(NewWindow(8))
	src := s.b[:len(s.b)-4]
	for more := true; more; {
		out, rest, err := d.Next(src)
		assert.NoError(t, err)
		more, src = len(out) > 0 || len(rest) > 0, rest
	}
	for _, want := range []string{"\x00\x00", "\xff\xff"} {
		out, done, err := d.End()
		assert.NoError(t, err)
		assert.True(t, !done, "done before all has come")
		assert.Equal(t, string(out), want)
	}
	_, done, err := d.End()
	assert.NoError(t, err)
	assert.True(t, done, "not done although all has come")
}

func TestInflatingDoesNotAllocate(t *testing.T) {
	text := inflateJSON(100 << 10)
	payload := inflatePayload(t, text, 6, nil)
	d, w := NewDecoder(), NewWindow(15)
	drain := func(w *Window) {
		d.Begin(w)
		for src, more := payload, true; more; {
			out, rest, err := d.Next(src)
			assert.NoError(t, err)
			more, src = len(out) > 0 || len(rest) > 0, rest
		}
		_, done, err := d.End()
		assert.NoError(t, err)
		assert.True(t, done, "not done")
	}
	drain(w)
	drain(d.Fresh(15))
	assert.Equal(t, testing.AllocsPerRun(10, func() { drain(w) }), 0.0)
	assert.Equal(t, testing.AllocsPerRun(10, func() { drain(d.Fresh(15)) }), 0.0)
	wrong := []byte{0x07}
	assert.Equal(t, testing.AllocsPerRun(10, func() {
		d.Begin(d.Fresh(15))
		_, _, err := d.Next(wrong)
		assert.True(t, err != nil, "no error")
	}), 0.0)
}

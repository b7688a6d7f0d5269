package frame

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

var headerTests = []struct {
	name   string
	wire   string
	header Header
}{
	{name: "RFC 6455 §5.7 text in one frame", wire: "8105", header: Header{Fin: true, Opcode: OpText, Length: 5}},
	{name: "RFC 6455 §5.7 masked text", wire: "818537fa213d", header: Header{Fin: true, Opcode: OpText, Masked: true, Key: 0x3d21fa37, Length: 5}},
	{name: "RFC 6455 §5.7 first fragment", wire: "0103", header: Header{Opcode: OpText, Length: 3}},
	{name: "RFC 6455 §5.7 last fragment", wire: "8002", header: Header{Fin: true, Opcode: OpContinuation, Length: 2}},
	{name: "RFC 6455 §5.7 ping", wire: "8905", header: Header{Fin: true, Opcode: OpPing, Length: 5}},
	{name: "RFC 6455 §5.7 masked pong", wire: "8a8537fa213d", header: Header{Fin: true, Opcode: OpPong, Masked: true, Key: 0x3d21fa37, Length: 5}},
	{name: "RFC 6455 §5.7 256 bytes of binary", wire: "827e0100", header: Header{Fin: true, Opcode: OpBinary, Length: 256}},
	{name: "RFC 6455 §5.7 64 KiB of binary", wire: "827f0000000000010000", header: Header{Fin: true, Opcode: OpBinary, Length: 65536}},

	{name: "RFC 6455 §5.2 all zero", wire: "0000", header: Header{}},
	{name: "RFC 6455 §5.2 all ones in 2 bytes", wire: "fffd78563412", header: Header{Fin: true, RSV: RSV1 | RSV2 | RSV3, Opcode: 15, Masked: true, Key: 0x12345678, Length: 125}},
	{name: "RFC 6455 §5.2 RSV1", wire: "4000", header: Header{RSV: RSV1}},
	{name: "RFC 6455 §5.2 RSV2", wire: "2000", header: Header{RSV: RSV2}},
	{name: "RFC 6455 §5.2 RSV3", wire: "1000", header: Header{RSV: RSV3}},
	{name: "RFC 6455 §5.2 reserved opcode", wire: "8b00", header: Header{Fin: true, Opcode: 11}},
	{name: "RFC 6455 §5.2 masked with a key of zeros", wire: "828000000000", header: Header{Fin: true, Opcode: OpBinary, Masked: true}},

	{name: "RFC 6455 §5.2 longest 7-bit length", wire: "827d", header: Header{Fin: true, Opcode: OpBinary, Length: 125}},
	{name: "RFC 6455 §5.2 shortest 16-bit length", wire: "827e007e", header: Header{Fin: true, Opcode: OpBinary, Length: 126}},
	{name: "RFC 6455 §5.2 length 127", wire: "827e007f", header: Header{Fin: true, Opcode: OpBinary, Length: 127}},
	{name: "RFC 6455 §5.2 longest 16-bit length", wire: "827effff", header: Header{Fin: true, Opcode: OpBinary, Length: 65535}},
	{name: "RFC 6455 §5.2 masked 16-bit length", wire: "82fe123401020304", header: Header{Fin: true, Opcode: OpBinary, Masked: true, Key: 0x04030201, Length: 0x1234}},
	{name: "RFC 6455 §5.2 length in every byte", wire: "827f0102030405060708", header: Header{Fin: true, Opcode: OpBinary, Length: 0x0102030405060708}},
	{name: "RFC 6455 §5.2 length in the first byte alone", wire: "827f0100000000000000", header: Header{Fin: true, Opcode: OpBinary, Length: 1 << 56}},
	{name: "RFC 6455 §5.2 length of 4 GiB", wire: "827f0000000100000000", header: Header{Fin: true, Opcode: OpBinary, Length: 1 << 32}},
	{name: "RFC 6455 §5.2 longest header", wire: "82ff7fffffffffffffffdeadbeef", header: Header{Fin: true, Opcode: OpBinary, Masked: true, Key: 0xefbeadde, Length: math.MaxInt64}},
}

func TestParseHeader(t *testing.T) {
	for _, tt := range headerTests {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(t, tt.wire)
			for cut := range wire {
				h, n, err := ParseHeader(wire[:cut])
				assert.NoError(t, err)
				assert.Equal(t, n, 0)
				assert.Equal(t, h, Header{})
			}
			for _, behind := range []string{"", "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
				h, n, err := ParseHeader(append(bytes.Clone(wire), behind...))
				assert.NoError(t, err)
				assert.Equal(t, n, len(wire))
				assert.Equal(t, h, tt.header)
			}
		})
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	const (
		in16 = "length below 126 written in 16 bits"
		in64 = "length below 65536 written in 64 bits"
		high = "64-bit length with the highest bit set"
	)
	tests := []struct {
		name  string
		wire  string
		after int // bytes that suffice to refuse it
		fail  string
	}{
		{name: "RFC 6455 §5.2 length 0 in 16 bits", wire: "827e0000", after: 4, fail: in16},
		{name: "RFC 6455 §5.2 length 125 in 16 bits", wire: "827e007d", after: 4, fail: in16},
		{name: "RFC 6455 §5.2 length 125 in 16 bits, masked", wire: "82fe007d00000000", after: 4, fail: in16},
		{name: "RFC 6455 §5.2 length 0 in 64 bits", wire: "827f0000000000000000", after: 8, fail: in64},
		{name: "RFC 6455 §5.2 length 125 in 64 bits", wire: "827f000000000000007d", after: 8, fail: in64},
		{name: "RFC 6455 §5.2 length 65535 in 64 bits", wire: "827f000000000000ffff", after: 8, fail: in64},
		{name: "RFC 6455 §5.2 length 65535 in 64 bits, masked", wire: "82ff000000000000ffff01020304", after: 8, fail: in64},
		{name: "RFC 6455 §5.2 length with only the highest bit", wire: "827f8000000000000000", after: 3, fail: high},
		{name: "RFC 6455 §5.2 length of all ones", wire: "827fffffffffffffffff", after: 3, fail: high},
		{name: "RFC 6455 §5.2 length of all ones, masked", wire: "82ffffffffffffffffff01020304", after: 3, fail: high},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(t, tt.wire)
			for cut := range len(wire) + 1 {
				h, n, err := ParseHeader(wire[:cut])
				assert.Equal(t, n, 0)
				assert.Equal(t, h, Header{})
				if cut < tt.after {
					assert.NoError(t, err)
				} else {
					wantProtocolError(t, err, StatusProtocolError, "RFC 6455 §5.2", tt.fail)
				}
			}
		})
	}
}

func TestAppendHeader(t *testing.T) {
	for _, tt := range headerTests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, hex.EncodeToString(AppendHeader(nil, tt.header)), tt.wire)
			assert.Equal(t, hex.EncodeToString(AppendHeader([]byte{0xCA, 0xFE}, tt.header)), "cafe"+tt.wire)
		})
	}
}

func TestAppendHeaderDropsWhatHasNoPlace(t *testing.T) {
	got := AppendHeader(nil, Header{RSV: 0xF8, Opcode: 0xF1, Key: 0xFFFFFFFF, Length: 1})
	assert.Equal(t, got, []byte{0x01, 0x01})
}

func TestHeaderWithoutAllocation(t *testing.T) {
	buf := make([]byte, 0, MaxHeaderLen)
	for _, tt := range headerTests {
		wire := unhex(t, tt.wire)
		allocs := testing.AllocsPerRun(100, func() {
			if _, n, _ := ParseHeader(wire); n != len(AppendHeader(buf, tt.header)) {
				t.Errorf("%s: ParseHeader and AppendHeader disagree about its length", tt.name)
			}
		})
		assert.Equal(t, allocs, 0.0)
	}
}

// Random legal headers survive encoding and decoding.
func TestHeaderRoundTrip(t *testing.T) {
	for range 20_000 {
		h := Header{
			Fin:    rand.N(2) == 1,
			RSV:    byte(rand.N(8)),
			Opcode: Opcode(rand.N(16)),
			Masked: rand.N(2) == 1,
			Length: rand.Int64() >> rand.N(64),
		}
		if h.Masked {
			h.Key = rand.Uint32()
		}
		wire := AppendHeader(nil, h)
		got, n, err := ParseHeader(wire)
		assert.NoError(t, err)
		assert.Equal(t, n, len(wire))
		assert.Equal(t, got, h)
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, tt := range headerTests {
		f.Add(unhex(f, tt.wire))
	}
	f.Add(unhex(f, "827e007d"))
	f.Add(unhex(f, "827f000000000000ffff"))
	f.Add(unhex(f, "827f8000000000000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		switch {
		case err != nil:
			if n != 0 || h != (Header{}) {
				t.Fatalf("%x: error %v with %d bytes used and %+v", b, err, n, h)
			}
		case n == 0:
			if len(b) >= MaxHeaderLen {
				t.Fatalf("%x: %d bytes do not suffice", b, len(b))
			}
		case n < 2 || n > min(len(b), MaxHeaderLen) || h.Length < 0:
			t.Fatalf("%x: %d bytes used for %+v", b, n, h)
		default:
			// Equal bytes mean that the length was minimal, too.
			if again := AppendHeader(nil, h); !bytes.Equal(again, b[:n]) {
				t.Fatalf("%x: encoded again it is %x", b[:n], again)
			}
		}
		checkHeaderPrefixes(t, b, h, n, err)
	})
}

// checkHeaderPrefixes checks that more bytes never change the answer: every
// prefix of b wants more until one gives what b as a whole gave.
func checkHeaderPrefixes(t *testing.T, b []byte, h Header, n int, err error) {
	t.Helper()
	for cut := range len(b) {
		ph, pn, perr := ParseHeader(b[:cut])
		if pn == 0 && perr == nil {
			continue
		}
		if ph != h || pn != n || (perr == nil) != (err == nil) {
			t.Fatalf("%x: %+v %d %v; of the first %d bytes: %+v %d %v", b, h, n, err, cut, ph, pn, perr)
		}
		if err != nil && perr.Error() != err.Error() {
			t.Fatalf("%x: %v; of the first %d bytes: %v", b, err, cut, perr)
		}
	}
}

func BenchmarkParseHeader(b *testing.B) {
	for _, bench := range []struct{ name, wire string }{
		{"server 7-bit", "8105"},
		{"client 7-bit", "818537fa213d"},
		{"client 16-bit", "82fe123401020304"},
		{"client 64-bit", "82ff000000000001000001020304"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			wire := unhex(b, bench.wire)
			b.ReportAllocs()
			for b.Loop() {
				if _, n, err := ParseHeader(wire); n != len(wire) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	h := Header{Fin: true, Opcode: OpText, Masked: true, Key: 0x3d21fa37, Length: 5}
	buf := make([]byte, 0, MaxHeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendHeader(buf[:0], h)
	}
}

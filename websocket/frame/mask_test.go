package frame

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// naiveMask masks as RFC 6455 §5.3 words it: octet i of the payload with octet
// i modulo 4 of the key. It returns the key for the octet after the last.
func naiveMask(b []byte, key uint32) uint32 {
	octets := [4]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}
	for i := range b {
		b[i] ^= octets[i%4]
	}
	var next uint32
	for j := range 4 {
		next |= uint32(octets[(len(b)+j)%4]) << (8 * j)
	}
	return next
}

// randomBytes returns n bytes nobody could have tuned the code for.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	assert.NoError(t, err)
	return b
}

func TestMask(t *testing.T) {
	tests := []struct {
		name         string
		plain, wire  string
		key, nextKey uint32
	}{
		{name: "RFC 6455 §5.3 empty payload", key: 0x3d21fa37, nextKey: 0x3d21fa37},
		{name: "RFC 6455 §5.3 the first octet of the key comes first", plain: "00", wire: "37", key: 0x3d21fa37, nextKey: 0x373d21fa},
		{name: "RFC 6455 §5.3 one round of the key", plain: "00000000", wire: "37fa213d", key: 0x3d21fa37, nextKey: 0x3d21fa37},
		{name: "RFC 6455 §5.7 masked Hello", plain: "48656c6c6f", wire: "7f9f4d5158", key: 0x3d21fa37, nextKey: 0x373d21fa},
		{name: "RFC 6455 §5.3 key of zeros", plain: "0102030405060708090a", wire: "0102030405060708090a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.plain)
			assert.Equal(t, Mask(b, tt.key), tt.nextKey)
			assert.Equal(t, hex.EncodeToString(b), tt.wire)
			assert.Equal(t, Mask(b, tt.key), tt.nextKey)
			assert.Equal(t, hex.EncodeToString(b), tt.plain)
		})
	}
}

// Every length around the steps of the implementation, at every alignment to
// the vectors; the bytes on both sides of the payload must stay as they are.
func TestMaskEqualsNaive(t *testing.T) {
	const margin = 40
	for n := range 301 {
		for offset := range 32 {
			key := uint32(0x9a3bc1d7) * uint32(n+offset+1)
			whole := randomBytes(offset + n + margin)
			want := bytes.Clone(whole)
			wantKey := naiveMask(want[offset:offset+n], key)
			eachCode(func(code string) {
				got := bytes.Clone(whole)
				gotKey := Mask(got[offset:offset+n:offset+n], key)
				if !bytes.Equal(got, want) || gotKey != wantKey {
					t.Fatalf("%s: Mask of %d bytes at offset %d with key %08x differs", code, n, offset, key)
				}

				src := bytes.Clone(whole)
				dst := bytes.Clone(whole)
				gotKey = MaskCopy(dst[offset:], src[offset:offset+n], key)
				if !bytes.Equal(dst, want) || gotKey != wantKey {
					t.Fatalf("%s: MaskCopy of %d bytes at offset %d with key %08x differs", code, n, offset, key)
				}
				if !bytes.Equal(src, whole) {
					t.Fatalf("%s: MaskCopy of %d bytes changed its source", code, n)
				}
			})
		}
	}
}

// Source and destination may lie differently to the vectors.
func TestMaskCopyBetweenAlignments(t *testing.T) {
	const key = 0x600dcafe
	eachCode(func(code string) {
		for _, n := range []int{33, 64, 129, 200, 300, 513} {
			src := randomBytes(n + 32)
			for from := range 32 {
				want := bytes.Clone(src[from : from+n])
				naiveMask(want, key)
				for to := range 32 {
					dst := make([]byte, to+n+1)
					MaskCopy(dst[to:], src[from:from+n], key)
					if !bytes.Equal(dst[to:to+n], want) || dst[to+n] != 0 || to > 0 && dst[to-1] != 0 {
						t.Fatalf("%s: %d bytes from offset %d to offset %d differ", code, n, from, to)
					}
				}
			}
		}
	})
}

func TestMaskLargePayload(t *testing.T) {
	for _, n := range []int{1 << 16, 1<<16 + 1, 1<<20 - 3} {
		b := randomBytes(n)
		want := bytes.Clone(b)
		wantKey := naiveMask(want, 0xfeedc0de)
		eachCode(func(code string) {
			got := bytes.Clone(b)
			assert.Equal(t, Mask(got, 0xfeedc0de), wantKey)
			assert.True(t, bytes.Equal(got, want), fmt.Sprintf("%s: %d bytes differ", code, n))
		})
	}
}

// A payload that comes in two pieces, cut anywhere, is unmasked as a whole one.
func TestMaskGoesOnWithReturnedKey(t *testing.T) {
	const key = 0x0badcafe
	whole := randomBytes(70)
	want := bytes.Clone(whole)
	naiveMask(want, key)
	for cut := range len(whole) + 1 {
		got := bytes.Clone(whole)
		Mask(got[cut:], Mask(got[:cut], key))
		assert.Equal(t, got, want)

		copied := make([]byte, len(whole))
		MaskCopy(copied[cut:], whole[cut:], MaskCopy(copied[:cut], whole[:cut], key))
		assert.Equal(t, copied, want)
	}
}

func TestMaskCopyInPlace(t *testing.T) {
	for n := range 200 {
		b := randomBytes(n)
		want := bytes.Clone(b)
		naiveMask(want, 0x01020304)
		MaskCopy(b, b, 0x01020304)
		assert.Equal(t, b, want)
	}
}

func TestMaskCopyRefusesShortDestination(t *testing.T) {
	defer func() { assert.True(t, recover() != nil, "no panic though dst is shorter than src") }()
	MaskCopy(make([]byte, 3), make([]byte, 4), 1)
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x3d21fa37), uint8(0), uint8(2))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 20), uint32(0xffeeddcc), uint8(3), uint8(65))
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 40), uint32(0x01020408), uint8(1), uint8(250))
	f.Fuzz(func(t *testing.T, payload []byte, key uint32, offset, step uint8) {
		payload = payload[min(int(offset), len(payload)):] // any alignment
		want := bytes.Clone(payload)
		wantKey := naiveMask(want, key)

		eachCode(func(code string) {
			got, copied := bytes.Clone(payload), make([]byte, len(payload))
			gotKey, copyKey := key, key
			size := int(step)
			for at := 0; at < len(payload); {
				end := min(at+max(size, 1), len(payload))
				copyKey = MaskCopy(copied[at:], payload[at:end], copyKey)
				gotKey = Mask(got[at:end], gotKey)
				at, size = end, (size*7+3)&0xff
			}
			if !bytes.Equal(got, want) || gotKey != wantKey {
				t.Fatalf("%s: Mask of %x in pieces with key %08x: got %x %08x, want %x %08x", code, payload, key, got, gotKey, want, wantKey)
			}
			if !bytes.Equal(copied, want) || copyKey != wantKey {
				t.Fatalf("%s: MaskCopy of %x in pieces with key %08x: got %x %08x, want %x %08x", code, payload, key, copied, copyKey, want, wantKey)
			}
		})
	})
}

var maskSizes = []int{16, 125, 1 << 10, 64 << 10, 1 << 20}

func BenchmarkMask(b *testing.B) {
	for _, n := range maskSizes {
		p := randomBytes(n)
		eachCode(func(code string) {
			b.Run(fmt.Sprintf("%dB/%s", n, code), func(b *testing.B) {
				key := uint32(0x3d21fa37)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					key = Mask(p, key)
				}
			})
		})
	}
}

func BenchmarkMaskCopy(b *testing.B) {
	for _, n := range maskSizes {
		src, dst := randomBytes(n), make([]byte, n)
		eachCode(func(code string) {
			b.Run(fmt.Sprintf("%dB/%s", n, code), func(b *testing.B) {
				key := uint32(0x3d21fa37)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					key = MaskCopy(dst, src, key)
				}
			})
		})
	}
}

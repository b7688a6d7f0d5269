package conformance

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// exampleMask is 37 fa 21 3d, the masking key of the examples in RFC 6455 §5.7.
const exampleMask = 0x3D21FA37

// TestExamplesByteForByte compares the cases of RFC 6455 §5.7 with the bytes
// printed there. It prints each example for one role only.
func TestExamplesByteForByte(t *testing.T) {
	examples := map[string]struct{ fromServer, fromClient string }{
		"§5.7 a single-frame text message": {
			fromServer: "810548656c6c6f",
			fromClient: "818537fa213d7f9f4d5158",
		},
		"§5.7 a fragmented text message": {fromServer: "010348656c" + "80026c6f"},
		"§5.7 a ping request":            {fromServer: "890548656c6c6f"},
		"§5.7 a ping response":           {fromClient: "8a8537fa213d7f9f4d5158"},
		"§5.7 256 bytes of binary in a single frame": {
			fromServer: "827e0100" + hex.EncodeToString([]byte(octets(256))),
		},
		"§5.7 64 KiB of binary in a single frame": {
			fromServer: "827f0000000000010000" + hex.EncodeToString([]byte(octets(65536))),
		},
	}
	for _, c := range Cases() {
		if !strings.HasPrefix(c.Name, "§5.7 ") {
			continue
		}
		example, ok := examples[c.Name]
		assert.True(t, ok, c.Name+": its bytes are not given here")
		delete(examples, c.Name)
		if want := example.fromServer; want != "" {
			assert.Equal(t, hex.EncodeToString(c.AppendWire(nil, Server, exampleMask)), want)
		}
		if want := example.fromClient; want != "" {
			assert.Equal(t, hex.EncodeToString(c.AppendWire(nil, Client, exampleMask)), want)
		}
	}
	assert.Equal(t, len(examples), 0)
}

func TestPieces(t *testing.T) {
	tests := []struct {
		name                   string
		piece                  Piece
		fromServer, fromClient string // the key is 04030201
	}{
		{"empty", text(""), "8100", "818001020304"},
		{"not final", text("").more(), "0100", "018001020304"},
		{"continuation", cont("\x00"), "800100", "80810102030401"},
		{"reserved bits", ping("").rsv(frame.RSV1 | frame.RSV3), "d900", "d98001020304"},
		{"reserved opcode", bin("").opcode(11), "8b00", "8b8001020304"},
		{"masked against the role", bin("\xff\xff").wrongMask(), "828201020304fefd", "8202ffff"},
		{"length of 16 bits too many", bin("\x00").form(In16Bits), "827e000100", "82fe00010102030401"},
		{"length of 64 bits too many", bin("\x00").form(In64Bits), "827f000000000000000100", "82ff00000000000000010102030401"},
		{"16 bits for a length that needs them", bin("").declared(126), "827e007e", "82fe007e01020304"},
		{"all bits of a length", bin("").declared(1<<64 - 1), "827fffffffffffffffff", "82ffffffffffffffffff01020304"},
		{"declares more than it has", bin("\x00").declared(3), "820300", "82830102030401"},
		{"first bytes alone", bin("\x00\x00").keep(3), "820200", "828201"},
		{"without the last byte", bin("\x00\x00").cut(1), "820200", "82820102030401"},
		{"raw", Piece{Raw: "00ff"}, "00ff", "00ff"},
		{"close", bye(1000, "\x00"), "880303e800", "88830102030402ea03"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Case{Sends: sends(test.piece)}
			assert.Equal(t, hex.EncodeToString(c.AppendWire(nil, Server, 0x04030201)), test.fromServer)
			assert.Equal(t, hex.EncodeToString(c.AppendWire(nil, Client, 0x04030201)), test.fromClient)
		})
	}
}

// TestCorrectPiecesAreFrames checks the encoder here against the one of
// package frame, which shares no line with it.
func TestCorrectPiecesAreFrames(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		for _, p := range []Piece{text(letters(n)), bin(octets(n)).more(), cont(octets(n)).rsv(frame.RSV2), ping(letters(min(n, 125)))} {
			for _, role := range []Role{Client, Server} {
				key := random.Uint32()
				h := frame.Header{Fin: p.Fin, RSV: p.RSV, Opcode: p.Opcode, Length: int64(len(p.Payload))}
				if role == Client {
					h.Masked, h.Key = true, key
				}
				want := frame.AppendHeader([]byte("before"), h)
				start := len(want)
				want = append(want, p.Payload...)
				frame.Mask(want[start:], h.Key)
				c := Case{Sends: sends(p)}
				assert.Equal(t, c.AppendWire([]byte("before"), role, key), want)
			}
		}
	}
}

func TestEveryFrameHasItsOwnKey(t *testing.T) {
	c := Case{Sends: sends(bin(""), bin(""), bin(""))}
	wire := c.AppendWire(nil, Client, 0)
	keys := map[uint32]bool{}
	for len(wire) > 0 {
		h, n, err := frame.ParseHeader(wire)
		assert.NoError(t, err)
		assert.True(t, h.Masked && !keys[h.Key], "key is not new")
		keys[h.Key] = true
		wire = wire[n:]
	}
	assert.Equal(t, len(keys), 3)
	assert.True(t, keys[0], "the first frame has another key than the one given")
}

func TestRawMustBeHexadecimal(t *testing.T) {
	defer func() { assert.True(t, recover() != nil, "no panic") }()
	c := Case{Sends: sends(Piece{Raw: "8"})}
	c.AppendWire(nil, Client, 0)
}

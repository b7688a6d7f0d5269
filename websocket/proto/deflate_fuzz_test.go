package proto_test

import (
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/proto"
)

// paramsFrom returns parameters made of 8 bits.
func paramsFrom(b byte) *deflate.Params {
	return &deflate.Params{
		ServerNoContextTakeover: b&1 != 0, ClientNoContextTakeover: b&2 != 0,
		ServerMaxWindowBits: 8 + b>>2&7, ClientMaxWindowBits: 8 + b>>5&7,
	}
}

// FuzzCompressedMachine has a client and a server with compression talk by a script,
// through any chunking, with any parameters: what one says the other hears.
func FuzzCompressedMachine(f *testing.F) {
	for _, params := range []byte{0, 3, 0xFF, 0xFC, 0x1D, 0xE2} {
		f.Add(params, []byte("\x00\x40\x10\x00\x40\x10\x0d\xff\x01\x01\x40\x10\x01\x40\x10\x0c\xff\x11"))
		f.Add(params, []byte("\x04\x20\xff\x01\x08\x10\x02\x04\x20\x01\x0c\x60\x02\x06\x31\x02\x0c\xff\x03\x00\x55\x44"))
		f.Add(params, []byte("\x02\xff\xfc\x02\xff\xfe\x02\xff\xfc\x05\x00\x80\xfc\x0d\xff\x01\x0f\x01"))
	}
	f.Fuzz(func(t *testing.T, params byte, script []byte) {
		l := newLoopback(t, script[:min(len(script), 256)], paramsFrom(params))
		l.run()
		l.check()
		for _, e := range l.ends {
			e.eof(nil)
			assert.Equal(t, e.pools.encoders.lent()+e.pools.decoders.lent(), 0)
		}
	})
}

// FuzzCompressedWire shows that no input makes a machine with compression panic,
// deliver more of a message than the limit or keep a decoder, and that chunking does
// not matter.
func FuzzCompressedWire(f *testing.F) {
	for i, c := range slices.Concat(compressedCases(), brokenCases()) {
		for _, role := range bothRoles {
			if wire := c.AppendWire(nil, peerOf(role), 0x3D21FA37); len(wire) <= 600 {
				f.Add(role == proto.Client, uint16(c.MaxMessage), byte(0xFC+i%4), wire, []byte{byte(i), 3, 0, 1})
			}
		}
	}
	f.Fuzz(func(t *testing.T, client bool, limit uint16, params byte, data, cuts []byte) {
		chunkingMakesNoDifference(t, roleOf(client), int64(limit), paramsFrom(params), data, cuts)
	})
}

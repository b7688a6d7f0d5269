package peers_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestPing(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		c := dialRaw(t, serve(t, p, peers.Options{}), "")
		c.send(0x89, []byte("are you there?"))
		f := c.receive()
		assert.Equal(t, f.opcode, byte(10))
		assert.Equal(t, string(f.payload), "are you there?")
	})
}

// TestClose shows that the closing handshake is completed, and TCP closed by the
// server.
func TestClose(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		c := dialRaw(t, serve(t, p, peers.Options{}), "")
		c.send(0x88, []byte{1000 >> 8, 1000 & 0xFF})
		c.wantClose(1000)
		if p.Name == "nbio" {
			return // it leaves TCP open for a while
		}
		_, err := c.r.ReadByte()
		assert.ErrorIs(t, err, io.EOF)
	})
}

// TestOrigin shows who refuses pages of other sites without being told to.
func TestOrigin(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		addr := serve(t, p, peers.Options{})
		_, answer := handshake(t, addr, "Origin: http://"+addr)
		assert.Equal(t, answer.StatusCode, http.StatusSwitchingProtocols)
		_, answer = handshake(t, addr, "Origin: http://elsewhere.example")
		checks := p.Name != "gws" && p.Module != "github.com/gobwas/ws"
		assert.Equal(t, answer.StatusCode == http.StatusForbidden, checks)
	})
}

// TestTakeover sends the same text twice: with context takeover the second echo is
// next to nothing.
func TestTakeover(t *testing.T) {
	text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog; ", 3) + "pack my box with five dozen liquor jugs. " +
		strings.Repeat("sphinx of black quartz, judge my vow! ", 12)) // over everybody's threshold
	each(t, func(t *testing.T, p peers.Peer) {
		for _, compression := range []peers.Compression{peers.NoTakeover, peers.Takeover} {
			if compression > p.Best {
				continue
			}
			c := dialRaw(t, serve(t, p, peers.Options{Compression: compression}), "permessage-deflate")
			var sizes []int
			for range 2 {
				// gobwas sends compressed what came compressed.
				c.send(0xC1, stored(text))
				f := c.receive()
				assert.True(t, f.rsv1, "not compressed")
				if len(sizes) == 0 {
					assert.True(t, bytes.Equal(f.inflated(t), text), "the echo is another message")
				}
				sizes = append(sizes, len(f.payload))
			}
			assert.Equal(t, sizes[1] < sizes[0]/2, compression == peers.Takeover)
		}
	})
}

// stored returns p as a message of permessage-deflate, in a block that is stored.
func stored(p []byte) []byte {
	n := uint16(len(p))
	return append(append([]byte{0, byte(n), byte(n >> 8), ^byte(n), ^byte(n >> 8)}, p...), 0)
}

// TestWindowBits shows who keeps to smaller windows when asked.
func TestWindowBits(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		if p.Best != peers.Takeover {
			return
		}
		addr := serve(t, p, peers.Options{Compression: peers.Takeover, WindowBits: 9})
		c := dialRaw(t, addr, "permessage-deflate; client_max_window_bits; server_max_window_bits=15")
		assert.Equal(t, strings.Contains(c.extensions, "client_max_window_bits=9"), p.Name != "coder")
	})
}

// TestBrokenRules shows the codes with which connections are failed: where a library
// leaves that to the application, ours here sends what its example sends.
func TestBrokenRules(t *testing.T) {
	for _, rule := range []struct {
		name    string
		first   byte
		payload []byte
		code    uint16
		without []string // those that drop the connection or do nothing
	}{
		{"RSV3", 0x91, []byte("x"), 1002, []string{"xnet", "nbio", "gws", "gobwas", "gobwas-raw"}}, // not with compression
		{"opcode 3", 0x83, []byte("x"), 1002, []string{"xnet", "nbio"}},
		{"fragmented ping", 0x09, nil, 1002, []string{"xnet", "nbio"}},
		{"too much", 0x82, make([]byte, 2000), 1009, []string{"xnet"}},
		{"not deflated", 0xC1, []byte{0x07}, 1007, []string{"xnet", "nbio", "gorilla", "fasthttp", "coder", "gws"}},
	} {
		t.Run(rule.name, func(t *testing.T) {
			each(t, func(t *testing.T, p peers.Peer) {
				addr := serve(t, p, peers.Options{MaxMessage: 1000, Compression: p.Best})
				c := dialRaw(t, addr, "permessage-deflate")
				c.send(rule.first, rule.payload)
				if !slices.Contains(rule.without, p.Name) {
					c.wantClose(rule.code)
				}
			})
		})
	}
}

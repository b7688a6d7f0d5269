package peers_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestVersion(t *testing.T) {
	for _, p := range peers.All() {
		assert.Equal(t, p.Version() == "", p.Ours())
	}
}

func TestFind(t *testing.T) {
	for _, p := range peers.All() {
		found, err := peers.Find(p.Name)
		assert.NoError(t, err)
		assert.Equal(t, found.Module, p.Module)
	}
	_, err := peers.Find("socket.io")
	assert.True(t, err != nil, "found a library that is not there")
	assert.Contains(t, err.Error(), "duplex-conn, duplex-event, duplex-epoll-http, duplex-epoll, coder, fasthttp, gobwas, gobwas-raw, gorilla, gws, nbio, xnet")
}

func TestCompressionWords(t *testing.T) {
	for _, c := range []peers.Compression{peers.Off, peers.NoTakeover, peers.Takeover} {
		text, err := c.MarshalText()
		assert.NoError(t, err)
		var back peers.Compression
		assert.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, back, c)
	}
	var c peers.Compression
	assert.Contains(t, c.UnmarshalText([]byte("zip")).Error(), "off, no-takeover, takeover")
}

// serve runs a peer for the length of a test and returns its address.
func serve(t *testing.T, p peers.Peer, o peers.Options) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, l, o) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			assert.NoError(t, err)
		case <-time.After(time.Minute):
			t.Error("Serve does not end")
		}
	})
	return l.Addr().String()
}

// dial connects to a peer for the length of a test.
func dial(t *testing.T, addr string, o *websocket.DialOptions) *websocket.Conn {
	c, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/", o)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// each runs a test against every peer. The race detector does not see how nbio
// hands a descriptor through epoll to another goroutine, and reports races; nbio
// is tested without it.
func each(t *testing.T, f func(t *testing.T, p peers.Peer)) {
	for _, p := range peers.All() {
		if race && p.Name == "nbio" {
			continue
		}
		t.Run(p.Name, func(t *testing.T) { f(t, p) })
	}
}

const big = 3 << 20

func TestEcho(t *testing.T) {
	messages := []struct {
		kind websocket.MessageType
		data []byte
	}{
		{websocket.Text, []byte("hello")},
		{websocket.Binary, []byte{0xFF, 0, 0xFE}},
		{websocket.Text, bytes.Repeat([]byte("äöü€😀"), 1000)},
		{websocket.Binary, bytes.Repeat([]byte{1, 2, 3}, big/3)},
	}
	each(t, func(t *testing.T, p peers.Peer) {
		c := dial(t, serve(t, p, peers.Options{MaxMessage: big}), &websocket.DialOptions{MaxMessage: big})
		for _, m := range messages {
			assert.NoError(t, c.Write(t.Context(), m.kind, m.data))
			kind, data, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, kind, m.kind)
			assert.True(t, bytes.Equal(data, m.data), "the echo is another message")
		}
		assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
	})
}

// TestEmptyMessage shows that an empty message is a message, except to nbio,
// which gives it to nobody.
func TestEmptyMessage(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		c := dial(t, serve(t, p, peers.Options{}), nil)
		assert.NoError(t, c.Write(t.Context(), websocket.Text, nil))
		assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("next")))
		_, data, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, len(data) == 0, p.Name != "nbio")
	})
}

// TestFragments sends a message in three frames and, where the library tells
// frames from messages, wants one message back.
func TestFragments(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		c := dial(t, serve(t, p, peers.Options{}), nil)
		w, err := c.Writer(t.Context(), websocket.Text)
		assert.NoError(t, err)
		part := strings.Repeat("x", 20_000)
		for range 3 {
			_, err = w.Write([]byte(part))
			assert.NoError(t, err)
		}
		assert.NoError(t, w.Close())
		var got []int
		for sum := 0; sum < 3*len(part); {
			_, data, err := c.Read(t.Context())
			assert.NoError(t, err)
			got = append(got, len(data))
			sum += len(data)
		}
		assert.Equal(t, len(got) == 1, p.MergesFragments)
	})
}

func TestMaxMessage(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		c := dial(t, serve(t, p, peers.Options{MaxMessage: 1000}), nil)
		assert.NoError(t, c.Write(t.Context(), websocket.Binary, make([]byte, 1000)))
		_, data, err := c.Read(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, len(data), 1000)
		// The server may end the connection before all of it is written.
		_ = c.Write(t.Context(), websocket.Binary, make([]byte, 100_000))
		_, _, err = c.Read(t.Context())
		assert.True(t, err != nil, "the limit does not hold")
	})
}

// TestCheckText shows which connections end on text that is none, and how.
func TestCheckText(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		for _, check := range []bool{false, true} {
			c := dialRaw(t, serve(t, p, peers.Options{CheckText: check}), "")
			c.send(0x81, []byte{0xFF})
			first := c.receive()
			wantClose := check || p.ChecksText
			assert.Equal(t, first.opcode == 8, wantClose)
			if check && !p.ChecksText && p.Name != "xnet" {
				assert.Equal(t, first.payload, []byte{1007 >> 8, 1007 & 0xFF})
			}
		}
	})
}

// TestCompression shows that a peer agrees to what Best says and no more, and
// echoes what comes compressed.
func TestCompression(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		for _, c := range []peers.Compression{peers.Off, peers.NoTakeover, peers.Takeover} {
			raw := dialRaw(t, serve(t, p, peers.Options{Compression: c}), "permessage-deflate; client_max_window_bits")
			got := peers.Off
			if raw.extensions != "" {
				got = peers.Takeover
				if strings.Contains(raw.extensions, "server_no_context_takeover") {
					got = peers.NoTakeover
				}
			}
			assert.Equal(t, got, min(c, p.Best))
			if got != peers.Off {
				raw.send(0xC1, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}) // RFC 7692 §7.2.3.1: "Hello"
				echo := raw.receive()
				assert.Equal(t, echo.opcode, byte(1))
				assert.Equal(t, string(echo.inflated(t)), "Hello")
			}
		}
	})
}

func TestSubprotocols(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		addr := serve(t, p, peers.Options{Subprotocols: []string{"chat.v2", "chat.v1"}})
		for offer, want := range map[string]string{"chat.v1": "chat.v1", "chat.v3,chat.v2": "chat.v2"} {
			c := dial(t, addr, &websocket.DialOptions{Subprotocols: strings.Split(offer, ",")})
			assert.Equal(t, c.Subprotocol(), want)
		}
	})
}

func TestServeError(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		if p.Name == "nbio" {
			return // its engine keeps accepting on a closed listener
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		assert.NoError(t, l.Close())
		assert.ErrorIs(t, p.Serve(t.Context(), l, peers.Options{}), net.ErrClosed)
	})
}

// TestServeAgain shows that a peer can serve twice in one process.
func TestServeAgain(t *testing.T) {
	each(t, func(t *testing.T, p peers.Peer) {
		for range 2 {
			c := dial(t, serve(t, p, peers.Options{}), nil)
			assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("hi")))
			_, data, err := c.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(data), "hi")
			if err := c.Close(websocket.StatusNormalClosure, ""); !errors.Is(err, net.ErrClosed) {
				assert.NoError(t, err)
			}
		}
	})
}

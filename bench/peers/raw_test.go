package peers_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// A rawConn is a client that checks nothing, so that it can break rules.
type rawConn struct {
	t *testing.T
	net.Conn
	r          *bufio.Reader
	extensions string // that the server agreed to
}

// A rawFrame is a frame that came back.
type rawFrame struct {
	opcode  byte
	rsv1    bool
	payload []byte
}

// handshake sends an opening request with additional lines and returns the
// connection and the answer.
func handshake(t *testing.T, addr string, lines ...string) (*rawConn, *http.Response) {
	c, err := net.Dial("tcp", addr)
	assert.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	assert.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	lines = append([]string{
		"GET / HTTP/1.1", "Host: " + addr, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}, lines...)
	_, err = io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n")
	assert.NoError(t, err)
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	assert.NoError(t, err)
	return &rawConn{t, c, r, answer.Header.Get("Sec-WebSocket-Extensions")}, answer
}

// dialRaw opens a WebSocket for the length of a test.
func dialRaw(t *testing.T, addr, extensions string) *rawConn {
	var lines []string
	if extensions != "" {
		lines = []string{"Sec-WebSocket-Extensions: " + extensions}
	}
	c, answer := handshake(t, addr, lines...)
	assert.Equal(t, answer.StatusCode, http.StatusSwitchingProtocols)
	return c
}

// send sends a frame with the given first byte, masked with zeros.
func (c *rawConn) send(first byte, payload []byte) {
	h := frame.Header{
		Fin: first&0x80 != 0, RSV: first >> 4 & 7, Opcode: frame.Opcode(first & 15), Masked: true, Length: int64(len(payload)),
	}
	_, err := c.Write(append(frame.AppendHeader(nil, h), payload...))
	assert.NoError(c.t, err)
}

// wantClose reads frames up to a close frame and compares its code.
func (c *rawConn) wantClose(code uint16) {
	f := c.receive()
	assert.Equal(c.t, f.opcode, byte(8))
	assert.True(c.t, len(f.payload) >= 2, "a close frame without a code")
	assert.Equal(c.t, binary.BigEndian.Uint16(f.payload), code)
}

// receive returns the next frame.
func (c *rawConn) receive() rawFrame {
	var head [frame.MaxHeaderLen]byte
	for n := 2; ; n++ {
		p, err := c.r.Peek(n)
		assert.NoError(c.t, err)
		copy(head[:], p)
		h, used, err := frame.ParseHeader(head[:n])
		assert.NoError(c.t, err)
		if used == 0 {
			continue
		}
		_, err = c.r.Discard(used)
		assert.NoError(c.t, err)
		payload := make([]byte, h.Length)
		_, err = io.ReadFull(c.r, payload)
		assert.NoError(c.t, err)
		return rawFrame{byte(h.Opcode), head[0]&0x40 != 0, payload}
	}
}

// inflated returns the payload as the application would see it.
func (f rawFrame) inflated(t *testing.T) []byte {
	if !f.rsv1 {
		return f.payload
	}
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	p, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(f.payload), bytes.NewReader([]byte(tail)))))
	assert.NoError(t, err)
	return p
}

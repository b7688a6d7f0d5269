package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// TestConformance runs the table of wire cases against a Conn in both roles: the
// bytes in one piece, if that does not make many answers at once, and one by one,
// if they are few.
func TestConformance(t *testing.T) {
	for _, role := range []conformance.Role{conformance.Server, conformance.Client} {
		for _, c := range conformance.Cases() {
			t.Run(role.String()+"/"+c.Name, func(t *testing.T) {
				wire := c.AppendWire(nil, role.Other(), 0x3d21fa37)
				if len(c.Answers) <= 16 { // of more pongs only the newest need be sent (RFC 6455 §5.5.3)
					runCase(t, &c, role, wire, len(wire))
				} else {
					runCase(t, &c, role, wire, 16)
				}
				if len(wire) <= 300 {
					runCase(t, &c, role, wire, 1)
				}
			})
		}
	}
}

// runCase runs a case with its bytes sent in pieces of n.
func runCase(t *testing.T, c *conformance.Case, role conformance.Role, wire []byte, n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		conn, peer := open(t, c, role)
		var o conformance.Outcome
		ended := make(chan error, 1)
		go func() {
			for m, err := range readings(conn) {
				if err != nil {
					ended <- err
					return
				}
				kind := map[websocket.MessageType]conformance.Kind{websocket.Text: conformance.Text, websocket.Binary: conformance.Binary}
				o.Saw = append(o.Saw, conformance.Event{Kind: kind[m.Type], Payload: string(m.Data)})
			}
		}()
		for p := range slices.Chunk(wire, max(n, 1)) {
			if _, err := peer.Write(p); err != nil {
				break // the connection may have ended before
			}
			synctest.Wait()
		}
		if c.EOF {
			assert.NoError(t, peer.(*wstest.PipeConn).CloseWrite())
		}
		synctest.Wait()
		var err error
		select {
		case err = <-ended:
		default:
		}
		o.Answers, o.Ended = answers(t, peer, role), endOf(err)
		// The application does not see control frames.
		want := *c
		want.Sees = slices.DeleteFunc(slices.Clone(c.Sees), func(e conformance.Event) bool {
			return e.Kind == conformance.Ping || e.Kind == conformance.Pong
		})
		assert.NoError(t, want.Check(o))
		conn.CloseNow()
		peer.Close()
	})
}

// open returns a Conn in a role, set up for the case, and its peer's transport.
func open(t *testing.T, c *conformance.Case, role conformance.Role) (*websocket.Conn, net.Conn) {
	limit := c.MaxMessage
	if limit == 0 {
		limit = -1
	}
	var conn *websocket.Conn
	var peer net.Conn
	compression, header := compressionFor(c.Deflate, role)
	if role == conformance.Server {
		conn, _, peer = transports[0].script(t, &websocket.AcceptOptions{
			MaxMessage: limit, PingInterval: -1, Compression: compression,
		}, header...)
	} else {
		a, b := wstest.NetPipe()
		s := wstest.NewScript(t, b, wstest.Server)
		wait := s.Go(func() { s.ServerHandshake(header...) })
		var err error
		conn, _, err = websocket.Dial(t.Context(), "ws://example.com", &websocket.DialOptions{
			MaxMessage: limit, PingInterval: -1, Proxy: noProxy, Compression: compression,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return a, nil },
		})
		assert.NoError(t, err)
		wait()
		peer = b
	}
	if c.Deflate != nil {
		assert.Equal(t, conn.Extensions(), string(handshake.AppendExtension(nil, c.Deflate.Extension())))
	}
	return conn, peer
}

// compressionFor returns what a Conn in a role and its peer must say so that they
// agree on p, which may be nil.
func compressionFor(p *deflate.Params, role conformance.Role) (o *websocket.Compression, header []string) {
	if p == nil {
		return nil, nil
	}
	o = &websocket.Compression{
		WindowBits: int(p.ServerMaxWindowBits), NoContextTakeover: p.ServerNoContextTakeover,
		PeerWindowBits: int(p.ClientMaxWindowBits), PeerNoContextTakeover: p.ClientNoContextTakeover,
	}
	said := p.Extension()
	if role == conformance.Server {
		said = deflate.Config{PeerWindowBits: p.ServerMaxWindowBits}.Offer()
	} else {
		o.WindowBits, o.PeerWindowBits = o.PeerWindowBits, o.WindowBits
		o.NoContextTakeover, o.PeerNoContextTakeover = o.PeerNoContextTakeover, o.NoContextTakeover
	}
	return o, []string{"Sec-WebSocket-Extensions: " + string(handshake.AppendExtension(nil, said))}
}

// readings yields what Read returns, the error last.
func readings(c *websocket.Conn) func(yield func(websocket.Message, error) bool) {
	return func(yield func(websocket.Message, error) bool) {
		for {
			kind, p, err := c.Read(context.Background())
			if !yield(websocket.Message{Type: kind, Data: p}, err) || err != nil {
				return
			}
		}
	}
}

// answers returns the frames that came back, which must be correct for the role.
func answers(t *testing.T, peer net.Conn, role conformance.Role) (all []conformance.Answer) {
	t.Helper()
	peer.SetReadDeadline(time.Now().Add(time.Millisecond))
	b, err := io.ReadAll(peer)
	assert.True(t, err == nil || errors.Is(err, os.ErrDeadlineExceeded), fmt.Sprintf("the answers end with %v", err))
	for len(b) > 0 {
		h, n, err := frame.ParseHeader(b)
		assert.NoError(t, err)
		assert.True(t, n > 0 && int64(len(b)-n) >= h.Length, "half a frame came back")
		assert.True(t, h.Fin && h.RSV == 0 && h.Masked == (role == conformance.Client), "a wrong frame came back")
		p := b[n : n+int(h.Length)]
		if h.Masked {
			frame.Mask(p, h.Key)
		}
		a := conformance.Answer{Opcode: h.Opcode, Payload: string(p)}
		if h.Opcode == frame.OpClose {
			code, _, err := frame.ParseClose(p)
			assert.NoError(t, err)
			a = conformance.Answer{Opcode: h.Opcode, Code: code}
		}
		all = append(all, a)
		b = b[n+int(h.Length):]
	}
	return all
}

// endOf says how a connection stands whose reading ended with err, nil if it goes on.
func endOf(err error) conformance.End {
	var e *websocket.CloseError
	var broken *websocket.ProtocolError
	switch {
	case err == nil:
		return conformance.End{State: conformance.Open}
	case errors.As(err, &broken):
		return conformance.End{
			State: conformance.GaveUp, Code: broken.Code, Section: strings.TrimPrefix(broken.Section, "RFC 6455 "),
		}
	case errors.As(err, new(*websocket.MessageTooBigError)):
		return conformance.End{State: conformance.GaveUp, Code: websocket.StatusMessageTooBig}
	case errors.As(err, &e) && e.Received != nil:
		return conformance.End{State: conformance.Closed, Code: e.Received.Code}
	default:
		return conformance.End{State: conformance.Lost}
	}
}

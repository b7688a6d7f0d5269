package peers

import (
	"compress/flate"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// gobwasPeer is gobwas/ws below net/http, and gobwasRawPeer with its upgrader without
// copies on a listener, which holds no buffer for a connection. Both with the reader
// and the control handler of its wsutil, as in its Autobahn example, frames compiled
// before they are written, and wsflate as its README puts it to use.
var (
	gobwasPeer    = gobwasOf("gobwas", serveGobwas)
	gobwasRawPeer = gobwasOf("gobwas-raw", serveGobwasRaw)
)

func gobwasOf(name string, serve func(context.Context, net.Listener, Options) error) Peer {
	return Peer{
		Name:            name,
		Module:          "github.com/gobwas/ws",
		Best:            NoTakeover,
		ChecksText:      true,
		MergesFragments: true,
		serve:           serve,
	}
}

func serveGobwas(ctx context.Context, l net.Listener, o Options) error {
	fan := new(room[*gobwasConn])
	return serveHTTP(ctx, l, func(w http.ResponseWriter, r *http.Request) {
		e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
		u := ws.HTTPUpgrader{}
		if len(o.Subprotocols) > 0 {
			u.Protocol = func(s string) bool { return slices.Contains(o.Subprotocols, s) }
		}
		if o.Compression != Off {
			u.Negotiate = e.Negotiate
		}
		c, rw, _, err := u.Upgrade(r, w)
		if c != nil {
			defer c.Close()
		}
		if err != nil {
			return // answered by Upgrade
		}
		_, compressed := e.Accepted()
		// rw may hold what the client sent right behind its request.
		newGobwasConn(c, rw.Reader, o, compressed).serve(fan, r.URL.Path == fanPath)
	})
}

func serveGobwasRaw(ctx context.Context, l net.Listener, o Options) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	fan := new(room[*gobwasConn])
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go upgradeGobwas(c, o, fan)
	}
}

// upgradeGobwas does the opening handshake and all that comes after it.
func upgradeGobwas(c net.Conn, o Options, fan *room[*gobwasConn]) {
	defer c.Close()
	e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	fans := false
	u := ws.Upgrader{OnRequest: func(uri []byte) error {
		fans = string(uri) == fanPath
		return nil
	}}
	if len(o.Subprotocols) > 0 {
		u.Protocol = func(s []byte) bool { return slices.Contains(o.Subprotocols, string(s)) }
	}
	if o.Compression != Off {
		u.Negotiate = e.Negotiate
	}
	_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
	if _, err := u.Upgrade(c); err != nil {
		return // answered by Upgrade
	}
	_ = c.SetReadDeadline(time.Time{})
	_, compressed := e.Accepted()
	newGobwasConn(c, c, o, compressed).serve(fan, fans)
}

// A gobwasConn is one connection: its package has no such type.
type gobwasConn struct {
	net.Conn
	reader  wsutil.Reader
	control wsutil.FrameHandlerFunc
	fan     *room[*gobwasConn] // nil if it echoes

	// For compression; nil without.
	message *wsflate.MessageState
	writer  *wsutil.Writer
	inflate *wsflate.Reader
	deflate *wsflate.Writer
}

func newGobwasConn(c net.Conn, source io.Reader, o Options, compressed bool) *gobwasConn {
	g := &gobwasConn{Conn: c, control: wsutil.ControlFrameHandler(c, ws.StateServerSide)}
	g.reader = wsutil.Reader{
		Source:         source,
		State:          ws.StateServerSide,
		CheckUTF8:      true,
		MaxMessageSize: o.MaxMessage,
		OnIntermediate: g.control,
	}
	if compressed {
		g.message = new(wsflate.MessageState)
		g.reader.State |= ws.StateExtended
		g.reader.CheckUTF8 = false // it would look at compressed bytes
		g.reader.Extensions = []wsutil.RecvExtension{g.message}
		g.writer = wsutil.NewWriter(c, ws.StateServerSide|ws.StateExtended, 0)
		g.writer.SetExtensions(g.message)
		g.inflate = wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
		g.deflate = wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
			f, _ := flate.NewWriter(w, flate.BestCompression) // no error at a level that exists
			return f
		})
	}
	return g
}

// serve echoes, or fans out, until the connection ends.
func (g *gobwasConn) serve(fan *room[*gobwasConn], fans bool) {
	if fans {
		g.fan = fan
		fan.join(g)
		defer fan.leave(g)
	}
	g.echo()
}

// echo echoes until the connection ends, and fails it if the client broke a rule.
func (g *gobwasConn) echo() {
	for {
		h, err := g.reader.NextFrame()
		if err == nil && h.OpCode.IsControl() {
			if err = g.control(h, &g.reader); err != nil {
				return // a close frame, which the handler answered
			}
			continue
		}
		if err == nil {
			err = g.echoMessage(h.OpCode)
		}
		if err != nil {
			g.fail(err)
			return
		}
	}
}

// echoMessage reads the message that has begun and sends it back.
func (g *gobwasConn) echoMessage(op ws.OpCode) error {
	if g.message == nil {
		p, err := io.ReadAll(&g.reader)
		if err != nil {
			return err
		}
		return g.send(op, p)
	}
	var source io.Reader = &g.reader
	compressed := g.message.IsCompressed()
	if compressed {
		g.inflate.Reset(source)
		source = g.inflate
	}
	text := wsutil.NewUTF8Reader(source)
	if op == ws.OpText {
		source = text
	}
	p, err := io.ReadAll(source)
	if err == nil && op == ws.OpText && !text.Valid() {
		err = wsutil.ErrInvalidUTF8
	}
	if err != nil {
		return err
	}
	return g.write(op, p, compressed)
}

// send sends a message, in one write for each receiver.
func (g *gobwasConn) send(op ws.OpCode, p []byte) error {
	f, err := ws.CompileFrame(ws.NewFrame(op, true, p))
	if err != nil {
		return err
	}
	if g.fan != nil {
		g.fan.each(func(to *gobwasConn) { _, _ = to.Write(f) })
		return nil
	}
	_, err = g.Write(f)
	return err
}

// write sends a message with the extension, compressed if it came so.
func (g *gobwasConn) write(op ws.OpCode, p []byte, compressed bool) error {
	g.message.SetCompressed(compressed)
	g.writer.ResetOp(op)
	var w io.Writer = g.writer
	if compressed {
		g.deflate.Reset(g.writer)
		w = g.deflate
	}
	if _, err := w.Write(p); err != nil {
		return err
	}
	if compressed {
		if err := g.deflate.Close(); err != nil {
			return err
		}
	}
	return g.writer.Flush()
}

// fail sends the close frame for err and waits for the client to end the
// connection, as the library's example does: closing at once would reset it and
// take the close frame along.
func (g *gobwasConn) fail(err error) {
	code := g.code(err)
	if code == 0 || ws.WriteFrame(g, ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))) != nil {
		return
	}
	if half, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = g.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = io.Copy(io.Discard, g.Conn)
}

// code returns the close code for err, 0 if the connection is lost.
func (g *gobwasConn) code(err error) ws.StatusCode {
	var protocol ws.ProtocolError
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, wsutil.ErrInvalidUTF8), errors.As(err, &corrupt):
		return ws.StatusInvalidFramePayloadData
	case errors.Is(err, io.ErrUnexpectedEOF) && g.message != nil && g.message.IsCompressed():
		return ws.StatusInvalidFramePayloadData // of the connection, or of the compressed data
	case errors.Is(err, wsutil.ErrMessageTooLarge):
		return ws.StatusMessageTooBig
	case errors.As(err, &protocol):
		return ws.StatusProtocolError
	default:
		return 0
	}
}

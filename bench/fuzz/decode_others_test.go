package fuzz_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
	gorilla "github.com/gorilla/websocket"
)

// decodeGorilla is gorilla/websocket behind a handshake of its own.
func decodeGorilla(wire []byte, inflate bool) (d decoding) {
	r := &http.Request{Method: http.MethodGet, Host: "example.com", Header: http.Header{
		"Upgrade":                  {"websocket"},
		"Connection":               {"Upgrade"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Key":        {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-Websocket-Extensions": {"permessage-deflate"},
	}}
	w := newResponse(nil)
	c, err := (&gorilla.Upgrader{EnableCompression: inflate}).Upgrade(w, r, nil)
	if err != nil {
		panic(err)
	}
	w.conn.in.Reset(wire)
	c.SetPingHandler(func(p string) error { d.hear("ping", []byte(p)); return nil })
	c.SetPongHandler(func(p string) error { d.hear("pong", []byte(p)); return nil })
	for {
		kind, p, err := c.ReadMessage()
		var closed *gorilla.CloseError
		switch {
		case err == nil:
			d.hear(map[int]string{gorilla.TextMessage: "text", gorilla.BinaryMessage: "binary"}[kind], p)
			continue
		case errors.As(err, &closed) && closed.Code == gorilla.CloseAbnormalClosure:
			d.cut = true // the end of the input, wherever it was
		case errors.As(err, &closed):
			d.close(closed.Code, closed.Text)
		default:
			d.failed = err.Error()
		}
		return d
	}
}

// decodeGobwas is the reader of gobwas/ws, with its check of UTF-8.
func decodeGobwas(wire []byte, inflate bool) (d decoding) {
	in := bytes.NewReader(wire)
	r := wsutil.Reader{Source: in, State: ws.StateServerSide, CheckUTF8: true}
	var compressed wsflate.MessageState
	if inflate {
		r.State |= ws.StateExtended
		r.CheckUTF8 = false
		r.Extensions = []wsutil.RecvExtension{&compressed}
	}
	r.OnIntermediate = func(h ws.Header, src io.Reader) error { return controlGobwas(&d, h, src) }
	for {
		h, err := r.NextFrame()
		switch {
		case err != nil:
		case h.OpCode.IsControl():
			err = controlGobwas(&d, h, &r)
		default:
			err = messageGobwas(&d, h.OpCode, &r, inflate && compressed.IsCompressed())
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, errClosed):
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && in.Len() == 0:
			d.cut = true
		default:
			d.failed = err.Error()
		}
		return d
	}
}

// errClosed ends a decoding after a close frame.
var errClosed = errors.New("closed")

// controlGobwas does what wsutil.ControlHandler does, without the answers.
func controlGobwas(d *decoding, h ws.Header, src io.Reader) error {
	p, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	if len(p) < int(h.Length) {
		return io.ErrUnexpectedEOF
	}
	switch h.OpCode {
	case ws.OpPing:
		d.hear("ping", p)
	case ws.OpPong:
		d.hear("pong", p)
	case ws.OpClose:
		if len(p) == 0 {
			d.close(1005, "")
			return errClosed
		}
		code, reason := ws.ParseCloseFrameData(p)
		if err := ws.CheckCloseFrameData(code, reason); err != nil {
			return err
		}
		d.close(int(binary.BigEndian.Uint16(p)), reason)
		return errClosed
	}
	return nil
}

// messageGobwas reads a message as the README does, through a check of UTF-8.
func messageGobwas(d *decoding, op ws.OpCode, r *wsutil.Reader, compressed bool) error {
	var source io.Reader = r
	if compressed {
		source = wsflate.NewReader(r, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	}
	text := wsutil.NewUTF8Reader(source)
	if op == ws.OpText {
		source = text
	}
	p, err := io.ReadAll(source)
	switch {
	case err != nil:
		return err
	case op != ws.OpText:
		d.hear("binary", p)
	case !text.Valid():
		return wsutil.ErrInvalidUTF8
	default:
		d.hear("text", p)
	}
	return nil
}

package handshake

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// chromium is the request of Chromium for a WebSocket, with the cookies of a session.
const chromium = "GET /chat?room=42 HTTP/1.1\r\n" +
	"Host: app.example.com\r\n" +
	"Connection: Upgrade\r\n" +
	"Pragma: no-cache\r\n" +
	"Cache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Upgrade: websocket\r\n" +
	"Origin: https://app.example.com\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n" +
	"Cookie: session=6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b; theme=dark\r\n" +
	"Sec-WebSocket-Key: " + sampleKey + "\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
	"\r\n"

// BenchmarkOpening compares the opening of a connection, from the bytes of the request to
// those of the answer, with Head and with the parser of net/http.
func BenchmarkOpening(b *testing.B) {
	in, out := []byte(chromium), make([]byte, 0, 512)
	run := func(name string, open func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := open(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var h Head
	run("Parse", func() error {
		_, err := h.Parse(in, 0)
		return err
	})
	run("Head", func() (err error) {
		out, err = open(&h, in, out[:0])
		return err
	})
	r := bytes.NewReader(nil)
	br := bufio.NewReader(r)
	run("http", func() error {
		r.Reset(in)
		br.Reset(r)
		req, err := http.ReadRequest(br)
		if err != nil {
			return err
		}
		a, err := Check(fromHTTP(req), nil)
		if err != nil {
			return err
		}
		out, err = AppendResponse(out[:0], a, nil)
		return err
	})
}

// open appends the answer to the request in b.
func open(h *Head, b, dst []byte) ([]byte, error) {
	if _, err := h.Parse(b, 0); err != nil {
		return dst, err
	}
	a, err := h.Check(nil)
	if err != nil {
		return dst, err
	}
	return AppendResponse(dst, a, nil)
}

// fromHTTP is what a server on net/http sees of a request.
func fromHTTP(r *http.Request) *Request {
	return &Request{
		Method: r.Method, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, Target: r.RequestURI,
		Host: r.Host, Header: r.Header, HasBody: r.ContentLength != 0,
	}
}

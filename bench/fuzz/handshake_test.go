package fuzz_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	gorilla "github.com/gorilla/websocket"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// spoken are the subprotocols of both servers.
var spoken = []string{"chat.v2", "chat.v1"}

// An answer is what a server said to a request.
type answer struct {
	accepted            bool
	refusal             string
	accept, subprotocol string
}

// readAnswer takes apart the response to an accepted request.
func readAnswer(t *testing.T, raw []byte) answer {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
	assert.NoError(t, err)
	assert.Equal(t, r.StatusCode, http.StatusSwitchingProtocols)
	return answer{
		accepted:    true,
		accept:      r.Header.Get("Sec-WebSocket-Accept"),
		subprotocol: r.Header.Get("Sec-WebSocket-Protocol"),
	}
}

// answerOurs is our handshake, as websocket.Accept calls it.
func answerOurs(t *testing.T, r *http.Request) answer {
	accepted, err := handshake.Check(&handshake.Request{
		Method: r.Method, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Host: r.Host, Header: r.Header, HasBody: r.ContentLength != 0,
	}, &handshake.Policy{Subprotocols: spoken})
	if err != nil {
		return answer{refusal: err.Error()}
	}
	raw, err := handshake.AppendResponse(nil, accepted, nil)
	assert.NoError(t, err)
	return readAnswer(t, raw)
}

// answerGorilla is gorilla's.
func answerGorilla(t *testing.T, r *http.Request) answer {
	w := newResponse(nil)
	_, err := (&gorilla.Upgrader{Subprotocols: spoken}).Upgrade(w, r, nil)
	if err != nil {
		return answer{refusal: err.Error()}
	}
	return readAnswer(t, w.conn.out.Bytes())
}

// opening returns a request with other lines in the place of some, "" for none.
func opening(others ...string) []byte {
	lines := []string{
		"Host: example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}
	for _, o := range others {
		name, _, _ := strings.Cut(o, ":")
		for i := range lines {
			if strings.HasPrefix(lines[i], name+":") {
				lines[i] = o
				o = ""
			}
		}
		if o != "" {
			lines = append(lines, o)
		}
	}
	return []byte("GET /chat HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// openings are requests to begin with, and whether we accept them.
var openings = []struct {
	request []byte
	accept  bool
}{
	{opening(), true},
	{opening("Connection: keep-alive, upgrade", "Upgrade: WebSocket"), true},
	{opening("Sec-WebSocket-Protocol: chat.v1, chat.v2"), true},
	{opening("Origin: http://example.com"), true},
	{opening("Origin: http://example.org"), false},
	{opening("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), true},
	{opening("Sec-WebSocket-Key: c2hvcnQ="), false},
	{opening("Sec-WebSocket-Version: 8"), false},
	{opening("Upgrade: h2c"), false},
	{opening("Connection: close"), false},
	{opening("Content-Length: 5"), false},
}

// refusals lists what gorilla refuses and we accept.
var refusals = []difference{
	{"gorilla", "'upgrade' token not found in 'Connection' header", "RFC 6455 §4.2.1: the header must include the token; gorilla stops looking at the first element that is no token"},
	{"gorilla", "'websocket' token not found in 'Upgrade' header", "RFC 6455 §4.2.1: the same of the other header"},
}

// FuzzHandshake gives requests to our handshake and to gorilla's. What we accept
// gorilla accepts, with the same answer.
func FuzzHandshake(f *testing.F) {
	for _, o := range openings {
		f.Add(o.request)
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return
		}
		our := answerOurs(t, r)
		if !our.accepted {
			return
		}
		other := answerGorilla(t, r)
		if !other.accepted && isKnown(refusals, "gorilla", other.refusal) {
			return
		}
		if other != our {
			t.Fatalf("%q\nours    %+v\ngorilla %+v", head, our, other)
		}
	})
}

// TestOpenings shows that the seeds of FuzzHandshake are what they are meant to be.
func TestOpenings(t *testing.T) {
	for _, o := range openings {
		t.Run(fmt.Sprintf("%q", o.request), func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(o.request)))
			assert.NoError(t, err)
			our := answerOurs(t, r)
			assert.Equal(t, our.accepted, o.accept)
			if our.accepted {
				assert.Equal(t, our.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
				assert.Equal(t, answerGorilla(t, r), our)
			} else {
				assert.True(t, our.refusal != "", "no reason")
			}
		})
	}
}

package wstest

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// sampleAnswer is what RFC 6455 §1.3 says to sampleKey.
const sampleAnswer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

func TestHandshakeOfTwoScripts(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		client := NewScript(t, c, Client)
		var answer string
		wait := client.Go(func() {
			answer = client.ClientHandshake("/chat?room=1", "Origin: http://example.com", "Sec-WebSocket-Protocol: a, b")
			client.ExpectText("right behind it")
		})
		request := s.ServerHandshake("Sec-WebSocket-Protocol: b")
		s.SendText("right behind it")
		wait()
		assert.Contains(t, answer, "\r\nSec-WebSocket-Protocol: b\r\n")
		assert.True(t, strings.HasSuffix(answer, "\r\n\r\n"), "the answer does not end in a blank line")

		parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		assert.NoError(t, err)
		assert.Equal(t, parsed.RequestURI, "/chat?room=1")
		assert.Equal(t, parsed.Host, c.RemoteAddr().String())
		assert.Equal(t, parsed.Header, http.Header{
			"Upgrade":                {"websocket"},
			"Connection":             {"Upgrade"},
			"Sec-Websocket-Version":  {"13"},
			"Sec-Websocket-Key":      {sampleKey},
			"Origin":                 {"http://example.com"},
			"Sec-Websocket-Protocol": {"a, b"},
		})
	})
}

func TestClientHandshakeTakesTheSampleAnswer(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		c.Write([]byte(sampleAnswer + "\x89\x00"))
		assert.Equal(t, s.ClientHandshake("/"), sampleAnswer)
		s.ExpectPing()
	})
}

func TestServerHandshakeGivesTheSampleAnswer(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		c.Write([]byte("GET / HTTP/1.1\r\nsec-websocket-key:" + sampleKey + "\r\n\r\n"))
		s.ServerHandshake()
		assert.Equal(t, readN(t, c, len(sampleAnswer)), sampleAnswer)
	})
}

func TestHeaderLinesReplaceOthers(t *testing.T) {
	inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
		request := s.ClientRequest("/", "host: example.com", "X: 1", "X: 2", "Upgrade: a", "Upgrade: b")
		assert.Equal(t, request, "GET / HTTP/1.1\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: "+sampleKey+"\r\nhost: example.com\r\nX: 1\r\nX: 2\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n")
		assert.Equal(t, readN(t, c, len(request)), request)
	})
}

func TestClientHandshakeThatFails(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"refused", "HTTP/1.1 403 Forbidden\r\n\r\nwrong origin", "HTTP/1.1 403 Forbidden\r\n\r\nwrong origin"},
		{"another accept", strings.Replace(sampleAnswer, "s3p", "S3p", 1), "wanted an answer with Sec-WebSocket-Accept: s3pPLM"},
		{"no accept", "HTTP/1.1 101 Go On\r\n\r\n", "wanted an answer with Sec-WebSocket-Accept: s3pPLM"},
		{"half an answer", "HTTP/1.1 101", `at hand: "HTTP/1.1 101"`},
		{"no answer", "", "the end of the connection (EOF)"},
		{"no blank line", strings.Repeat("a: b\r\n", 12_000), "bytes without: \"a: b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inScript(t, Client, func(t *testing.T, s *Script, c *PipeConn) {
				go func() {
					c.Write([]byte(test.answer))
					c.CloseWrite()
				}()
				said := failure(t, func(t testing.TB) { s.fails(t).ClientHandshake("/") })
				assert.Contains(t, said, test.want)
			})
		})
	}
}

func TestServerHandshakeThatFails(t *testing.T) {
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nSec-WebSocket-Key: " + sampleKey + "\r\n\r\n",
	} {
		inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
			c.Write([]byte(request))
			said := failure(t, func(t testing.TB) { s.fails(t).ServerHandshake() })
			assert.Contains(t, said, "wanted a GET request with a Sec-WebSocket-Key")
			assert.Contains(t, said, request)
		})
	}
}

func TestExpectHeadForOtherAnswers(t *testing.T) {
	inScript(t, Server, func(t *testing.T, s *Script, c *PipeConn) {
		client := NewScript(t, c, Client)
		client.ClientRequest("/")
		s.ExpectHead()
		s.Send([]byte("HTTP/1.1 400 Bad Request\r\n\r\nno"))
		s.Close()
		assert.Equal(t, client.ExpectHead(), "HTTP/1.1 400 Bad Request\r\n\r\n")
		assert.Equal(t, string(client.ExpectRest()), "no")
	})
}

func TestClosePayloadKeepsNoRules(t *testing.T) {
	assert.Equal(t, closePayload(frame.StatusNoStatusReceived, "lost"), nil)
	assert.Equal(t, string(closePayload(5, strings.Repeat("a", 200))), "\x00\x05"+strings.Repeat("a", 200))
}

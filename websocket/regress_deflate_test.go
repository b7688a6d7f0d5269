package websocket_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// The peers in this file compress and inflate with compress/flate, which shares
// nothing with what they test.

// flushed is what a peer leaves off at the end of a message, RFC 7692 §7.2.1.
const flushed = "\x00\x00\xff\xff"

// A squeezer compresses the messages of a peer, with context takeover.
type squeezer struct {
	out bytes.Buffer
	w   *flate.Writer
}

func (z *squeezer) message(t testing.TB, p string) []byte {
	t.Helper()
	if z.w == nil {
		var err error
		z.w, err = flate.NewWriter(&z.out, flate.BestSpeed)
		assert.NoError(t, err)
	}
	z.out.Reset()
	_, err := io.WriteString(z.w, p)
	assert.NoError(t, errors.Join(err, z.w.Flush()))
	return bytes.Clone(bytes.TrimSuffix(z.out.Bytes(), []byte(flushed)))
}

// squeezed compresses a message by itself.
func squeezed(t testing.TB, p string) []byte {
	t.Helper()
	return new(squeezer).message(t, p)
}

// inflate returns the message that p stands for, to a peer that knows no more than
// window of what came before.
func inflate(p, window []byte) ([]byte, error) {
	end := "\x01\x00\x00\xff\xff" // which is not sent: for a reader that wants an end
	return io.ReadAll(flate.NewReaderDict(io.MultiReader(bytes.NewReader(p), strings.NewReader(flushed+end)), window))
}

// compressing runs f in both roles with compression agreed on. In params, own and peer
// stand for server and client, or the other way round.
func compressing(t *testing.T, z websocket.Compression, params string, f func(t *testing.T, c *websocket.Conn, s *wstest.Script)) {
	t.Helper()
	compressingUpTo(t, 0, z, params, f)
}

// compressingUpTo is compressing with a limit for messages.
func compressingUpTo(t *testing.T, limit int64, z websocket.Compression, params string, f func(t *testing.T, c *websocket.Conn, s *wstest.Script)) {
	t.Helper()
	line := func(own, peer string) string {
		return "Sec-WebSocket-Extensions: permessage-deflate" + strings.NewReplacer("own", own, "peer", peer).Replace(params)
	}
	t.Run("server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.AcceptScript(t, &websocket.AcceptOptions{Compression: &z, MaxMessage: limit}, line("server", "client"))
			f(t, c, s)
		})
	})
	t.Run("client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, s := wstest.DialScript(t, &websocket.DialOptions{Compression: &z, MaxMessage: limit}, line("client", "server"))
			f(t, c, s)
		})
	})
}

// sendSqueezed sends a compressed message, or with fin false its first fragment.
func sendSqueezed(s *wstest.Script, op frame.Opcode, fin bool, p []byte) {
	s.SendFrame(frame.Header{Fin: fin, RSV: frame.RSV1, Opcode: op}, p)
}

// TestDefectReservedBitsWithDeflate: once RSV1 has a meaning it is accepted where it
// has none, and RSV2 and RSV3 with it.
func TestDefectReservedBitsWithDeflate(t *testing.T) {
	begin, begun := frame.Header{Opcode: frame.OpText, RSV: frame.RSV1}, frame.Header{Opcode: frame.OpText}
	for _, tt := range []struct {
		name   string
		before *frame.Header
		wrong  frame.Header
	}{
		{"RSV1 on a ping", nil, frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.OpPing}},
		{"RSV1 on a pong", nil, frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.OpPong}},
		{"RSV1 on a close frame", nil, frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.OpClose}},
		{"RSV1 on a ping between fragments", &begin, frame.Header{Fin: true, RSV: frame.RSV1, Opcode: frame.OpPing}},
		{"RSV1 on the second fragment", &begin, frame.Header{RSV: frame.RSV1}},
		{"RSV1 on the last fragment", &begin, frame.Header{Fin: true, RSV: frame.RSV1}},
		{"RSV1 on a fragment of a message that is not compressed", &begun, frame.Header{Fin: true, RSV: frame.RSV1}},
		{"RSV2 on a text", nil, frame.Header{Fin: true, RSV: 2, Opcode: frame.OpText}},
		{"RSV3 on a binary", nil, frame.Header{Fin: true, RSV: 1, Opcode: frame.OpBinary}},
		{"RSV1 and RSV2 on a text", nil, frame.Header{Fin: true, RSV: 6, Opcode: frame.OpText}},
		{"RSV1 and RSV3 on the first fragment", nil, frame.Header{RSV: 5, Opcode: frame.OpText}},
		{"RSV3 on the last fragment", &begin, frame.Header{Fin: true, RSV: 1}},
		{"RSV2 on a ping", nil, frame.Header{Fin: true, RSV: 2, Opcode: frame.OpPing}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			compressing(t, websocket.Compression{}, "", func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				end := readAll(t, c)
				sendSqueezed(s, frame.OpText, true, squeezed(t, "good"))
				if tt.before != nil {
					s.SendFrame(*tt.before, nil)
				}
				s.SendFrame(tt.wrong, nil)
				assert.Contains(t, s.ExpectCloseCode(websocket.StatusProtocolError), "RSV")
				s.ExpectEOF()
				<-end
			})
		})
	}
}

// cycle returns n bytes of a text that repeats itself after a period, in bytes, and
// before that only in small pieces.
func cycle(period, n int) []byte {
	p := bytes.Clone(sampleBinary()[:period])
	for i := range p {
		p[i] = "acgt"[p[i]&3]
	}
	return bytes.Repeat(p, n/period+1)[:n]
}

// TestDefectWindowBitsIgnored: a small window is agreed on and a large one used; the
// peer, which has kept no more than was agreed, cannot read it. What is sent repeats
// itself in a distance that the window just does not reach.
func TestDefectWindowBitsIgnored(t *testing.T) {
	const piece = 64
	for bits := 8; bits <= 15; bits++ {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			z := websocket.Compression{WindowBits: 15, Threshold: -1}
			params := fmt.Sprintf("; own_max_window_bits=%d", bits)
			compressing(t, z, params, func(t *testing.T, c *websocket.Conn, s *wstest.Script) {
				period := 1<<bits + 2*piece
				var window []byte // what was compressed, and only that
				for m := range slices.Chunk(cycle(period, 3*period), piece) {
					assert.NoError(t, c.Post(websocket.Binary, m))
					h, p := s.ExpectFrame()
					if h.RSV == frame.RSV1 {
						var err error
						p, err = inflate(p, window)
						assert.NoError(t, err)
						window = append(window, m...)
						window = window[max(0, len(window)-1<<bits):]
					}
					assert.Equal(t, string(p), string(m))
				}
				assert.Equal(t, len(window), 1<<bits)
			})
		})
	}
}

// TestDefectWindowBitsAnsweredUnasked: a client that did not offer
// client_max_window_bits has to fail a handshake that answers it.
func TestDefectWindowBitsAnsweredUnasked(t *testing.T) {
	for _, tt := range []struct {
		name, offer, want string
		bits              int
	}{
		{"no bound", "permessage-deflate", "permessage-deflate", 0},
		{"a bound", "permessage-deflate; server_no_context_takeover", "", 10},
		{"a bound and a fallback", "permessage-deflate, permessage-deflate; client_max_window_bits",
			"permessage-deflate; client_max_window_bits=10", 10},
		{"nothing to say", "permessage-deflate; client_max_window_bits", "permessage-deflate", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, extensionsFor(t, websocket.Compression{PeerWindowBits: tt.bits}, tt.offer), tt.want)
		})
	}
}

// extensionsFor returns what a server answers to an offer.
func extensionsFor(t *testing.T, z websocket.Compression, offer string) string {
	t.Helper()
	s := rawClient(t, listenTCP(t, websocket.Handler(parrot, &websocket.AcceptOptions{Compression: &z})))
	head := s.ClientHandshake("/", "Sec-WebSocket-Extensions: "+offer)
	s.SendText("works")
	s.ExpectText("works")
	_, value, _ := strings.Cut(head, "Sec-WebSocket-Extensions: ")
	value, _, _ = strings.Cut(value, "\r\n")
	return value
}

// TestDefectOfferFailsTheHandshake: an offer that cannot be accepted is declined,
// which is no reason to refuse the connection or what else is offered.
func TestDefectOfferFailsTheHandshake(t *testing.T) {
	const fallback = "permessage-deflate; server_no_context_takeover"
	for _, offer := range []string{
		"permessage-deflate; unknown", "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
		"permessage-deflate; client_max_window_bits=16", "permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover", "x-webkit-deflate-frame", "permessage-bzip2; x=1",
	} {
		t.Run(offer, func(t *testing.T) {
			assert.Equal(t, extensionsFor(t, websocket.Compression{}, offer), "")
			assert.Equal(t, extensionsFor(t, websocket.Compression{}, offer+", "+fallback), fallback)
		})
	}
}

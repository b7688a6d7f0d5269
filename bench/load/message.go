package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
)

// Content is what messages are made of.
type Content string

// The contents.
const (
	Random  Content = "random"  // binary, any bytes
	Chinese Content = "chinese" // text, three bytes to a character
	JSON    Content = "json"    // text that compresses like the updates of a market; 64 different messages in turn
)

// A Message is what is sent.
type Message struct {
	Content Content
	Size    int // bytes of payload; about so many with JSON

	// Deflate compresses each message by itself (RFC 7692). The server's
	// answers are inflated however they come.
	Deflate bool
}

// payloads returns the messages, the same at each call.
func (m Message) payloads() [][]byte {
	r := rand.New(rand.NewChaCha8([32]byte([]byte("a seed of thirty-two bytes, fixed"))))
	switch m.Content {
	case Chinese:
		text := strings.Repeat("网络套接字是双向的，消息以帧的形式传送。", m.Size/60+1)
		return [][]byte{[]byte(text)[:m.Size/3*3]} // whole characters
	case JSON:
		all := make([][]byte, 64)
		for i := range all {
			all[i] = market(r, i, m.Size)
		}
		return all
	default:
		p := make([]byte, m.Size)
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		return [][]byte{p}
	}
}

// market returns JSON of about so many bytes.
func market(r *rand.Rand, i, size int) []byte {
	type update struct {
		Stream string      `json:"stream"`
		Symbol string      `json:"symbol"`
		At     int         `json:"event_time"`
		Bids   [][2]string `json:"bids"`
	}
	u := update{Stream: "depth@100ms", Symbol: "BTCUSDT", At: 1_790_000_000 + i*100}
	for price := 60_000 + 500*r.NormFloat64(); ; price += r.Float64() / 2 {
		u.Bids = append(u.Bids, [2]string{fmt.Sprintf("%.2f", price), fmt.Sprintf("%.4f", r.ExpFloat64())})
		if p, err := json.Marshal(u); err != nil || len(p) >= size {
			return p // such a value can be encoded
		}
	}
}

// blockSize is how many bytes of equal frames stand one behind the other, to be
// sent or compared at once.
const blockSize = 64 << 10

// A stream is what goes out, again and again, and what must come back.
type stream struct {
	message  Message
	opcode   frame.Opcode
	payloads [][]byte

	out  []byte // masked frames
	ends []int  // of the frames in out

	// One payload only: what a server sends that puts a message in one
	// frame, several times.
	want     []byte
	wantSize int // bytes of one such frame; 0: there are several payloads
}

func newStream(m Message) *stream {
	s := &stream{message: m, opcode: frame.OpText, payloads: m.payloads()}
	if m.Content == Random || m.Content == "" {
		s.opcode = frame.OpBinary
	}
	copies := 1
	if len(s.payloads) == 1 {
		copies = max(1, blockSize/(m.Size+frame.MaxHeaderLen))
	}
	encoder := deflate.NewEncoder()
	for _, p := range s.payloads {
		for range copies {
			s.out = s.appendMasked(s.out, p, encoder)
			s.ends = append(s.ends, len(s.out))
		}
	}
	if len(s.payloads) == 1 && !m.Deflate {
		p := s.payloads[0]
		one := append(frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: s.opcode, Length: int64(len(p))}), p...)
		s.want, s.wantSize = bytes.Repeat(one, copies), len(one)
	}
	return s
}

// appendMasked appends the frame of a client.
func (s *stream) appendMasked(dst, p []byte, encoder *deflate.Encoder) []byte {
	h := frame.Header{Fin: true, Opcode: s.opcode, Masked: true, Key: 0x3d21fa37}
	if s.message.Deflate {
		p = encoder.Append(nil, encoder.Fresh(15), p, true)
		h.RSV = frame.RSV1
	}
	h.Length = int64(len(p))
	dst = frame.AppendHeader(dst, h)
	at := len(dst)
	dst = append(dst, p...)
	frame.Mask(dst[at:], h.Key)
	return dst
}

// alike tells whether all messages are the same.
func (s *stream) alike() bool { return len(s.payloads) == 1 }

// size returns the bytes of n frames, the first of which is frame i.
func (s *stream) size(i, n int) int {
	if s.alike() {
		return n * s.ends[0]
	}
	total := 0
	for ; n > 0; n-- {
		total += s.ends[i] - s.start(i)
		i = (i + 1) % len(s.ends)
	}
	return total
}

// start returns where frame i begins.
func (s *stream) start(i int) int {
	if i == 0 {
		return 0
	}
	return s.ends[i-1]
}

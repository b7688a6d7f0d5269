package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/duplexhq/duplex/websocket"
)

// DefaultSize is the size of messages where Message.Size is zero, in bytes.
const DefaultSize = 64

// A Content is what messages are filled with behind their stamp.
type Content uint8

// The contents. Auto is ASCII for text and Random for binary messages.
const (
	Auto    Content = iota
	ASCII           // letters and digits at random: hardly compressible
	Random          // bytes at random: not compressible, and only for binary messages
	JSON            // records of a few fields, with some accents: compressible
	Chinese         // characters of three bytes each, for the sake of UTF-8 checks
)

var contents = [...]string{Auto: "auto", ASCII: "ascii", Random: "random", JSON: "json", Chinese: "chinese"}

// String returns the name in lower case.
func (c Content) String() string {
	if int(c) < len(contents) {
		return contents[c]
	}
	return "unknown"
}

// UnmarshalText reads what String writes.
func (c *Content) UnmarshalText(text []byte) error {
	for i, name := range contents {
		if name == string(text) {
			*c = Content(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no content: it is one of %s", text, strings.Join(contents[:], ", "))
}

// A Message says what messages are sent.
type Message struct {
	Type    websocket.MessageType // default Text
	Size    int                   // of the payload, in bytes; default 64
	Content Content               // default Auto
}

// Each message begins with a stamp: its number, 8 bytes, and that of the sender, 4
// bytes, the least significant first; in text messages as hexadecimal digits, the
// least significant first too. A message that is too small for it carries the
// beginning: the stamp loses its high digits.
const (
	binaryStamp = 12
	textStamp   = 2 * binaryStamp
)

// A form is how all messages of a slice look.
type form struct {
	kind    websocket.MessageType
	payload []byte // stamp and filler, the stamp still empty
	stamp   int    // bytes of the stamp in it
	whole   bool   // the stamp is all there
}

// form returns how messages look, or says why there cannot be any.
func (m Message) form() (*form, error) {
	f := &form{kind: m.Type}
	if f.kind == 0 {
		f.kind = websocket.Text
	}
	size, content := m.Size, m.Content
	if size == 0 {
		size = DefaultSize
	}
	if content == Auto && f.kind == websocket.Text {
		content = ASCII
	}
	switch {
	case f.kind != websocket.Text && f.kind != websocket.Binary:
		return nil, fmt.Errorf("load: messages are text or binary, not of the type %d", f.kind)
	case size < 0:
		return nil, fmt.Errorf("load: messages have no negative size: %d", size)
	case f.kind == websocket.Text && content == Random:
		return nil, fmt.Errorf("load: random bytes are no text: send them as binary messages")
	}
	f.stamp = binaryStamp
	if f.kind == websocket.Text {
		f.stamp = textStamp
	}
	f.whole = size >= f.stamp
	f.stamp = min(f.stamp, size)
	f.payload = append(make([]byte, f.stamp, size), filler(content, size-f.stamp)...)
	return f, nil
}

// filler returns n bytes of a content, the same ones each time.
func filler(content Content, n int) []byte {
	r := rand.New(rand.NewPCG(6455, 7692)) //nolint:gosec // it fills space
	b := make([]byte, 0, n)
	for len(b) < n {
		switch content {
		case ASCII:
			const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			b = append(b, letters[r.IntN(len(letters))])
		case JSON:
			b = fmt.Appendf(b, `{"id":%d,"name":"%s","price":%d.%02d,"open":%t},`, r.IntN(1e6),
				[]string{"Zoë", "Jürgen", "Ana", "François", "Maria"}[r.IntN(5)], r.IntN(1000), r.IntN(100), r.IntN(2) == 0)
		case Chinese:
			b = append(b, string(rune(0x4E00+r.IntN(0x5000)))...)
		default:
			b = append(b, byte(r.Uint32()))
		}
	}
	return cutText(b, n, content)
}

// cutText returns the first n bytes of b. A character that this would cut in two
// gives way to spaces.
func cutText(b []byte, n int, content Content) []byte {
	if content != Random && content != Auto && n < len(b) {
		start := n
		for start > 0 && !utf8.RuneStart(b[start]) {
			start--
		}
		for i := start; i < n; i++ {
			b[i] = ' '
		}
	}
	return b[:n]
}

// digits holds the two hexadecimal digits of each byte, the low one first.
var digits = func() (d [256]uint16) {
	const hex = "0123456789abcdef"
	for i := range d {
		d[i] = uint16(hex[i&15]) | uint16(hex[i>>4])<<8
	}
	return d
}()

// A stamped is a stamp in either form; the rest of the array is not used.
type stamped [textStamp]byte

// put writes the stamp of message number seq of sender id to s and returns it.
func (f *form) put(s *stamped, seq uint64, id uint32) []byte {
	if f.kind == websocket.Binary {
		binary.LittleEndian.PutUint64(s[:8], seq)
		binary.LittleEndian.PutUint32(s[8:12], id)
		return s[:f.stamp]
	}
	for i := range 8 {
		binary.LittleEndian.PutUint16(s[2*i:], digits[byte(seq>>(8*i))])
	}
	for i := range 4 {
		binary.LittleEndian.PutUint16(s[16+2*i:], digits[byte(id>>(8*i))])
	}
	return s[:f.stamp]
}

// is tells whether p, of the type t, is message number seq of sender id, byte by
// byte.
func (f *form) is(t websocket.MessageType, p []byte, seq uint64, id uint32) bool {
	if len(p) < f.stamp {
		return false
	}
	var s stamped
	return string(p[:f.stamp]) == string(f.put(&s, seq, id)) && f.filled(t, p)
}

// filled tells whether p, of the type t, has the right size and the right bytes
// behind its stamp.
func (f *form) filled(t websocket.MessageType, p []byte) bool {
	return t == f.kind && len(p) == len(f.payload) && bytes.Equal(p[f.stamp:], f.payload[f.stamp:])
}

// read returns the stamp of p. ok is false if p has none.
func (f *form) read(p []byte) (seq uint64, id uint32, ok bool) {
	if !f.whole || len(p) < f.stamp {
		return 0, 0, false
	}
	if f.kind == websocket.Binary {
		return binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint32(p[8:]), true
	}
	var b [binaryStamp]byte
	for i := range b {
		low, high := values[p[2*i]], values[p[2*i+1]]
		if low|high > 15 {
			return 0, 0, false
		}
		b[i] = low | high<<4
	}
	return binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint32(b[8:]), true
}

// values holds the value of each hexadecimal digit, 255 for what is none.
var values = func() (v [256]byte) {
	for i := range v {
		v[i] = 255
	}
	for i, digit := range []byte("0123456789abcdef") {
		v[digit] = byte(i)
	}
	return v
}()

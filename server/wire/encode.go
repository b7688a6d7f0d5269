package wire

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket/frame"
)

// AppendMessage appends m as a JSON object, in valid UTF-8 and without a line break
// unless the payload of a JSON message has one:
//
//	{"t":"orders.42","sub":"orders.*","at":"CURSOR","ts":1790000000000,"data":{…},"key":"…","by":"…"}
//
// "t" is there if topic is set, "sub" if sub is not empty, "key" and "by" if the
// message has them. Text is "text", what is binary is "base64", and so is a payload
// that is not of the kind its publisher said.
func AppendMessage(dst []byte, m *hub.Message, topic bool, sub string) []byte {
	dst = append(dst, '{')
	if topic {
		dst = append(dst, `"t":`...)
		dst = AppendString(dst, m.Topic)
		dst = append(dst, ',')
	}
	if sub != "" {
		dst = append(dst, `"sub":`...)
		dst = AppendString(dst, sub)
		dst = append(dst, ',')
	}
	dst = append(dst, `"at":"`...)
	dst = m.At.Append(dst)
	dst = append(dst, `","ts":`...)
	dst = strconv.AppendInt(dst, m.At.Time, 10)
	dst = appendPayload(dst, m)
	if m.Key != "" {
		dst = append(dst, `,"key":`...)
		dst = AppendString(dst, m.Key)
	}
	if m.By != "" {
		dst = append(dst, `,"by":`...)
		dst = AppendString(dst, m.By)
	}
	return append(dst, '}')
}

// appendPayload appends the member that holds the payload, with a comma before it.
func appendPayload(dst []byte, m *hub.Message) []byte {
	switch {
	case m.Kind == hub.Text && frame.ValidUTF8(m.Payload):
		dst = append(dst, `,"text":`...)
		return appendQuoted(dst, m.Payload)
	case m.Kind == hub.JSON && frame.ValidUTF8(m.Payload) && json.Valid(m.Payload):
		dst = append(dst, `,"data":`...)
		return append(dst, m.Payload...)
	default:
		dst = append(dst, `,"base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, m.Payload)
		return append(dst, '"')
	}
}

// AppendString appends s as a JSON string in which nothing ends a line, in JavaScript
// neither. What is not UTF-8 becomes the replacement character.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return append(appendEscaped(dst, s), '"')
}

// appendQuoted appends p, which is UTF-8, as a JSON string.
func appendQuoted(dst, p []byte) []byte {
	dst = append(dst, '"')
	return append(appendEscaped(dst, p), '"')
}

// suspect holds the bytes that may need an escape in a JSON string: quotes,
// backslashes, control characters, and the first byte of U+2028 and U+2029.
var suspect = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'], t[0x7F], t[0xE2] = true, true, true, true
	return t
}()

// appendEscaped appends s, which is UTF-8, with the escapes that a JSON string needs
// (RFC 8259 §7), and those that make it a JavaScript string and one line of it.
func appendEscaped[S string | []byte](dst []byte, s S) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !suspect[c] {
			continue
		}
		n := 1
		if c == 0xE2 {
			if s[i+1] != 0x80 || s[i+2]&^1 != 0xA8 {
				continue // no line or paragraph separator, E2 80 A8 or A9
			}
			n = 3
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, s[i:i+n])
		i += n - 1
		from = i + 1
	}
	return append(dst, s[from:]...)
}

// appendEscape appends the escape of one character.
func appendEscape[S string | []byte](dst []byte, s S) []byte {
	const hex = "0123456789abcdef"
	switch c := s[0]; c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case 0xE2:
		return append(dst, '\\', 'u', '2', '0', '2', hex[s[2]&0xF])
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xF])
	}
}

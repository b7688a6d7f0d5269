package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"iter"
	"strings"
)

// MaxDepth is how many arrays and objects of the JSON of a message may stand within each
// other. Each receiver has a bound of its own, and some fail at a thousand: one message
// beyond it would end all of them, again and again.
const MaxDepth = 500

// CheckDepth refuses JSON, which is valid, if it is deeper than [MaxDepth]. The error is a
// [*Refusal].
func CheckDepth(p []byte) error {
	if bytes.Count(p, []byte("["))+bytes.Count(p, []byte("{")) <= MaxDepth {
		return nil // strings may have some of these, and most have fewer
	}
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			i += stringLen(p[i:]) - 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return BadRequest("the JSON is deeper than %d arrays and objects within each other; send it flatter, or as text", MaxDepth)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// DecodeBase64 returns the bytes that Base64 stands for, which has its padding and
// nothing between (RFC 4648 §3.2 and §3.3). The error is a [*Refusal].
func DecodeBase64(text string) ([]byte, error) {
	p, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which package base64 passes over
		return nil, BadRequest("base64 is not Base64 of RFC 4648 §4: A to Z, a to z, 0 to 9, + and /, with = at the end")
	}
	return p, nil
}

const whitespace = " \t\r\n"

// Members yields the names and values of the members of an object, both as JSON and as
// parts of p, which begins with the object and is valid JSON. Names may come twice.
func Members(p []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		p := p[1:]
		for {
			p = bytes.TrimLeft(p, whitespace+",")
			if p[0] == '}' {
				return
			}
			n := valueLen(p)
			key := p[:n]
			p = bytes.TrimLeft(p[n:], whitespace+":")
			n = valueLen(p)
			if !yield(key, p[:n]) {
				return
			}
			p = p[n:]
		}
	}
}

// valueLen returns the length of the JSON value at the beginning of p, which is valid.
func valueLen(p []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch p[i] {
		case '"':
			i += stringLen(p[i:]) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			if n := bytes.IndexAny(p[i:], whitespace+",]}"); n >= 0 {
				return i + n
			}
			return len(p)
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// stringLen returns the length of the JSON string at the beginning of p, which is valid.
func stringLen(p []byte) int {
	for i := 1; ; i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// MemberText returns what p says, a JSON string that is valid. Half of a surrogate pair
// becomes the replacement character.
func MemberText(p []byte) string {
	if bytes.IndexByte(p, '\\') < 0 {
		return string(p[1 : len(p)-1])
	}
	var s string
	_ = json.Unmarshal(p, &s) // it is valid
	return s
}

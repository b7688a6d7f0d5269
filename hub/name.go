package hub

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxTopicLen is the length of the longest name of a topic, in bytes of UTF-8.
const MaxTopicLen = 255

// A TopicError says why a string is not the name of a topic. Its text stays
// below 123 bytes, so that it fits into the reason of a close frame
// (RFC 6455 §5.5) as it is; the name itself is left out for that reason.
type TopicError struct {
	Offset  int    // the byte of the name where the problem is
	Problem string // what is wrong there and what to write instead
}

// Error returns the sentence for people: "hub: topic name: …".
func (e *TopicError) Error() string { return "hub: topic name: " + e.Problem }

// CheckTopic tells whether name is the name of a topic: one or more tokens
// with a dot between them, each made of letters and digits of any script and
// of '-', '_' and '~', 1 to [MaxTopicLen] bytes together. Combining marks may
// follow the first character of a token, as many scripts write vowels with
// them. Names are compared byte by byte: case matters, and two ways to encode
// the same letter are two names.
//
// The error is a [*TopicError]. There is no error for a good name, and
// checking one allocates nothing.
func CheckTopic(name string) error {
	if name == "" {
		return &TopicError{Problem: "it is empty"}
	}
	if len(name) > MaxTopicLen {
		return &TopicError{
			Offset:  MaxTopicLen,
			Problem: fmt.Sprintf("it has %d bytes, at most %d are allowed", len(name), MaxTopicLen),
		}
	}
	start := true // of a token
	for i, r := range name {
		switch {
		case r == '.':
			if start {
				return emptyToken(i)
			}
			start = true
			continue
		case isPlain(r), r >= utf8.RuneSelf && isLetter(r):
		case !start && unicode.IsMark(r):
		default:
			return badCharacter(name, i, r)
		}
		start = false
	}
	if start {
		return emptyToken(len(name))
	}
	return nil
}

// isPlain tells whether r is one of the ASCII characters of a token.
func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		r == '-' || r == '_' || r == '~'
}

// isLetter tells whether r is a letter or a digit of any script. The
// replacement character is neither, so broken UTF-8 never passes.
func isLetter(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func emptyToken(at int) error {
	return &TopicError{
		Offset:  at,
		Problem: fmt.Sprintf("the token at byte %d is empty; write single dots, and only between tokens", at),
	}
}

func badCharacter(name string, at int, r rune) error {
	if r == utf8.RuneError {
		if _, size := utf8.DecodeRuneInString(name[at:]); size == 1 {
			return &TopicError{Offset: at, Problem: fmt.Sprintf("byte %d is not UTF-8", at)}
		}
	}
	return &TopicError{
		Offset:  at,
		Problem: fmt.Sprintf("%+q at byte %d is not allowed; use letters, digits, - _ ~ and dots", r, at),
	}
}

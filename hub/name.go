package hub

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTopicLen is the length of the longest name of a topic, in bytes of UTF-8.
const MaxTopicLen = 255

// A TopicError says why a string is not the name of a topic, or not a filter. Its
// text stays below 123 bytes, so that it fits into the reason of a close frame
// (RFC 6455 §5.5) as it is; the name itself is left out for that reason.
type TopicError struct {
	Filter  bool   // it was to be a filter
	Offset  int    // the byte of the name where the problem is
	Problem string // what is wrong there and what to write instead
}

// Error returns the sentence for people: "hub: topic name: …" or "hub: filter: …".
func (e *TopicError) Error() string {
	if e.Filter {
		return "hub: filter: " + e.Problem
	}
	return "hub: topic name: " + e.Problem
}

// CheckTopic tells whether name is the name of a topic: one or more tokens
// with a dot between them, each made of letters and digits of any script and
// of '-', '_' and '~', 1 to [MaxTopicLen] bytes together. Combining marks may
// follow the first character of a token, as many scripts write vowels with
// them. Names are compared byte by byte: case matters, and two ways to encode
// the same letter are two names.
//
// The error is a [*TopicError]. There is no error for a good name, and
// checking one allocates nothing.
func CheckTopic(name string) error { return check(name, false) }

// CheckFilter tells whether filter is the name of a topic, see [CheckTopic], or one
// with wildcards: a token may be "*", which stands for any one token, and the last
// token may be ">", which stands for one or more. The error is a [*TopicError].
func CheckFilter(filter string) error { return check(filter, true) }

// IsFilter tells whether filter, a good one, has wildcards.
func IsFilter(filter string) bool {
	return strings.IndexByte(filter, '*') >= 0 || strings.IndexByte(filter, '>') >= 0
}

// Match tells whether filter, a good one, is about a topic. Given a filter instead of
// the topic it tells whether it is about all topics that the other one matches. It
// allocates nothing.
func Match(filter, topic string) bool {
	for filter != ">" {
		want, filterRest, filterMore := strings.Cut(filter, ".")
		token, topicRest, topicMore := strings.Cut(topic, ".")
		if want != token && (want != "*" || token == ">") {
			return false
		}
		if !filterMore || !topicMore {
			return filterMore == topicMore
		}
		filter, topic = filterRest, topicRest
	}
	return true
}

// check is CheckTopic, or CheckFilter where wildcards are allowed.
func check(name string, wild bool) error {
	if name == "" {
		return &TopicError{Filter: wild, Problem: "it is empty"}
	}
	if len(name) > MaxTopicLen {
		return &TopicError{
			Filter:  wild,
			Offset:  MaxTopicLen,
			Problem: fmt.Sprintf("it has %d bytes, at most %d are allowed", len(name), MaxTopicLen),
		}
	}
	start := true // of a token
	for i, r := range name {
		switch {
		case r == '.':
			if start {
				return emptyToken(wild, i)
			}
			start = true
			continue
		case isPlain(r), r >= utf8.RuneSelf && isLetter(r):
		case !start && unicode.IsMark(r):
		case wild && (r == '*' || r == '>'):
			if problem := wildcardProblem(name, i); problem != "" {
				return &TopicError{Filter: true, Offset: i, Problem: problem}
			}
		default:
			return badCharacter(wild, name, i, r)
		}
		start = false
	}
	if start {
		return emptyToken(wild, len(name))
	}
	return nil
}

// wildcardProblem says what is wrong with the wildcard at a byte, "" if nothing is.
func wildcardProblem(name string, at int) string {
	last := at == len(name)-1
	switch {
	case at > 0 && name[at-1] != '.', !last && name[at+1] != '.':
		return fmt.Sprintf("'%c' at byte %d is only a part of a token; a wildcard is a token of its own", name[at], at)
	case name[at] == '>' && !last:
		return fmt.Sprintf("'>' at byte %d is not the last token; write * for one token in the middle", at)
	}
	return ""
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

func emptyToken(wild bool, at int) error {
	return &TopicError{
		Filter:  wild,
		Offset:  at,
		Problem: fmt.Sprintf("the token at byte %d is empty; write single dots, and only between tokens", at),
	}
}

func badCharacter(wild bool, name string, at int, r rune) error {
	e := &TopicError{Filter: wild, Offset: at}
	_, size := utf8.DecodeRuneInString(name[at:])
	switch {
	case r == utf8.RuneError && size == 1:
		e.Problem = fmt.Sprintf("byte %d is not UTF-8", at)
	case wild:
		e.Problem = fmt.Sprintf("%+q at byte %d is not allowed; use letters, digits, - _ ~, dots, * and >", r, at)
	default:
		e.Problem = fmt.Sprintf("%+q at byte %d is not allowed; use letters, digits, - _ ~ and dots", r, at)
	}
	return e
}

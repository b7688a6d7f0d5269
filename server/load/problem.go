package load

import (
	"cmp"
	"fmt"
	"slices"
)

// A Kind is what was wrong with messages or connections.
type Kind uint8

// The kinds, the worst first.
const (
	Corrupt    Kind = iota // another payload than the one that was sent
	WrongType              // text came back as binary, or the reverse
	WrongSize              // cut off, or longer than what was sent
	Duplicate              // came again
	Reordered              // came later than one that was sent after it
	Unexpected             // of another sender, or not awaited
	Lost                   // did not come
	Closed                 // a connection that ended before its time
	Silent                 // a connection on which nothing came for the timeout
	Refused                // a handshake that failed
	kinds
)

var kindNames = [kinds]string{
	"corrupt", "wrong type", "wrong size", "duplicate", "reordered", "unexpected",
	"lost", "closed", "silent", "refused",
}

// String returns the name in lower case.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// MarshalText writes what String returns.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// A Problem is everything of one kind that went wrong.
type Problem struct {
	Kind    Kind   `json:"kind"`
	Count   int64  `json:"count"`   // messages or connections
	Example string `json:"example"` // the first one, in words; what came from the server is quoted
}

// problems counts by kind.
type problems [kinds]struct {
	count   int64
	example string
}

// add counts n of a kind. The words are made for the first one only.
func (p *problems) add(k Kind, n int64, format string, args ...any) {
	if p[k].example == "" {
		p[k].example = fmt.Sprintf(format, args...)
	}
	p[k].count += n
}

// merge adds those of o.
func (p *problems) merge(o *problems) {
	for k := range p {
		p[k].count += o[k].count
		if p[k].example == "" {
			p[k].example = o[k].example
		}
	}
}

// list returns what there is.
func (p *problems) list() (all []Problem) {
	for k := range p {
		if p[k].count > 0 {
			all = append(all, Problem{Kind(k), p[k].count, p[k].example})
		}
	}
	return all
}

// mergeProblems returns the problems of both lists by kind.
func mergeProblems(a, b []Problem) []Problem {
	merged := slices.Clone(a)
	for _, p := range b {
		if i := slices.IndexFunc(merged, func(q Problem) bool { return q.Kind == p.Kind }); i >= 0 {
			merged[i].Count += p.Count
		} else {
			merged = append(merged, p)
		}
	}
	slices.SortFunc(merged, func(a, b Problem) int { return cmp.Compare(a.Kind, b.Kind) })
	return merged
}

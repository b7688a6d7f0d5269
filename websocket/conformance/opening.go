package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// A trial is one opening handshake: what the suite changes in its correct half of
// it, and what must come of that.
type trial struct {
	name   string
	level  Level
	rule   string
	want   func(p *peer)
	edits  []edit
	change func(head []byte) []byte // for what no edit can say; nil for nothing
}

// try makes a trial.
func try(name string, level Level, rule string, want func(p *peer), edits ...edit) trial {
	return trial{name: name, level: level, rule: rule, want: want, edits: edits}
}

// as returns t with the bytes of the head changed by f.
func (t trial) as(f func(head []byte) []byte) trial {
	t.change = f
	return t
}

// test returns t as a Test of an area. head returns the suite's half with edits,
// when the transport stands and it is the suite's turn.
func (t trial) test(area string, head func(p *peer, edits ...edit) []byte) Test {
	return Test{Name: t.name, Area: area, Level: t.level, Rule: t.rule, run: func(p *peer) {
		p.connect()
		b := head(p, t.edits...)
		if t.change != nil {
			b = t.change(b)
		}
		p.write(b)
		t.want(p)
	}}
}

// requests makes tests of a server of trials: the suite asks.
func requests(area string, trials []trial) (tests []Test) {
	for _, t := range trials {
		tests = append(tests, t.test(area, (*peer).request))
	}
	return tests
}

// replies makes tests of a client of trials: the suite answers.
func replies(area string, trials []trial) (tests []Test) {
	for _, t := range trials {
		tests = append(tests, t.test(area, (*peer).answer))
	}
	return tests
}

// names changes all names of fields.
func names(f func(string) string) edit {
	return func(h *head) {
		for i := range h.fields {
			h.fields[i].name = f(h.fields[i].name)
		}
	}
}

// values changes all values of fields.
func values(f func(string) string) edit {
	return func(h *head) {
		for i := range h.fields {
			h.fields[i].value = f(h.fields[i].value)
		}
	}
}

// insert puts a whole line in front of all fields, as it is.
func insert(raw string) func(head []byte) []byte {
	return func(head []byte) []byte {
		return bytes.Replace(head, []byte("\r\n"), []byte("\r\n"+raw+"\r\n"), 1)
	}
}

// swapCase turns small letters into capitals, and these into small ones.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r|0x20 && r|0x20 <= 'z' {
			return r ^ 0x20
		}
		return r
	}, s)
}

// peekHead returns the bytes of the next head, with the empty line, and leaves
// them to be read. It is nil if none comes.
func (p *peer) peekHead() []byte {
	until := p.within(p.o.Timeout)
	for {
		if i := bytes.Index(p.in, []byte("\r\n\r\n")); i >= 0 {
			return bytes.Clone(p.in[:i+4])
		}
		if len(p.in) > maxHead || !p.fill(until) {
			return nil
		}
	}
}

// lineFlaw returns what is wrong with the form of the lines of a head, or "": an
// end that is not CR LF, a folded line, or what is no field.
func lineFlaw(raw []byte) string {
	lines := strings.Split(strings.TrimSuffix(string(raw), "\r\n\r\n"), "\r\n")
	for i, l := range lines {
		name, value, ok := strings.Cut(l, ":")
		switch {
		case strings.ContainsAny(l, "\r\n"):
			return fmt.Sprintf("line %q has a CR or LF by itself", l)
		case strings.Contains(l, "\x00"):
			return fmt.Sprintf("line %q has a NUL", l)
		case i == 0:
		case strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t"):
			return fmt.Sprintf("line %q is folded", l)
		case !ok || !isToken(name):
			return fmt.Sprintf("line %q is no field", l)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Sprintf("line %q has a control character", l)
		}
	}
	return ""
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// elements returns the elements of a list that stands in the values of a field,
// without empty ones (RFC 9110 §5.6.1).
func elements(values []string) (list []string) {
	for _, v := range values {
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				list = append(list, e)
			}
		}
	}
	return list
}

package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// lineTrials are about header lines that break the grammar of HTTP, in ways that
// let two readers of one request see different fields in it.
func lineTrials() (trials []trial) {
	const (
		colon   = "A server must answer white space between a name and its colon with 400."
		hidden  = "A line that begins with white space is no field: a server must refuse it, skip it or join it to the line before."
		invalid = "A field value with a CR or NUL in it must be refused, or read with a space in its place."
		grammar = "Octets that are no HTTP message should be answered with 400."
	)
	trials = []trial{
		try("RFC 9112 §5.1 space before a colon is refused", Must, colon, refusesWith400, add("X-Odd ", "1")),
		try("RFC 9112 §5.1 tab before a colon is refused", Must, colon, refusesWith400, add("X-Odd\t", "1")),
		try("RFC 9112 §5.1 space before the colon of Upgrade is refused", Must, colon, refusesWith400,
			del("Upgrade"), add("Upgrade ", "websocket")),
		try("RFC 9112 §5.1 space before the colon of Host is refused", Must, colon, refusesWith400,
			func(h *head) { h.fields[0].name = "Host " }),
		try("RFC 9112 §2.2 Upgrade in a line that begins with a space, before all fields", Must, hidden, ordinary,
			del("Upgrade")).as(insert(" Upgrade: websocket")),
		try("RFC 9112 §5.2 Upgrade in a folded line", Must, hidden, ordinary,
			del("Upgrade"), add("X-Folded", "a\r\n Upgrade: websocket")),
		try("RFC 9112 §5.2 Connection in a line folded with a tab", Must, hidden, ordinary,
			del("Connection"), add("X-Folded", "a\r\n\tConnection: Upgrade")),
		try("RFC 9112 §5.2 folded line in a field of no meaning", Must,
			"A folded line must be answered with 400, or read as if it were not folded.", either,
			add("X-Folded", "a\r\n b")),
		try("RFC 9110 §5.5 Upgrade with a NUL in it", Must, invalid, ordinary, set("Upgrade", "web\x00socket")),
		try("RFC 9112 §2.2 Upgrade with a CR in it", Must, invalid, ordinary, set("Upgrade", "web\rsocket")),
		try("RFC 9112 §2.2 Connection with a CR in it", Must, invalid, ordinary, set("Connection", "Up\rgrade")),
		try("RFC 9110 §5.5 field of no meaning with a NUL in it", Must, invalid, either, add("X-Odd", "a\x00b")),
		try("RFC 9112 §2.2 field of no meaning with a CR in it", Must, invalid, either, add("X-Odd", "a\rb")),
		try("RFC 9112 §2.2 lines that end in LF", May, "A server may take an LF by itself for the end of a line.",
			mostlyOpens).as(func(head []byte) []byte { return bytes.ReplaceAll(head, []byte("\r\n"), []byte("\n")) }),
	}
	for _, odd := range []struct{ what, line string }{
		{"without a colon", "garbage"},
		{"without a name", ": garbage"},
		{"with a space in its name", "X Odd: 1"},
		{"with brackets in its name", "X-(Odd): 1"},
		{"with a NUL in its name", "X-\x00Odd: 1"},
		{"with letters in its name that are not ASCII", "X-\u00d6dd: 1"},
	} {
		trials = append(trials, try("RFC 9112 §2.2 line "+odd.what+" is refused", Should, grammar, refuses).as(insert(odd.line)))
	}
	return trials
}

// spaceTrials are about white space, case and order, which make no difference.
func spaceTrials() []trial {
	const (
		space = "White space around a value is no part of it."
		name  = "Names of fields are the same in letters of either case."
		order = "The order of the fields is not important."
	)
	pad := func(before, after string) edit {
		return values(func(v string) string { return before + v + after })
	}
	return []trial{
		try("RFC 9112 §5.1 no space behind the colons", Must, space, opens).
			as(func(head []byte) []byte { return bytes.ReplaceAll(head, []byte(": "), []byte(":")) }),
		try("RFC 9112 §5.1 spaces before the values", Must, space, opens, pad("     ", "")),
		try("RFC 9112 §5.1 tabs before the values", Must, space, opens, pad("\t\t", "")),
		try("RFC 9112 §5.1 spaces behind the values", Must, space, opens, pad("", "   ")),
		try("RFC 9112 §5.1 tabs and spaces around the values", Must, space, opens, pad("\t ", " \t ")),
		try("§4.2.1 names in small letters", Must, name, opens, names(strings.ToLower)),
		try("§4.2.1 names in capitals", Must, name, opens, names(strings.ToUpper)),
		try("§4.2.1 names with the case of each letter swapped", Must, name, opens, names(swapCase)),
		try("§4.2.1 fields in reverse order", Must, order, opens, func(h *head) { slices.Reverse(h.fields) }),
		try("§4.2.1 fields sorted by name", Must, order, opens, func(h *head) {
			slices.SortFunc(h.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
		}),
	}
}

// oddRequestTrials are correct requests with something more in them.
func oddRequestTrials() []trial {
	const rule = "Fields that a server does not know are ignored."
	fields := func(n int) edit {
		return func(h *head) {
			for i := range n {
				add(fmt.Sprintf("X-Unknown-%d", i), "value")(h)
			}
		}
	}
	return []trial{
		try("§4.2.1 correct request", Must, "A handshake that matches its description is answered with 101 by a server that accepts it.", opens),
		try("§4.2.1 field that nobody knows", Must, rule, opens, add("X-Unknown", "value")),
		try("§4.2.1 50 fields that nobody knows", Must, rule, opens, fields(50)),
		try("§4.2.1 field without a value", Must, rule, opens, add("X-Unknown", "")),
		try("§4.2.1 field with letters that are not ASCII", Must, rule, opens, add("X-Unknown", "gr\u00fc\u00dfe")),
		try("§4.2.1 field with octets that are not UTF-8", Must, rule, opens, add("X-Unknown", "\xff\xfe\x80")),
		try("§4.2.1 field that reads like another protocol", Must, rule, opens, add("X-Unknown", "GET / HTTP/1.1 Host: x")),
		try("§4.2.1 cookies", Must, rule, opens, add("Cookie", "a=1; b=2"), add("Cookie", "c=3")),
		try("§4.2.1 the fields a browser sends", Must, rule, opens,
			add("Pragma", "no-cache"), add("Cache-Control", "no-cache"), add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
			add("Accept-Encoding", "gzip, deflate, br, zstd"), add("Accept-Language", "en-US,en;q=0.9"),
			add("Sec-Fetch-Dest", "websocket"), add("Sec-Fetch-Mode", "websocket"), add("Sec-Fetch-Site", "same-origin")),
		try("§4.2.1 Sec-WebSocket-Accept in the request", Should,
			"It belongs into answers (§11.3.3). In a request it has no meaning, and is like any unknown field.",
			opens, add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
		try("RFC 9110 §8.6 Content-Length of 0", Should, "A Content-Length of 0 announces no content.",
			opens, add("Content-Length", "0")),
		try("RFC 9112 §6.3 Content-Length that is no number is refused", Must,
			"An invalid Content-Length must be answered with 400.", refusesWith400, add("Content-Length", "five")),
		try("RFC 9112 §6.3 negative Content-Length is refused", Must,
			"An invalid Content-Length must be answered with 400.", refusesWith400, add("Content-Length", "-1")),
		try("RFC 9112 §6.3 two Content-Lengths that differ are refused", Must,
			"An invalid Content-Length must be answered with 400.", refusesWith400, add("Content-Length", "0"), add("Content-Length", "5")),
		try("RFC 9112 §6.1 unknown Transfer-Encoding is refused", Should,
			"A transfer coding that a server does not understand should be answered with 501.", refuses, add("Transfer-Encoding", "x-unknown")),
	}
}

// largeRequestTests are about heads that are larger than a server may want.
func largeRequestTests() []Test {
	const (
		answer = "A field that is larger than a server wishes to process must be answered with an error."
		bound  = "A server ought to limit how long a head may grow, and not read on for ever."
		size   = 1 << 20 // bytes, of a head that may well be too large
	)
	large := func(what string, edits ...edit) trial {
		return try("RFC 9110 §5.4 "+what+" is answered", Must, answer, either, edits...)
	}
	tests := requests("opening", []trial{
		large("a value of 1 MiB", add("X-Large", letters(size))),
		large("a name of 1 MiB", add("X-"+letters(size), "large")),
		large("a target of 1 MiB", line("GET {target}?"+letters(size)+" HTTP/1.1")),
		large("a head of 20,000 fields", func(h *head) {
			for i := range 20_000 {
				add(fmt.Sprintf("X-%d", i), "a value of no use")(h)
			}
		}),
		large("a field of 20,000 lines", func(h *head) {
			for range 20_000 {
				add("X-Many", "a value of no use")(h)
			}
		}),
		large("a Connection of 20,000 elements", set("Connection", strings.Repeat("x-option, ", 20_000)+"Upgrade")),
		try("RFC 6265 §6.1 cookie of 4 KiB", May, "Browsers send cookies of 4096 bytes and more.",
			mostlyOpens, add("Cookie", "a="+letters(4096))),
		try("RFC 9112 §3 request line of 8000 octets", Should, "Request lines of at least 8000 octets should be supported.",
			notTooLong, line("GET {target}?"+letters(8000-100)+" HTTP/1.1")),
	})
	for _, endless := range []struct{ what, beginning, more string }{
		{"a head of 4 MiB", "", "X-More: " + letters(1000) + "\r\n"},
		{"a value of 4 MiB", "X-Endless: ", letters(1024)},
		{"a name of 4 MiB", "X-", letters(1024)},
	} {
		tests = append(tests, Test{
			Name: "RFC 9110 §17.5 " + endless.what + " without an end is refused", Area: "opening", Level: Should, Rule: bound,
			run: func(p *peer) {
				p.connect()
				b := bytes.TrimSuffix(p.request(), []byte("\r\n"))
				p.write(append(b, endless.beginning+strings.Repeat(endless.more, 4096)...))
				refuses(p)
			},
		})
	}
	return tests
}

// notTooLong wants that whatever is refused is not the length of the target.
func notTooLong(p *peer) {
	a := p.response()
	p.must(a != nil, "%s closed the connection without an answer", p.endpoint())
	p.must(a.Status != 400 && a.Status != 413 && a.Status != 414 && a.Status != 431, "%s answered with %s", p.endpoint(), a)
}

// slowRequestTests send a correct request in pieces.
func slowRequestTests() (tests []Test) {
	for _, s := range []struct {
		what  string
		piece int
		pause time.Duration
	}{
		{"byte by byte", 1, 0},
		{"byte by byte, slowly", 1, 2 * time.Millisecond},
		{"in pieces of 7 bytes", 7, time.Millisecond},
		{"in pieces of 100 bytes, slowly", 100, 100 * time.Millisecond},
	} {
		tests = append(tests, Test{
			Name: "§4.2.1 request " + s.what, Area: "opening", Level: Must,
			Rule: "TCP may cut a request anywhere, which makes no difference to what it says.",
			run: func(p *peer) {
				p.connect()
				p.writeChopped(p.request(), s.piece, s.pause)
				opens(p)
			},
		})
	}
	for _, cut := range []struct {
		what string
		back int // bytes from the end
	}{
		{"before its last byte", 1}, {"inside the last line break", 3}, {"between its lines", 4}, {"inside its version", 6},
	} {
		tests = append(tests, Test{
			Name: "§4.2.1 request cut " + cut.what, Area: "opening", Level: Must,
			Rule: "TCP may cut a request anywhere, which makes no difference to what it says.",
			run: func(p *peer) {
				p.connect()
				b := p.request()
				p.writeChopped(b, len(b)-cut.back, 100*time.Millisecond)
				opens(p)
			},
		})
	}
	return tests
}

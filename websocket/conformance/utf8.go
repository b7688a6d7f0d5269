package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// utf8Cases are about text being UTF-8 (RFC 6455 §5.6 and §8.1, RFC 3629).
func utf8Cases() []Case {
	return slices.Concat(
		validCases(),
		nonCharacterCases(),
		invalidCases(),
		unfinishedCases(),
		leadCases(),
		prefixCases(),
		splitCases(),
		anyBinaryCases(),
	)
}

// A sequence is some bytes of text.
type sequence struct {
	what string
	good string // what could still become UTF-8
	bad  string // what follows and cannot: its first byte already shows it
}

// validUTF8 are code points at the edges of each length and of each gap.
func validUTF8() []sequence {
	return []sequence{
		{what: "U+0000", good: "\x00"},
		{what: "U+007F, the last of one byte", good: "\x7f"},
		{what: "U+0080, the first of two bytes", good: "\xc2\x80"},
		{what: "U+00A9", good: "\xc2\xa9"},
		{what: "U+07FF, the last of two bytes", good: "\xdf\xbf"},
		{what: "U+0800, the first of three bytes", good: "\xe0\xa0\x80"},
		{what: "U+0FFF, the last behind E0", good: "\xe0\xbf\xbf"},
		{what: "U+1000, the first behind E1", good: "\xe1\x80\x80"},
		{what: "U+CFFF, the last behind EC", good: "\xec\xbf\xbf"},
		{what: "U+D000, the first behind ED", good: "\xed\x80\x80"},
		{what: "U+D7FF, the last before the surrogates", good: "\xed\x9f\xbf"},
		{what: "U+E000, the first after the surrogates", good: "\xee\x80\x80"},
		{what: "U+FDD0, a non-character", good: "\xef\xb7\x90"},
		{what: "U+FDEF, a non-character", good: "\xef\xb7\xaf"},
		{what: "U+FEFF, the byte order mark", good: "\xef\xbb\xbf"},
		{what: "U+FFF9", good: "\xef\xbf\xb9"},
		{what: "U+FFFA", good: "\xef\xbf\xba"},
		{what: "U+FFFB", good: "\xef\xbf\xbb"},
		{what: "U+FFFC", good: "\xef\xbf\xbc"},
		{what: "U+FFFD, the replacement character", good: "\xef\xbf\xbd"},
		{what: "U+10000, the first of four bytes", good: "\xf0\x90\x80\x80"},
		{what: "U+3FFFF, the last behind F0", good: "\xf0\xbf\xbf\xbf"},
		{what: "U+40000, the first behind F1", good: "\xf1\x80\x80\x80"},
		{what: "U+FFFFF, the last behind F3", good: "\xf3\xbf\xbf\xbf"},
		{what: "U+100000, the first behind F4", good: "\xf4\x80\x80\x80"},
		{what: "U+10FFFF, the last of all", good: "\xf4\x8f\xbf\xbf"},
	}
}

// invalidUTF8 are sequences that cannot be saved by what follows.
func invalidUTF8() []sequence {
	return []sequence{
		{"a lone continuation byte 80", "", "\x80"},
		{"a lone continuation byte BF", "", "\xbf"},
		{"two lone continuation bytes", "", "\x80\xbf"},
		{"all continuation bytes in a row", "", allContinuations},
		{"a continuation byte too many", "\xc2\xa9", "\xa9"},
		{"the byte C0", "", "\xc0"},
		{"the byte C1", "", "\xc1"},
		{"the byte F5", "", "\xf5"},
		{"the byte F6", "", "\xf6"},
		{"the byte F7", "", "\xf7"},
		{"the byte F8", "", "\xf8"},
		{"the byte F9", "", "\xf9"},
		{"the byte FA", "", "\xfa"},
		{"the byte FB", "", "\xfb"},
		{"the byte FC", "", "\xfc"},
		{"the byte FD", "", "\xfd"},
		{"the byte FE", "", "\xfe"},
		{"the byte FF", "", "\xff"},
		{"the bytes FE and FF twice each", "", "\xfe\xfe\xff\xff"},
		{"a space in place of the second of two bytes", "\xc2", " "},
		{"a space in place of the second of three bytes", "\xe1", " "},
		{"a space in place of the third of three bytes", "\xe2\x82", " "},
		{"a space in place of the second of four bytes", "\xf1", " "},
		{"a space in place of the third of four bytes", "\xf0\x9f", " "},
		{"a space in place of the fourth of four bytes", "\xf0\x9f\x98", " "},
		{"a lead byte in place of a continuation byte", "\xe2\x82", "\xe2\x82\xac"},
		{"a slash in two bytes", "", "\xc0\xaf"},
		{"a slash in three bytes", "\xe0", "\x80\xaf"},
		{"a slash in four bytes", "\xf0", "\x80\x80\xaf"},
		{"a slash in five bytes", "", "\xf8\x80\x80\x80\xaf"},
		{"a slash in six bytes", "", "\xfc\x80\x80\x80\x80\xaf"},
		{"U+007F in two bytes", "", "\xc1\xbf"},
		{"U+07FF in three bytes", "\xe0", "\x9f\xbf"},
		{"U+FFFF in four bytes", "\xf0", "\x8f\xbf\xbf"},
		{"U+1FFFFF in five bytes", "", "\xf8\x87\xbf\xbf\xbf"},
		{"U+3FFFFFF in six bytes", "", "\xfc\x83\xbf\xbf\xbf\xbf"},
		{"NUL in two bytes", "", "\xc0\x80"},
		{"NUL in three bytes", "\xe0", "\x80\x80"},
		{"NUL in four bytes", "\xf0", "\x80\x80\x80"},
		{"NUL in five bytes", "", "\xf8\x80\x80\x80\x80"},
		{"NUL in six bytes", "", "\xfc\x80\x80\x80\x80\x80"},
		{"the surrogate U+D800", "\xed", "\xa0\x80"},
		{"the surrogate U+DB7F", "\xed", "\xad\xbf"},
		{"the surrogate U+DB80", "\xed", "\xae\x80"},
		{"the surrogate U+DBFF", "\xed", "\xaf\xbf"},
		{"the surrogate U+DC00", "\xed", "\xb0\x80"},
		{"the surrogate U+DF80", "\xed", "\xbe\x80"},
		{"the surrogate U+DFFF", "\xed", "\xbf\xbf"},
		{"the surrogates of U+10000", "\xed", "\xa0\x80\xed\xb0\x80"},
		{"the surrogates of U+103FF", "\xed", "\xa0\x80\xed\xbf\xbf"},
		{"the surrogates of U+EFC00", "\xed", "\xad\xbf\xed\xb0\x80"},
		{"the surrogates of U+EFFFF", "\xed", "\xad\xbf\xed\xbf\xbf"},
		{"the surrogates of U+F0000", "\xed", "\xae\x80\xed\xb0\x80"},
		{"the surrogates of U+F03FF", "\xed", "\xae\x80\xed\xbf\xbf"},
		{"the surrogates of U+10FC00", "\xed", "\xaf\xbf\xed\xb0\x80"},
		{"the surrogates of U+10FFFF", "\xed", "\xaf\xbf\xed\xbf\xbf"},
		{"U+110000", "\xf4", "\x90\x80\x80"},
		{"U+13FFFF", "\xf4", "\xbf\xbf\xbf"},
		{"U+1FFFFF", "", "\xf7\xbf\xbf\xbf"},
		{"U+200000 in five bytes", "", "\xf8\x88\x80\x80\x80"},
		{"U+3FFFFFF in five bytes", "", "\xfb\xbf\xbf\xbf\xbf"},
		{"U+4000000 in six bytes", "", "\xfc\x84\x80\x80\x80\x80"},
		{"U+7FFFFFFF in six bytes", "", "\xfd\xbf\xbf\xbf\xbf\xbf"},
	}
}

// allContinuations are the 64 bytes that never begin a code point.
const allContinuations = "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f" +
	"\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f" +
	"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf" +
	"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf"

// unfinishedUTF8 are sequences that need more bytes.
func unfinishedUTF8() []sequence {
	return []sequence{
		{what: "the first of two bytes at its end", good: "\xc2"},
		{what: "the first of three bytes at its end", good: "\xe2"},
		{what: "the first two of three bytes at its end", good: "\xe2\x82"},
		{what: "the lead byte E0 at its end", good: "\xe0"},
		{what: "the lead byte ED at its end", good: "\xed"},
		{what: "the first of four bytes at its end", good: "\xf0"},
		{what: "the first two of four bytes at its end", good: "\xf0\x9f"},
		{what: "the first three of four bytes at its end", good: "\xf0\x9f\x98"},
		{what: "the lead byte F4 at its end", good: "\xf4"},
	}
}

func validCases() (cases []Case) {
	var all strings.Builder
	for _, s := range validUTF8() {
		all.WriteString(s.good)
		cases = append(cases, stays("§8.1 text is "+s.what, sends(text(s.good)), Event{Text, s.good}))
	}
	return append(cases,
		stays("§8.1 text is all edges in a row", sends(text(all.String())), Event{Text, all.String()}),
		stays("§8.1 text is all edges in a row, a byte to a frame",
			inFragments(frame.OpText, all.String(), 1), Event{Text, all.String()}),
		stays("§8.1 text is all edges in a row, three bytes to a frame",
			inFragments(frame.OpText, all.String(), 3), Event{Text, all.String()}),
	)
}

// nonCharacterCases are the two code points at the end of each plane, which
// are not characters but may stand in text (RFC 3629 excludes none of them).
func nonCharacterCases() (cases []Case) {
	for plane := range 17 {
		for _, low := range []int{0xFFFE, 0xFFFF} {
			s := string(rune(plane<<16 | low))
			if slices.ContainsFunc(validUTF8(), func(v sequence) bool { return v.good == s }) {
				continue // an edge, too
			}
			cases = append(cases, stays(fmt.Sprintf("§8.1 text is U+%04X", plane<<16|low), sends(text(s)), Event{Text, s}))
		}
	}
	return cases
}

// invalidCases put each invalid sequence into one frame, into two that part at
// the wrong byte, and into a frame of which nothing comes after the wrong byte:
// it should be found there (fail fast).
func invalidCases() (cases []Case) {
	tried := map[string]bool{}
	for _, s := range invalidUTF8() {
		before := "ab" + s.good
		cases = append(cases,
			garbles("§8.1 text has "+s.what, sends(text(before+s.bad+"yz"))),
			garbles("§8.1 text has "+s.what+", parted there",
				sends(text(before).more(), cont(s.bad+"yz"))),
		)
		start := before + s.bad[:1]
		if tried[start] {
			continue // many sequences go wrong in the same way
		}
		tried[start] = true
		cases = append(cases,
			should(garbles("§8.1 text has "+s.what+", found before the frame is complete",
				sends(text(start).more().declared(1000)))),
		)
	}
	return append(cases,
		garbles("§8.1 text that is not UTF-8 after a good one, a ping behind",
			sends(text("good"), text("\xff"), ping("late")), Event{Text, "good"}),
		garbles("§8.1 text that is not UTF-8 in its third fragment",
			sends(text("a").more(), cont("b").more(), ping("p"), cont("\xff")), Event{Ping, "p"}),
		should(garbles("§8.1 text that is not UTF-8 in a fragment that is not the last",
			sends(text("a").more(), cont("\xff").more(), ping("late")))),
		garbles("§8.1 wrong byte after 1000 letters", sends(text(letters(1000)+"\xff"))),
		garbles("§8.1 wrong byte before 1000 letters", sends(text("\xff"+letters(1000)))),
		garbles("§8.1 wrong byte after 70000 letters", sends(text(letters(70000)+"\xc0"+letters(10)))),
	)
}

// unfinishedCases end a text message inside a code point, and show that it is
// no error while the message goes on.
func unfinishedCases() (cases []Case) {
	for _, s := range unfinishedUTF8() {
		cases = append(cases,
			garbles("§8.1 text has "+s.what, sends(text("ab"+s.good))),
			garbles("§8.1 text has "+s.what+", the last fragment being empty",
				sends(text("ab"+s.good).more(), cont(""))),
			garbles("§8.1 text has "+s.what+", a message behind", sends(text("ab"+s.good), text("\x82\xac"))),
			stays("§8.1 text may go on after "+s.what, sends(text("ab"+s.good).more())),
		)
	}
	return cases
}

// leadCases have each byte that can begin a code point of several bytes, with a
// space in place of the next.
func leadCases() (cases []Case) {
	var row strings.Builder
	for lead := 0xC2; lead <= 0xF4; lead++ {
		s := string([]byte{byte(lead), ' '})
		row.WriteString(s)
		cases = append(cases, garbles(fmt.Sprintf("§8.1 text has the lead byte %X and a space", lead), sends(text(s))))
	}
	var unfinished strings.Builder
	for _, s := range unfinishedUTF8() {
		unfinished.WriteString(s.good)
	}
	const surrogate = greek + "\xed\xa0\x80edited"
	return append(cases,
		garbles("§8.1 text has all lead bytes, each with a space", sends(text(row.String()))),
		garbles("§8.1 text has code points in a row that lack their last bytes", sends(text(unfinished.String()))),
		garbles("§8.1 text has a Greek word, a surrogate and letters", sends(text(surrogate))),
		garbles("§8.1 text has a Greek word, a surrogate and letters, a byte to a frame", inFragments(frame.OpText, surrogate, 1)),
		garbles("§8.1 text has a Greek word and a byte FF, a byte to a frame", inFragments(frame.OpText, greek+"\xff", 1)),
		garbles("§8.1 text has U+110000 in its second of three fragments",
			sends(text(greek).more(), cont("\xf4\x90\x80\x80").more(), cont("edited"))),
	)
}

// greek is the word kosme with five letters of two or three bytes, of Markus
// Kuhn's decoder test.
const greek = "\u03ba\u1f79\u03c3\u03bc\u03b5"

// prefixCases cut a text at every byte.
func prefixCases() (cases []Case) {
	whole := map[int]bool{0: true, 2: true, 5: true, 7: true, 9: true, 11: true}
	for n := 1; n <= len(greek); n++ {
		name := fmt.Sprintf("§8.1 text is the first %d of 11 bytes of a Greek word", n)
		if whole[n] {
			cases = append(cases, stays(name, sends(text(greek[:n])), Event{Text, greek[:n]}))
		} else {
			cases = append(cases, garbles(name, sends(text(greek[:n]))))
		}
	}
	return cases
}

// splitCases part valid texts at every byte: a fragment may end inside a code
// point (RFC 6455 §5.6).
func splitCases() (cases []Case) {
	for _, s := range []struct{ what, text string }{{"a Greek word", greek}, {"an emoji", "\U0001f600"}} {
		for n := 1; n < len(s.text); n++ {
			first, second := text(s.text[:n]).more(), cont(s.text[n:])
			name := fmt.Sprintf("§5.6 %s parted after %d bytes", s.what, n)
			cases = append(cases,
				stays(name, sends(first, second), Event{Text, s.text}),
				stays(name+" with a ping between", sends(first, ping("p"), second), Event{Ping, "p"}, Event{Text, s.text}),
				stays(name+" with an empty fragment between", sends(first, cont("").more(), second), Event{Text, s.text}),
			)
		}
		cases = append(cases, stays("§5.6 "+s.what+", a byte to a frame",
			inFragments(frame.OpText, s.text, 1), Event{Text, s.text}))
	}
	return cases
}

// anyBinaryCases show that binary messages are not looked at.
func anyBinaryCases() (cases []Case) {
	for _, p := range []string{"\x80", "\xff\xff", "\xed\xa0\x80", "\xc0\x80", "\xe2\x82"} {
		cases = append(cases,
			stays(fmt.Sprintf("§5.6 binary may be % X", p), sends(bin(p)), Event{Binary, p}),
			stays(fmt.Sprintf("§5.6 binary may be % X, a byte to a frame", p),
				append(inFragments(frame.OpBinary, p, 1), text("ok")), Event{Binary, p}, Event{Text, "ok"}),
		)
	}
	return cases
}

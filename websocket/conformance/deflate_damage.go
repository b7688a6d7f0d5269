package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// badBlockCases are blocks of no type, and stored ones whose length is told in two
// ways (RFC 1951 §3.2.3, §3.2.4).
func badBlockCases() (cases []Case) {
	damaged := []struct{ name, section, payload string }{
		{"RFC 1951 §3.2.3 reserved type of block", blockSection, deflated().begin(typeReserved).end()},
		{"RFC 1951 §3.2.3 reserved type of block with BFINAL", blockSection, deflated().final().begin(typeReserved).end()},
		{"RFC 1951 §3.2.3 reserved type of block after a good one", blockSection,
			deflated().fixed(lits("Hello")).begin(typeReserved).end()},
		{"RFC 1951 §3.2.3 reserved type of block after a flush point", blockSection,
			deflated().stored("Hello").sync().begin(typeReserved).end()},
		{"RFC 1951 §3.2.3 bytes of ones", blockSection, strings.Repeat("\xff", 20)},
		{"RFC 1951 §3.2.3 a gzip header in front", blockSection, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + helloFixed},
		{"RFC 1951 §3.2.4 a zlib header in front", storedSection, "\x78\x9c" + helloFixed},
		{"RFC 1951 §3.2.4 letters in place of compressed data", storedSection, "Hello, this is not compressed"},
		{"RFC 1951 §3.2.4 stored block whose lengths are the same", storedSection, deflated().storedAs(5, 5, "Hello").end()},
		{"RFC 1951 §3.2.4 stored block whose second length is 0", storedSection, deflated().storedAs(5, 0, "Hello").end()},
		{"RFC 1951 §3.2.4 stored block whose lengths differ in one bit", storedSection, deflated().storedAs(5, ^5^0x8000, "Hello").end()},
		{"RFC 1951 §3.2.4 bad stored block after a good one", storedSection,
			deflated().stored("Hello").storedAs(5, ^4, "Hello").end()},
		{"RFC 7692 §7.2.1 bytes behind the end", storedSection, helloFixed + "garbage"},
	}
	for _, d := range damaged {
		cases = append(cases, corrupt(d.name, d.section, sends(bin(d.payload).packed())))
	}
	bad := deflated().begin(typeReserved).cut()
	return append(cases,
		corrupt("RFC 1951 §3.2.3 reserved type of block in a text", blockSection, sends(text(bad).packed())),
		corrupt("RFC 1951 §3.2.3 reserved type of block in a second fragment", blockSection,
			sends(bin(deflated().fixed(lits("Hello")).sync().cut()).packed().more(), cont(bad))),
		corrupt("RFC 1951 §3.2.3 reserved type of block after good messages, a ping behind", blockSection,
			sends(text(helloFixed).packed(), text("plain"), bin(bad).packed(), ping("late")), helloSeen, Event{Text, "plain"}),
		corrupt("RFC 1951 §3.2.3 reserved type of block, a good message behind", blockSection,
			sends(bin(bad).packed(), text(helloFixed).packed(), text("plain"))),
		should(corrupt("RFC 1951 §3.2.3 reserved type of block in a fragment that is not the last", blockSection,
			sends(bin(bad).packed().more(), ping("late")))),
		should(corrupt("RFC 7692 §7.2.1 reserved type of block behind one with BFINAL", blockSection,
			sends(bin(deflated().final().fixed(lits("Hello")).begin(typeReserved).end()).packed()))),
	)
}

// badCodeCases are Huffman codes that cannot be, and symbols that mean nothing (RFC
// 1951 §3.2.5, §3.2.7).
func badCodeCases() (cases []Case) {
	good := codesFor("Hello", 257)
	lengths := func(literals, distances int) *stream { return deflated().lengthCode(literals, distances, plainLengths) }
	damaged := []struct {
		level   Level
		name    string
		section string
		s       *stream
	}{
		{Must, "§3.2.6 literal symbol 286", symbolSection, deflated().fixed(lits("Hello"), token{symbol: 286})},
		{Must, "§3.2.6 literal symbol 287", symbolSection, deflated().fixed(lits("Hello"), token{symbol: 287})},
		{Must, "§3.2.6 distance symbol 30", symbolSection, deflated().fixed(lits("Hello"), token{length: 3, code: 30})},
		{Must, "§3.2.6 distance symbol 31", symbolSection, deflated().fixed(lits("Hello"), token{length: 3, code: 31})},
		{Must, "§3.2.7 287 literal codes", lengthSection, lengths(287, 1).raw0(100)},
		{Must, "§3.2.7 288 literal codes", lengthSection, lengths(288, 1).raw0(100)},
		{Must, "§3.2.2 three literal codes of one bit", codeSection, deflated().dynamicHeader(slices.Concat(runs(65, 0, 2, 1, 189, 0, 1, 1)), noDistance).raw0(20)},
		{Must, "§3.2.2 257 literal codes of 8 bits", codeSection, deflated().dynamicHeader(runs(257, 8), runs(1, 1)).raw0(20)},
		{Must, "§3.2.2 three distance codes of one bit", codeSection, deflated().dynamicHeader(good, runs(3, 1)).raw0(20)},
		{Must, "§3.2.7 lengths in too many codes", lengthSection, deflated().lengthCode(257, 1, runs(19, 3)).raw0(100)},
		{Should, "§3.2.7 lengths in too few codes", lengthSection, deflated().lengthCode(257, 1, runs(3, 2, 16, 0)).raw0(200)},
		{Should, "§3.2.7 lengths in no codes", lengthSection, deflated().lengthCode(257, 1, runs(19, 0)).raw0(200)},
		{Should, "§3.2.2 too few literal codes", codeSection, deflated().dynamicHeader(runs(65, 0, 1, 2, 190, 0, 1, 2), noDistance).raw0(20)},
		{Should, "§3.2.2 too few distance codes", codeSection, deflated().dynamicHeader(good, runs(3, 2)).raw0(20)},
		{Should, "§3.2.7 no code for the end of the block", lengthSection, deflated().dynamicHeader(runs(65, 0, 2, 1, 190, 0), noDistance).raw0(20)},
		{Must, "§3.2.7 repetition with nothing before", lengthSection, firstRepeated()},
		{Must, "§3.2.7 repetition of zeros beyond the last code", lengthSection, overrun(18, 127, 7)},
		{Must, "§3.2.7 repetition of a length beyond the last code", lengthSection, overrun(16, 3, 2)},
		{Must, "§3.2.7 match where there are no distance codes", symbolSection,
			deflated().dynamicHeader(good, noDistance).open257(good)},
		{Must, "§3.2.7 distance code that is not there", symbolSection,
			deflated().dynamicHeader(good, runs(1, 1)).open257(good).bits(1, 1).raw0(10)},
	}
	for _, d := range damaged {
		c := corrupt("RFC 1951 "+d.name, d.section, sends(bin(d.s.end()).packed()))
		c.Level = d.level
		cases = append(cases, c)
	}
	return cases
}

// raw0 appends n bytes of zeros, so that what is wrong is not that something lacks.
func (s *stream) raw0(n int) *stream {
	for range n {
		s.bits(0, 8)
	}
	return s
}

// open257 appends a literal and a match of three bytes without its distance.
func (s *stream) open257(literals []uint8) *stream {
	h := newCode(literals)
	return s.symbol(h, 'H').symbol(h, 257)
}

// firstRepeated repeats a length before there is one.
func firstRepeated() *stream {
	lengths := runs(13, 4, 6, 5)
	return deflated().lengthCode(257, 1, lengths).symbol(newCode(lengths), 16).raw0(200)
}

// overrun has lengths for 255 literals, and then a repetition of more than the two
// codes and the one distance that lack.
func overrun(symbol int, extra uint64, bits uint) *stream {
	lengths := runs(13, 4, 6, 5)
	h := newCode(lengths)
	s := deflated().lengthCode(257, 1, lengths)
	for range 255 {
		s.symbol(h, 8)
	}
	return s.symbol(h, symbol).bits(extra, bits).raw0(200)
}

// badDistanceCases refer to what is not there (RFC 1951 §3.2.3).
func badDistanceCases() (cases []Case) {
	for _, d := range []int{1, 2, 3, 4, 5, 100, 1000, 32768} {
		cases = append(cases, corrupt(fmt.Sprintf("RFC 1951 §3.2.3 reference %d bytes back in the first bytes", d), distanceSection,
			sends(bin(deflated().fixed(match(3, d)).end()).packed())))
	}
	for _, d := range []int{6, 7, 256, 32768} {
		bad := after("Hello").fixed(match(3, d)).end()
		cases = append(cases,
			corrupt(fmt.Sprintf("RFC 1951 §3.2.3 reference %d bytes back after five", d), distanceSection,
				sends(bin(deflated().fixed(lits("Hello"), match(3, d)).end()).packed())),
			corrupt(fmt.Sprintf("RFC 1951 §3.2.3 reference %d bytes back after a message of five", d), distanceSection,
				sends(text(helloFixed).packed(), text(bad).packed(), ping("late")), helloSeen),
		)
	}
	return append(cases,
		corrupt("RFC 1951 §3.2.3 reference before the first byte in a second fragment", distanceSection,
			sends(bin(deflated().fixed(lits("Hello")).sync().cut()).packed().more(), cont(after("Hello").fixed(match(3, 6)).end()))),
		corrupt("RFC 1951 §3.2.3 reference before the first byte in a dynamic block", distanceSection,
			sends(bin(deflated().dynamic(codesFor("ab", 257), runs(4, 2), lits("ab"), match(3, 3)).end()).packed())),
	)
}

// unfinishedStreamCases end a message inside a block. No sentence says what is to be
// done then, but that the message cannot be told (RFC 7692 §7.2.2).
func unfinishedStreamCases() (cases []Case) {
	header := deflated().dynamicHeader(codesFor("Hello"), noDistance).cut()
	for _, d := range []struct{ name, payload string }{
		{"a fixed block without its end", deflated().open(lits("Hello")).cut()},
		{"a fixed block of one byte", deflated().open(lits("H")).cut()[:1]},
		{"a length without a distance", deflated().open(lits("Hello")).symbol(fixedLiterals, 257).cut()},
		{"a stored block of 100 bytes, of which five come", deflated().storedAs(100, ^100, "Hello").cut()},
		{"half the header of a dynamic block", header[:len(header)/2]},
		{"a good block and then one without its end", deflated().fixed(lits("Hello")).open(lits("Hello")).cut()},
	} {
		c := should(corrupt("RFC 7692 §7.2.2 message ends: "+d.name, endSection, sends(bin(d.payload).packed())))
		cases = append(cases, c)
		c = should(corrupt("RFC 7692 §7.2.2 message ends with an empty fragment: "+d.name, endSection,
			sends(bin(d.payload).packed().more(), cont(""))))
		cases = append(cases, c)
	}
	return append(cases,
		should(corrupt("RFC 7692 §7.2.2 message ends in a block, a good one behind", endSection,
			sends(text(deflated().open(lits("Hello")).cut()).packed(), text(helloFixed).packed()))))
}

// compressedEndCases end the transport inside a compressed message.
func compressedEndCases() (cases []Case) {
	for n := range len(helloFixed) {
		cases = append(cases, loses(fmt.Sprintf("§7.1.5 end in a compressed frame after %d of its bytes", n),
			sends(text(helloFixed).packed().cut(len(helloFixed)-n))))
	}
	return append(cases,
		loses("§7.1.5 end after a compressed message", sends(text(helloFixed).packed()), helloSeen),
		loses("§7.1.5 end after a first compressed fragment", sends(text(helloFixed).packed().more())),
		loses("§7.1.5 end after two compressed fragments",
			sends(text(helloFixed[:3]).packed().more(), cont(helloFixed[3:]).more())),
	)
}

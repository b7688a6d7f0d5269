package conformance

import (
	"fmt"
	"strings"

	"github.com/duplexhq/duplex/websocket/frame"
)

// compressedTextCases are about text being UTF-8 when it is inflated (RFC 6455 §8.1):
// compressed it is not, and need not be.
func compressedTextCases() (cases []Case) {
	for _, s := range append(invalidUTF8(), unfinishedUTF8()...) {
		payload := deflated().fixed(lits("ab" + s.good + s.bad)).end()
		cases = append(cases, garbles("§8.1 compressed text has "+s.what, sends(text(payload).packed())))
	}
	var all strings.Builder
	for _, s := range validUTF8() {
		all.WriteString(s.good)
	}
	for n := 1; n < len(greek); n++ {
		whole := deflated().fixed(lits(greek[:n])).fixed(lits(greek[n:]))
		first, second := deflated().fixed(lits(greek[:n])).sync().cut(), deflated().fixed(lits(greek[n:])).end()
		cases = append(cases,
			stays(fmt.Sprintf("§8.1 compressed text parted by blocks after %d bytes", n),
				sends(text(whole.end()).packed()), Event{Text, greek}),
			stays(fmt.Sprintf("§8.1 compressed text parted by frames after %d bytes, a ping between", n),
				sends(text(first).packed().more(), ping("p"), cont(second)), Event{Ping, "p"}, Event{Text, greek}),
		)
	}
	return append(cases,
		stays("§8.1 compressed text is all edges in a row",
			sends(text(deflated().fixed(lits(all.String())).end()).packed()), Event{Text, all.String()}),
		stays("§8.1 compressed text is all edges in a row, a byte to a frame",
			packedFragments(deflated().fixed(lits(all.String())).end()), Event{Text, all.String()}),
		stays("§5.6 compressed binary need not be UTF-8",
			sends(bin(deflated().fixed(lits("\xff\xc0\x80")).end()).packed()), Event{Binary, "\xff\xc0\x80"}),
		stays("§8.1 compressed text put together by a reference",
			sends(text(deflated().fixed(lits("\u20ac"), match(3, 3)).end()).packed()), Event{Text, "\u20ac\u20ac"}),
		garbles("§8.1 compressed text cut by a reference",
			sends(text(deflated().fixed(lits("\u20ac"), match(4, 3)).end()).packed())),
		garbles("§8.1 compressed text that refers to binary that is not UTF-8",
			sends(bin(deflated().fixed(lits("\xff\xfe\xfd")).end()).packed(), text(after("\xff\xfe\xfd").fixed(match(3, 3)).end()).packed()),
			Event{Binary, "\xff\xfe\xfd"}),
		garbles("§8.1 compressed text with a wrong byte after 70000 letters",
			sends(text(stored(letters(70_000)+"\xff").end()).packed())),
		garbles("§8.1 compressed text that is not UTF-8 after a good one, a ping behind",
			sends(text(helloFixed).packed(), text(deflated().fixed(lits("\xff")).end()).packed(), ping("late")), helloSeen),
		garbles("§8.1 compressed text that is not UTF-8 in its third fragment",
			sends(text(deflated().fixed(lits("a")).sync().cut()).packed().more(), cont(deflated().fixed(lits("b")).sync().cut()).more(),
				ping("p"), cont(deflated().fixed(lits("\xff")).end())), Event{Ping, "p"}),
		garbles("§8.1 text that is not compressed and not UTF-8, after a compressed one",
			sends(text(helloFixed).packed(), text("\xff")), helloSeen),
		should(garbles("§8.1 compressed text that is not UTF-8 in a fragment that is not the last",
			sends(text(deflated().fixed(lits("ab\xff")).sync().cut()).packed().more(), ping("late")))),
		should(garbles("§8.1 compressed text that is not UTF-8, found before the frame is complete",
			sends(text(deflated().fixed(lits("ab\xffyz")).sync().cut()).packed().more().declared(1000)))),
		should(garbles("§8.1 compressed text that is not UTF-8, found before a stored block is complete",
			sends(text(deflated().storedAs(1000, ^1000, "ab\xffyz").cut()).packed().more().declared(2000)))),
	)
}

// packedFragments cuts a compressed text into frames of a byte.
func packedFragments(payload string) []Piece {
	pieces := inFragments(frame.OpText, payload, 1)
	pieces[0] = pieces[0].packed()
	return pieces
}

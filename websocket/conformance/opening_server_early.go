package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// bodyTests are about requests with content. Whatever a server does with it: it is
// no frame.
func bodyTests() (tests []Test) {
	const rule = "Content belongs to the request that announces it. Frames begin behind it, so a server that opens a " +
		"connection must not take content for frames."
	frames := func(p *peer) string { return string(p.wire([]Piece{text("content")})) }
	for _, b := range []struct {
		what string
		edit func(content string) []edit
	}{
		{"Content-Length", func(c string) []edit {
			return []edit{add("Content-Length", itoa(len(c))), body(c)}
		}},
		{"Content-Length twice", func(c string) []edit {
			return []edit{add("Content-Length", itoa(len(c))), add("Content-Length", itoa(len(c))), body(c)}
		}},
		{"chunks", func(c string) []edit {
			return []edit{add("Transfer-Encoding", "chunked"), body(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(c), c))}
		}},
		{"chunks and Content-Length", func(c string) []edit {
			chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(c), c)
			return []edit{add("Content-Length", itoa(len(chunked))), add("Transfer-Encoding", "chunked"), body(chunked)}
		}},
		{"Expect: 100-continue", func(c string) []edit {
			return []edit{add("Expect", "100-continue"), add("Content-Length", itoa(len(c))), body(c)}
		}},
	} {
		tests = append(tests, Test{
			Name: "RFC 9110 §7.8 request with content, by " + b.what, Area: "opening", Level: Must, Rule: rule,
			run: func(p *peer) {
				p.connect()
				p.write(p.request(b.edit(frames(p))...))
				a := p.response()
				if a == nil || a.Status != http.StatusSwitchingProtocols {
					return
				}
				p.opening.finished = true
				p.works() // and nothing came before
			},
		})
	}
	return tests
}

// earlyFrameTests send frames in one write with the request. A client must not do
// that (RFC 6455 §4.1), so the server may refuse; but if it opens a connection the
// bytes are frames, and not to be lost.
func earlyFrameTests() (tests []Test) {
	const rule = "What comes behind the request on an open connection are frames, no matter in which segment they came."
	for _, f := range firstFrames() {
		tests = append(tests, Test{
			Name: "§4.1 request with " + f.what + " behind it", Area: "opening", Level: Should, Rule: rule,
			run: func(p *peer) {
				p.takes(f.size())
				p.connect()
				b := p.request()
				p.track(f.pieces)
				p.write(append(b, p.wire(f.pieces)...))
				p.early(f.want)
			},
		})
	}
	for _, cut := range []int{1, 2, 6, 7} {
		tests = append(tests, Test{
			Name: "§4.1 request with a message behind it, cut after byte " + itoa(cut),
			Area: "opening", Level: Should, Rule: rule,
			run: func(p *peer) {
				p.connect()
				pieces := sends(text("early"))
				b, frames := p.request(), p.wire(pieces)
				p.write(slices.Concat(b, frames[:cut]))
				p.early(func(p *peer) {
					p.pause(20 * time.Millisecond)
					p.track(pieces)
					p.write(frames[cut:])
					p.wantEcho(Text, "early")
				})
			},
		})
	}
	return tests
}

// early wants what follows if the connection is opened.
func (p *peer) early(want func(p *peer)) {
	if a := p.response(); a == nil || a.Status != http.StatusSwitchingProtocols {
		p.inform(false, "%s does not open a connection", p.endpoint())
		return
	}
	p.opening.finished = true
	want(p)
}

// secondRequestTests come back on the connection of a request that was refused.
func secondRequestTests() (tests []Test) {
	for _, flaw := range []struct {
		what  string
		edits []edit
	}{
		{"without a key", []edit{del("Sec-WebSocket-Key")}},
		{"of version 25", []edit{set("Sec-WebSocket-Version", "25")}},
		{"without Upgrade", []edit{del("Upgrade"), del("Connection")}},
	} {
		tests = append(tests, Test{
			Name: "§4.4 correct request behind one " + flaw.what, Area: "opening", Level: May,
			Rule: "A client that was refused may try again, on the same connection if HTTP keeps it open.",
			run: func(p *peer) {
				p.connect()
				p.write(p.request(flaw.edits...))
				a := p.response()
				p.must(a != nil && a.Status != http.StatusSwitchingProtocols, "%s did not refuse", p.endpoint())
				p.must(a.Header.Get("Content-Length") != "" && p.end == nil, "%s keeps no connection open", p.endpoint())
				p.write(p.request())
				mostlyOpens(p)
			},
		})
	}
	return tests
}

// A first is what may be the first thing on a connection, and what must come of
// it.
type first struct {
	what   string
	pieces []Piece
	want   func(p *peer)
}

// size returns that of the largest payload.
func (f *first) size() (n int) {
	for _, piece := range f.pieces {
		n = max(n, len(piece.Payload))
	}
	return n
}

// firstFrames are sent in one write with the suite's half of the handshake.
func firstFrames() []first {
	big := octets(modest)
	echo := func(kind Kind, payload string) func(p *peer) {
		return func(p *peer) { p.wantEcho(kind, payload) }
	}
	return []first{
		{"a message", sends(text("early")), echo(Text, "early")},
		{"an empty message", sends(text("")), echo(Text, "")},
		{"64 KiB in four messages", slices.Repeat(sends(bin(big)), 4), func(p *peer) {
			for range 4 {
				p.wantEcho(Binary, big)
			}
		}},
		{"a fragmented message", sends(text("ear").more(), cont("ly")), echo(Text, "early")},
		{"a ping", sends(ping("early")), func(p *peer) { p.wantPong("early") }},
		{"a ping and a message", sends(ping("early"), text("early")), func(p *peer) {
			p.wantPong("early")
			p.wantEcho(Text, "early")
		}},
		{"three messages", sends(text("a"), bin("b"), text("c")), func(p *peer) {
			p.wantEcho(Text, "a")
			p.wantEcho(Binary, "b")
			p.wantEcho(Text, "c")
		}},
		{"a close frame", sends(bye(1000, "")), func(p *peer) { p.wantClose(1000) }},
		{"a frame that breaks the rules", sends(text("early").rsv(2)), func(p *peer) { p.wantFailure(1002) }},
	}
}

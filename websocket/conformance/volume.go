package conformance

import (
	"fmt"
	"slices"

	"github.com/duplexhq/duplex/websocket/frame"
)

// volumeServerTests send large messages, and many of them. They need neither
// compression nor a limit that is known.
func volumeServerTests() []Test { return volumeTests() }

// volumeClientTests are the same for a client.
func volumeClientTests() []Test { return volumeTests() }

func volumeTests() []Test {
	return slices.Concat(largeTests(), fragmentedTests(), choppedTests(), manyTests(), pacedTests())
}

// limitRule is what the standard says of large messages.
const limitRule = "A frame may have any length, and a message any number of frames. Who does not take as much says so with 1009 (RFC 6455 §7.4.1)."

// volumeTest is a test that sends n bytes and wants them back, if the endpoint does
// not refuse as much.
func volumeTest(area, name string, n int, kind Kind, send func(p *peer, message string)) Test {
	return Test{Name: name, Area: area, Level: Must, Rule: limitRule, run: func(p *peer) {
		p.takes(n)
		message := contents(kind, n)
		p.open()
		send(p, message)
		if how := p.refusal(n); how != "" {
			p.must(p.o.MaxMessage == 0, "%s %s after %d bytes, and its limit is %d", p.endpoint(), how, n, p.o.MaxMessage)
			p.inform(false, "%s takes no message of %d bytes: it %s", p.endpoint(), n, how)
			return
		}
		p.wantEcho(kind, message)
		p.bye()
	}}
}

// contents returns a message of n bytes.
func contents(kind Kind, n int) string {
	if kind == Text {
		return dataSets[2].message(0, n)
	}
	return octets(n)
}

// refusal waits for the next message and tells how the endpoint refuses it if that
// is what it does: with 1009, or if it has much, in any way that ends the connection.
func (p *peer) refusal(n int) (how string) {
	const much = 1 << 20
	x := &p.exchange
	p.await(p.o.Timeout, func() bool { return len(x.messages) > 0 || x.closed != nil })
	switch {
	case len(x.messages) > 0:
		return ""
	case x.closed != nil && (x.closed.code == frame.StatusMessageTooBig || n >= much):
		p.answerClose()
		return "closed with " + x.closed.code.String()
	case p.end != nil && n >= much:
		return p.end.how
	}
	return ""
}

// largeTests send messages of one frame.
func largeTests() (tests []Test) {
	for _, n := range []int{0, 1, 125, 126, 4 << 10, 65535, 65536, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
		for _, kind := range []Kind{Text, Binary} {
			if n > 4<<20 && kind == Text {
				continue // the time is better spent elsewhere
			}
			tests = append(tests, volumeTest("limits", fmt.Sprintf("§5.2 %v of %s in one frame", kind, inUnits(n)), n, kind,
				func(p *peer, message string) { p.send(inFrames(kind, message, n+1)...) }))
		}
	}
	return tests
}

// inUnits says how many bytes n are.
func inUnits(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// inFrames cuts a message into frames of each bytes.
func inFrames(kind Kind, message string, each int) []Piece {
	if kind == Text {
		return inFragments(frame.OpText, message, each)
	}
	return inFragments(frame.OpBinary, message, each)
}

// fragmentedTests send messages of many frames.
func fragmentedTests() (tests []Test) {
	shapes := []struct{ n, each int }{
		{64 << 10, 1300}, {256 << 10, 64}, {1 << 20, 64}, {1 << 20, 256}, {1 << 20, 1 << 10}, {1 << 20, 4 << 10},
		{1 << 20, 16 << 10}, {1 << 20, 64 << 10}, {1 << 20, 256 << 10},
		{4 << 20, 64}, {4 << 20, 256}, {4 << 20, 1 << 10}, {4 << 20, 4 << 10}, {4 << 20, 16 << 10}, {4 << 20, 64 << 10},
		{4 << 20, 256 << 10}, {4 << 20, 1 << 20},
	}
	for _, s := range shapes {
		for _, kind := range []Kind{Text, Binary} {
			tests = append(tests, volumeTest("fragmentation", fmt.Sprintf("§5.4 %v of %s in frames of %s", kind, inUnits(s.n), inUnits(s.each)), s.n, kind,
				func(p *peer, message string) { p.send(inFrames(kind, message, s.each)...) }))
		}
	}
	return tests
}

// choppedTests send messages in small writes, which need not be where frames are.
func choppedTests() (tests []Test) {
	shapes := []struct{ n, each, chop int }{
		{1 << 10, 1 << 20, 1}, {8 << 10, 100, 1}, {16 << 10, 1 << 20, 7}, {16 << 10, 1000, 7},
		{64 << 10, 1 << 20, 64}, {64 << 10, 1 << 10, 64}, {64 << 10, 1 << 20, 997}, {64 << 10, 1300, 997}, {256 << 10, 1 << 20, 256},
		{256 << 10, 1 << 20, 1300}, {256 << 10, 1000, 1300}, {1 << 20, 1 << 20, 64}, {1 << 20, 1 << 20, 128},
		{1 << 20, 1 << 20, 256}, {1 << 20, 1 << 20, 512}, {1 << 20, 1 << 20, 1024}, {1 << 20, 1 << 20, 2048}, {1 << 20, 64 << 10, 2048},
	}
	for _, s := range shapes {
		for _, kind := range []Kind{Text, Binary} {
			name := fmt.Sprintf("§5.2 %v of %s in TCP writes of %s", kind, inUnits(s.n), inUnits(s.chop))
			if s.each < s.n {
				name = fmt.Sprintf("§5.4 %v of %s in frames of %s and TCP writes of %s", kind, inUnits(s.n), inUnits(s.each), inUnits(s.chop))
			}
			tests = append(tests, volumeTest("framing", name, s.n, kind,
				func(p *peer, message string) { p.writeChopped(p.wire(inFrames(kind, message, s.each)), s.chop, 0) }))
		}
	}
	return tests
}

// manyTests send a thousand messages, one after the other and all at once.
func manyTests() (tests []Test) {
	const many = 1000
	for _, n := range []int{0, 16, 64, 256, 1 << 10, 4 << 10} {
		for _, kind := range []Kind{Text, Binary} {
			tests = append(tests, Test{
				Name: fmt.Sprintf("§5.6 %d %v messages of %s, each when the last is back", many, kind, inUnits(n)), Area: "transport", Level: Must,
				Rule: "Messages are sent back as they came, however many there are.",
				run:  func(p *peer) { oneByOne(p, kind, n, many) },
			}, Test{
				Name: fmt.Sprintf("§5.6 %d %v messages of %s at once", many, kind, inUnits(n)), Area: "transport", Level: Must,
				Rule: "Messages are sent back as they came, in that order.",
				run:  func(p *peer) { atOnce(p, kind, n, many) },
			})
		}
	}
	return tests
}

// numbered returns message i of n bytes.
func numbered(kind Kind, i, n int) string {
	set := dataSets[1]
	if kind == Binary {
		set = dataSets[4]
	}
	return set.message(i, n)
}

func oneByOne(p *peer, kind Kind, n, many int) {
	p.takes(n)
	p.open()
	for i := range many {
		message := numbered(kind, i, n)
		p.send(inFrames(kind, message, n+1)...)
		p.wantEcho(kind, message)
		if p.late() {
			p.note("enough after %d of %d messages", i+1, many)
			break
		}
	}
	p.bye()
}

func atOnce(p *peer, kind Kind, n, many int) {
	p.takes(n)
	p.open()
	var pieces []Piece
	for i := range many {
		pieces = append(pieces, inFrames(kind, numbered(kind, i, n), n+1)...)
	}
	p.send(pieces...)
	for i := range many {
		p.wantEcho(kind, numbered(kind, i, n))
	}
	p.bye()
}

package conformance

import (
	"slices"
	"time"
)

// cutAnswerTests end the transport before the answer is whole.
func cutAnswerTests() (tests []Test) {
	const rule = "A connection that ends before the answer is there is not open, and the client must end it too."
	cuts := []struct {
		what string
		keep func(answer []byte) int
	}{
		{"before the answer", func([]byte) int { return 0 }},
		{"inside the first line", func([]byte) int { return 8 }},
		{"in the middle of the answer", func(b []byte) int { return len(b) / 2 }},
		{"before the empty line", func(b []byte) int { return len(b) - 2 }},
		{"before the last byte of the answer", func(b []byte) int { return len(b) - 1 }},
	}
	for _, c := range cuts {
		tests = append(tests, Test{
			Name: "§4.1 end of the transport " + c.what, Area: "opening", Level: Must, Rule: rule,
			run: func(p *peer) {
				p.connect()
				b := p.answer()
				p.write(b[:c.keep(b)])
				p.closeWrite()
				givesUp(p)
			},
		})
	}
	return tests
}

// slowAnswerTests send a correct answer in pieces.
func slowAnswerTests() (tests []Test) {
	for _, s := range []struct {
		what  string
		piece int
		pause time.Duration
	}{
		{"byte by byte", 1, 0},
		{"byte by byte, slowly", 1, 2 * time.Millisecond},
		{"in pieces of 7 bytes", 7, time.Millisecond},
		{"in pieces of 50 bytes, slowly", 50, 100 * time.Millisecond},
	} {
		tests = append(tests, Test{
			Name: "§4.1 answer " + s.what, Area: "opening", Level: Must,
			Rule: "TCP may cut an answer anywhere, which makes no difference to what it says.",
			run: func(p *peer) {
				p.connect()
				p.writeChopped(p.answer(), s.piece, s.pause)
				goesOn(p)
			},
		})
	}
	return tests
}

// behindAnswerTests send frames in one write with the answer, as a server may that
// has something to say at once.
func behindAnswerTests() (tests []Test) {
	const rule = "A server may send as soon as its answer is out, so what comes behind it are frames, no matter in which segment they came."
	for _, f := range firstFrames() {
		tests = append(tests, Test{
			Name: "§4.2.2 answer with " + f.what + " behind it", Area: "opening", Level: Must, Rule: rule,
			run: func(p *peer) {
				p.takes(f.size())
				p.connect()
				b := p.answer()
				p.opening.finished = true
				p.track(f.pieces)
				p.write(append(b, p.wire(f.pieces)...))
				f.want(p)
			},
		})
	}
	for _, cut := range []int{1, 2, 3} {
		tests = append(tests, Test{
			Name: "§4.2.2 answer with a message behind it, cut after byte " + itoa(cut),
			Area: "opening", Level: Must, Rule: rule,
			run: func(p *peer) {
				p.connect()
				pieces := sends(text("early"))
				b, frames := p.answer(), p.wire(pieces)
				p.opening.finished = true
				p.track(pieces)
				p.write(slices.Concat(b, frames[:cut]))
				p.pause(20 * time.Millisecond)
				p.write(frames[cut:])
				p.wantEcho(Text, "early")
			},
		})
	}
	return append(tests, Test{
		Name: "§4.2.2 answer and a message byte by byte", Area: "opening", Level: Must, Rule: rule,
		run: func(p *peer) {
			p.connect()
			pieces := sends(text("early"))
			b := append(p.answer(), p.wire(pieces)...)
			p.opening.finished = true
			p.track(pieces)
			p.writeChopped(b, 1, 0)
			p.wantEcho(Text, "early")
		},
	})
}

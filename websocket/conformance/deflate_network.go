package conformance

import (
	"bytes"
	"compress/flate"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// deflateServerTests are those of a server's compression.
func deflateServerTests() []Test {
	return slices.Concat(deflateWireTests(Client), deflateLimitTests(), paramServerTests(), trafficTests(), replyTests())
}

// deflateClientTests are those of a client's.
func deflateClientTests() []Test {
	return slices.Concat(deflateWireTests(Server), deflateLimitTests(), paramClientTests(), trafficTests(), replyTests())
}

// A traffic is a sequence of messages that go there and back.
type traffic struct {
	set   *dataSet
	size  int // bytes of a message
	each  int // bytes of a frame, compressed; 0: one frame
	level int // of compress/flate
	own   bool
	mixed bool // every third message is not compressed
}

// volume is how many bytes of messages a test of traffic sends, give or take.
const volume = 128 << 10

// count returns how many messages are sent.
func (t *traffic) count() int { return min(max(volume/max(t.size, 1), 4), 40) }

// String says what is sent.
func (t traffic) String() string {
	s := fmt.Sprintf("%d messages of %d bytes of %s", t.count(), t.size, t.set.name)
	if t.each > 0 {
		s += fmt.Sprintf(" in frames of %d", t.each)
	}
	if t.mixed {
		s += ", every third not compressed"
	}
	return s
}

// run sends the messages one by one, on a connection that is open, and wants each
// back. Its compressor keeps to what was agreed on.
func (t *traffic) run(p *peer) {
	p.takes(t.size)
	pack, done := t.packer(p)
	defer done()
	for i := range t.count() {
		message := t.set.message(i, t.size)
		if t.mixed && i%3 == 2 {
			p.send(t.frames(message, false)...)
		} else {
			p.send(t.frames(pack(message), true)...)
		}
		p.wantEcho(t.set.kind, message)
		if p.late() {
			p.note("enough after %d of %d messages", i+1, t.count())
			break
		}
	}
	p.bye()
}

// frames cuts the payload of a message.
func (t *traffic) frames(payload string, compressed bool) []Piece {
	op := frame.OpText
	if t.set.kind == Binary {
		op = frame.OpBinary
	}
	each := t.each
	if each == 0 {
		each = len(payload) + 1
	}
	pieces := inFragments(op, payload, each)
	if compressed {
		pieces[0] = pieces[0].packed()
	}
	return pieces
}

// late reports whether a test has taken half of its time, so that one that repeats
// something should come to its end, however slow the way to the endpoint is.
func (p *peer) late() bool {
	return p.within(testLimit * p.o.Timeout / 2).Equal(p.deadline)
}

// packer returns what compresses messages, and what is to be called when the test
// is over: compress/flate if it may use its window of 15 bits, or else, and where
// the test says so, the encoder of package deflate.
func (t *traffic) packer(p *peer) (pack func(string) string, done func()) {
	z := p.exchange.zip
	if t.own || z.bits(p.role) < 15 {
		return func(message string) string { return string(p.squeeze(message)) }, func() {}
	}
	pool := writers[t.level]
	w := pool.Get().(*flate.Writer) //nolint:forcetypeassert // nothing else is in there
	var b bytes.Buffer
	w.Reset(&b)
	return func(message string) string {
		b.Reset()
		if z.fresh(p.role) {
			w.Reset(&b)
		}
		_, _ = w.Write([]byte(message)) // a Buffer takes it
		_ = w.Flush()
		return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
	}, func() { pool.Put(w) }
}

// levels are those of compress/flate that make blocks of different types.
var levels = []int{6, 1, 9, flate.HuffmanOnly, flate.NoCompression}

// writers are compressors that are not in use, by level.
var writers = func() map[int]*sync.Pool {
	pools := map[int]*sync.Pool{}
	for _, level := range levels {
		pools[level] = &sync.Pool{New: func() any {
			w, err := flate.NewWriter(nil, level)
			if err != nil {
				panic(err)
			}
			return w
		}}
	}
	return pools
}()

// trafficSizes are the sizes of messages that traffic is tried with.
var trafficSizes = []int{0, 1, 16, 64, 125, 126, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10}

// trafficTests send all data sets in all sizes with compression as it is without
// parameters.
func trafficTests() (tests []Test) {
	var all []traffic
	for i, set := range dataSets {
		for j, size := range trafficSizes {
			if size <= 1 && i > 0 && set.kind == dataSets[i-1].kind {
				continue // they do not differ yet
			}
			all = append(all, traffic{set: set, size: size, level: levels[(i+j)%len(levels)]})
		}
		for _, f := range []struct{ size, each int }{
			{64, 1}, {1 << 10, 16}, {8 << 10, 256}, {16 << 10, 256}, {32 << 10, 256}, {64 << 10, 256}, {128 << 10, 256},
			{128 << 10, 1 << 10}, {128 << 10, 4 << 10}, {128 << 10, 32 << 10},
		} {
			all = append(all, traffic{set: set, size: f.size, each: f.each, own: true})
		}
		all = append(all, traffic{set: set, size: 3000, level: 6, mixed: true})
	}
	for _, t := range all {
		tests = append(tests, Test{
			Name: "RFC 7692 §7.2 " + t.String(), Area: "deflate", Level: Must,
			Rule: "Each end inflates messages with the window used for the last compressed one, and compresses as was agreed.",
			run: func(p *peer) {
				p.agree(bothWindows(15))
				t.run(p)
			},
		})
	}
	return tests
}

// paramTraffics is what is sent with each set of parameters. The larger messages
// are larger than some windows or all.
func paramTraffics(i int) []traffic {
	set := func(n int) *dataSet { return dataSets[(i+n)%len(dataSets)] }
	level := levels[i%3]
	return []traffic{
		{set: set(0), size: 64, level: level, mixed: true},
		{set: set(1), size: 700, level: level},
		{set: set(2), size: 5000, level: level, each: 100, mixed: true},
		{set: set(3), size: 40_000, level: level},
		{set: set(4), size: 100_000, level: level, each: 8000},
	}
}

// An offered is what a client may put into its request.
type offered struct {
	section string
	offers  []string // the parameters of each offer, in the order of preference
}

// allOffers are the sets of parameters that servers are tried with.
func allOffers() []offered {
	one := func(section string, params ...string) (all []offered) {
		for _, p := range params {
			all = append(all, offered{section, []string{p}})
		}
		return all
	}
	return slices.Concat(
		one("§7.1", "", "client_max_window_bits"),
		one("§7.1.1.1", "server_no_context_takeover"),
		one("§7.1.1.2", "client_no_context_takeover"),
		one("§7.1.1", "server_no_context_takeover; client_no_context_takeover"),
		one("§7.1.2.1", "server_max_window_bits=8", "server_max_window_bits=9", "server_max_window_bits=10",
			"server_max_window_bits=12", "server_max_window_bits=15"),
		one("§7.1.2.2", "client_max_window_bits=8", "client_max_window_bits=9", "client_max_window_bits=10",
			"client_max_window_bits=12", "client_max_window_bits=15"),
		one("§7.1",
			"server_no_context_takeover; server_max_window_bits=9",
			"server_no_context_takeover; server_max_window_bits=15",
			"client_no_context_takeover; client_max_window_bits=9",
			"server_max_window_bits=11; client_max_window_bits=11",
			"server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11"),
		[]offered{
			{"§5.1", []string{"server_no_context_takeover; server_max_window_bits=9", "server_no_context_takeover", ""}},
			{"§5.1", []string{"server_max_window_bits=8", "server_max_window_bits=9", "server_max_window_bits=10; client_no_context_takeover"}},
			{"§5.1", []string{"client_max_window_bits; server_no_context_takeover", "client_no_context_takeover"}},
		},
	)
}

// paramServerTests try servers with all offers.
func paramServerTests() (tests []Test) {
	for i, o := range allOffers() {
		for j, t := range paramTraffics(i) {
			tests = append(tests, Test{
				Name: fmt.Sprintf("RFC 7692 %s %s: %s", o.section, o, t), Area: "deflate", Level: Must,
				Rule: "A server that accepts an offer accepts all of its parameters, and keeps to them.",
				run: func(p *peer) {
					problem := o.open(p)
					p.must(problem == "" || j > 0, "%s", problem)
					if problem != "" { // one test says it
						p.unsupported("%s", problem)
					}
					t.run(p)
				},
			})
		}
	}
	return tests
}

// String returns the offers in quotes.
func (o offered) String() string {
	var s []string
	for _, params := range o.offers {
		s = append(s, fmt.Sprintf("%q", params))
	}
	return "offers " + strings.Join(s, ", then ")
}

// open opens a connection with the offers, and settles what the suite sends by: a
// hint in an offer holds for the client even if the server does not take it (RFC
// 7692 §7.1.1.2, §7.1.2.2). It returns what is wrong with the answer: it must
// accept one of the offers as it is.
func (o offered) open(p *peer) (problem string) {
	var list []handshake.Extension
	var values []string
	for _, params := range o.offers {
		e, err := handshake.ParseExtensions([]string{strings.TrimSuffix(deflate.Name+"; "+params, "; ")})
		if err != nil {
			panic(err)
		}
		list = append(list, e...)
		values = append(values, string(handshake.AppendExtension(nil, e[0])))
	}
	agreed := p.deflate(strings.Join(values, ", "))
	answer := p.accepted()
	i := slices.IndexFunc(list, func(e handshake.Extension) bool { return accepts(answer, e) })
	if i < 0 {
		return fmt.Sprintf("the answer %q accepts none of the offers as it is (RFC 7692 §7.1)", handshake.AppendExtension(nil, answer))
	}
	hint := paramsOf(list[i])
	agreed.ClientNoContextTakeover = agreed.ClientNoContextTakeover || hint.ClientNoContextTakeover
	agreed.ClientMaxWindowBits = min(agreed.ClientMaxWindowBits, hint.ClientMaxWindowBits)
	p.compress(agreed)
	return ""
}

// accepts reports whether an answer takes all that an offer asks of the server, and
// asks no more of the client than the offer permits.
func accepts(answer, offer handshake.Extension) bool {
	a, o := paramsOf(answer), paramsOf(offer)
	return (a.ServerNoContextTakeover || !o.ServerNoContextTakeover) &&
		a.ServerMaxWindowBits <= o.ServerMaxWindowBits &&
		(hasParam(offer, "client_max_window_bits") || !hasParam(answer, "client_max_window_bits"))
}

// allGrants are the answers that clients are tried with, as far as they offer it.
func allGrants() []deflate.Params {
	var all []deflate.Params
	add := func(change func(p *deflate.Params)) {
		p := bothWindows(15)
		change(&p)
		all = append(all, p)
	}
	add(func(*deflate.Params) {})
	add(func(p *deflate.Params) { p.ServerNoContextTakeover = true })
	add(func(p *deflate.Params) { p.ClientNoContextTakeover = true })
	add(func(p *deflate.Params) { p.ServerNoContextTakeover, p.ClientNoContextTakeover = true, true })
	for _, n := range []uint8{8, 9, 10, 12} {
		add(func(p *deflate.Params) { p.ServerMaxWindowBits = n })
	}
	for n := uint8(8); n < 15; n++ {
		add(func(p *deflate.Params) { p.ClientMaxWindowBits = n })
	}
	add(func(p *deflate.Params) { p.ServerMaxWindowBits, p.ServerNoContextTakeover = 9, true })
	add(func(p *deflate.Params) { p.ClientMaxWindowBits, p.ClientNoContextTakeover = 9, true })
	add(func(p *deflate.Params) { p.ServerMaxWindowBits, p.ClientMaxWindowBits = 11, 10 })
	add(func(p *deflate.Params) {
		*p = deflate.Params{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 10, ClientMaxWindowBits: 11}
	})
	return all
}

// paramClientTests try clients with all answers.
func paramClientTests() (tests []Test) {
	for i, g := range allGrants() {
		answer := handshake.AppendExtension(nil, g.Extension())
		for _, t := range paramTraffics(i) {
			tests = append(tests, Test{
				Name: fmt.Sprintf("RFC 7692 §7.1 answered with %q: %s", answer, t), Area: "deflate", Level: Must,
				Rule: "A client keeps to the parameters in the answer that accepts its offer.",
				run: func(p *peer) {
					p.grant(g)
					t.run(p)
				},
			})
		}
	}
	return tests
}

// replyTests tell whether the endpoint compresses at all.
func replyTests() []Test {
	return []Test{{
		Name: "RFC 7692 §6 a long message comes back compressed", Area: "deflate", Level: May,
		Rule: "An endpoint chooses for each message whether to compress it.",
		run: func(p *peer) {
			p.agree(bothWindows(15))
			message := strings.Repeat("to be compressed ", 60)
			p.sendCompressed(Text, message)
			p.wantEcho(Text, message)
			p.inform(p.exchange.zip.came > 0, "%s compresses no message, or none of %d bytes", p.endpoint(), len(message))
			p.bye()
		},
	}}
}

package conformance

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// TestStreamsOfTheExamples compares streams with the bytes in RFC 7692 §7.2.3.
func TestStreamsOfTheExamples(t *testing.T) {
	for _, example := range []struct {
		s    *stream
		want string
	}{
		{deflated().fixed(lits("Hello")), helloFixed},
		{after("Hello").fixed(lits("H"), match(4, 5)), helloAgain},
		{deflated().stored("Hello"), helloStored},
		{deflated().final().fixed(lits("Hello")), helloFinal},
		{deflated().fixed(lits("He")).sync().fixed(lits("llo")), helloTwo},
		{deflated(), compressedNil},
	} {
		assert.Equal(t, fmt.Sprintf("% x", example.s.end()), fmt.Sprintf("% x", example.want))
	}
}

// TestCompressedExamplesByteForByte compares the cases with the frames in RFC
// 7692 §7.2.3, which are those of a server.
func TestCompressedExamplesByteForByte(t *testing.T) {
	frames := map[string]string{
		"RFC 7692 §7.2.3.1 one compressed block":                                "c107f248cdc9c90700",
		"RFC 7692 §7.2.3.1 one compressed block in two fragments":               "4103f248cd8004c9c90700",
		"RFC 7692 §7.2.3.2 the same message again, as a reference to the first": "c107f248cdc9c90700c105f200110000",
		"RFC 7692 §7.2.3.2 the same message again, by itself":                   "c107f248cdc9c90700c107f248cdc9c90700",
		"RFC 7692 §7.2.3.3 a block with no compression":                         "c10b000500faff48656c6c6f00",
		"RFC 7692 §7.2.3.4 a block with BFINAL":                                 "c108f348cdc9c9070000",
		"RFC 7692 §7.2.3.5 two blocks":                                          "c10df24805000000ffffcac9c90700",
		"RFC 7692 §7.2.3.6 an empty message":                                    "c10100",
	}
	for _, c := range compressedExampleCases() {
		want, ok := frames[c.Name]
		assert.True(t, ok, c.Name+": its bytes are not given here")
		assert.Equal(t, fmt.Sprintf("%x", c.AppendWire(nil, Server, 0)), want)
		delete(frames, c.Name)
	}
	assert.Equal(t, len(frames), 0)
}

// TestDeflateAreasAreThere names what the cases with compression must not lose.
func TestDeflateAreasAreThere(t *testing.T) {
	count := map[string]int{}
	for _, c := range deflateCases() {
		section, _, _ := strings.Cut(strings.TrimPrefix(c.Name, "RFC "), " §")
		if strings.HasPrefix(c.Name, "§") {
			section = "6455"
		}
		count[section]++
		count["limited"] += min(int(c.MaxMessage), 1)
		count["all"]++
	}
	for section, least := range map[string]int{"6455": 130, "7692": 330, "1951": 75, "limited": 18, "all": 550} {
		assert.True(t, count[section] >= least, fmt.Sprintf("%s has %d cases, want %d", section, count[section], least))
	}
}

// An inflater is how compress/flate understands the messages of one direction. It
// shares nothing with what the cases were written with, nor with package deflate.
type inflater struct {
	window []byte
	size   int
	fresh  bool
}

func newInflater(p deflate.Params) *inflater {
	return &inflater{size: 1 << p.ServerMaxWindowBits, fresh: p.ServerNoContextTakeover}
}

// message returns what a whole message stands for.
func (z *inflater) message(payload string) (string, error) {
	if z.fresh {
		z.window = nil
	}
	// A last block ends what compress/flate takes for one stream; one with BFINAL in
	// the message ends another before.
	src := bytes.NewReader([]byte(payload + "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"))
	var all []byte
	for src.Len() > 0 {
		out, err := io.ReadAll(flate.NewReaderDict(src, z.window))
		if err != nil {
			return "", err
		}
		all = append(all, out...)
		z.window = append(z.window, out...)
		z.window = z.window[max(0, len(z.window)-z.size):]
	}
	return string(all), nil
}

// understand returns the data messages of a case as compress/flate understands
// them, up to the first that it does not.
func understand(c *Case) (messages []Event, err error) {
	z := newInflater(*c.Deflate)
	var payload strings.Builder
	var kind Kind
	packed := false
	for _, piece := range c.Sends {
		if piece.Opcode == frame.OpClose || !piece.whole() {
			break
		}
		if piece.Opcode.IsControl() {
			continue
		}
		if piece.Opcode != frame.OpContinuation {
			kind, packed = Binary, piece.RSV&frame.RSV1 != 0
			if piece.Opcode == frame.OpText {
				kind = Text
			}
			payload.Reset()
		}
		payload.WriteString(piece.Payload)
		if !piece.Fin {
			continue
		}
		message := payload.String()
		if packed {
			if message, err = z.message(message); err != nil {
				return messages, err
			}
		}
		if kind == Text && !frame.ValidUTF8([]byte(message)) {
			return messages, errors.New("not UTF-8")
		}
		messages = append(messages, Event{kind, message})
	}
	return messages, nil
}

// lenient are cases of which compress/flate cannot tell what they say: it wants a
// message to be what the standard says to the letter, does not know of smaller
// windows within a message, nor that a message should not end in a block.
func lenient(c *Case) bool {
	return c.Level == May || c.Ends.Section == endSection || strings.Contains(c.Name, "no code for the end")
}

// TestCompressedCasesAreTrue shows of each case with compression that an inflater
// that had no part in it understands what is said to be understood, and nothing
// else.
func TestCompressedCasesAreTrue(t *testing.T) {
	for _, c := range deflateCases() {
		if lenient(&c) || c.Ends.Section == bitSection || c.Ends.Section == "§5.2" || c.Ends.Section == "§5.4" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			want := slices.DeleteFunc(slices.Clone(c.Sees), func(e Event) bool { return e.Kind > Binary })
			got, err := understand(&c)
			broken := c.Ends.State == GaveUp && c.Ends.Code == frame.StatusInvalidPayload && wholeMessage(&c)
			assert.Equal(t, err != nil, broken)
			if c.Ends.Code == frame.StatusMessageTooBig { // it has no limit
				got = got[:min(len(got), len(want))]
			}
			assert.True(t, slices.Equal(got, want), fmt.Sprintf("it is %v", got))
		})
	}
}

// wholeMessage reports whether the message that is wrong comes to its end.
func wholeMessage(c *Case) bool {
	last := c.Sends[len(c.Sends)-1]
	if last.Opcode == frame.OpPing {
		last = c.Sends[len(c.Sends)-2]
	}
	return last.Fin && last.whole()
}

// TestMeaning compares what the suite makes of compressed messages, when it
// decides whether a case holds for what was negotiated, with compress/flate.
func TestMeaning(t *testing.T) {
	for _, c := range deflateCases() {
		if lenient(&c) || c.Ends.State == GaveUp {
			continue
		}
		for _, got := range c.meaning(Server, *c.Deflate) {
			i := slices.IndexFunc(c.Sees, func(e Event) bool { return e.Payload == got })
			assert.True(t, i >= 0, c.Name+": nobody sees "+brief(got))
		}
	}
	plain := bothWindows(15)
	small, fresh := plain, plain
	small.ServerMaxWindowBits = 9
	fresh.ServerNoContextTakeover = true
	back := Case{Sends: sends(text(helloFixed).packed(), text(helloAgain).packed())}
	far := Case{Sends: sends(bin(stored(octets(513)).fixed(match(3, 513)).end()).packed())}
	assert.Equal(t, back.meaning(Server, plain), []string{"Hello", "Hello"})
	assert.Equal(t, back.meaning(Server, small), []string{"Hello", "Hello"})
	assert.Equal(t, len(far.meaning(Server, plain)), 1)
	assert.Contains(t, back.meaning(Server, fresh)[1], "nothing: ")
	assert.Contains(t, far.meaning(Server, small)[0], "nothing: ")
	assert.True(t, slices.Equal(back.meaning(Client, fresh), back.meaning(Client, plain)), "the server's parameters count for the client")
}

// TestCompressedCasesSayWhatTheyNeed shows that cases about windows and takeover
// mean something else without them, or the suite would judge endpoints by rules
// that were not agreed on.
func TestCompressedCasesSayWhatTheyNeed(t *testing.T) {
	plain := bothWindows(15)
	for _, c := range tooFarCases() {
		assert.True(t, !slices.Equal(c.meaning(Server, *c.Deflate), c.meaning(Server, plain)), c.Name)
	}
	for _, c := range farthestCases() {
		if bits := c.Deflate.ServerMaxWindowBits; bits > 8 {
			less := *c.Deflate
			less.ServerMaxWindowBits--
			assert.True(t, !slices.Equal(c.meaning(Server, *c.Deflate), c.meaning(Server, less)), c.Name)
		}
	}
	fresh := plain
	fresh.ServerNoContextTakeover = true
	for _, c := range takeoverCases() {
		assert.True(t, !slices.Equal(c.meaning(Server, plain), c.meaning(Server, fresh)), c.Name)
	}
}

func TestBomb(t *testing.T) {
	for _, n := range []int{2, 3, 1031, 1032, 1033, 1034, 100_000, 1 << 20} {
		payload, size := bomb(n)
		assert.True(t, size >= n && size < n+1032, fmt.Sprintf("a bomb of %d has %d", n, size))
		got, err := newInflater(deflate.Params{ServerMaxWindowBits: 15}).message(payload)
		assert.NoError(t, err)
		assert.True(t, got == string(make([]byte, size)), fmt.Sprintf("a bomb of %d is none", n))
	}
	payload, _ := bomb(1 << 30)
	assert.True(t, len(payload) < 1_100_000, "1 GB takes "+itoa(len(payload))+" bytes")
}

func TestZeros(t *testing.T) {
	for n := 1; n < 1100; n++ {
		s := deflated().zeros(n)
		assert.Equal(t, len(s.stands()), n)
		got, err := newInflater(deflate.Params{ServerMaxWindowBits: 15}).message(s.end())
		assert.NoError(t, err)
		assert.Equal(t, len(got), n)
	}
}

// TestPackers shows that what the suite sends by is what it says, with any
// parameters, and keeps to the windows.
func TestPackers(t *testing.T) {
	grants := allGrants()
	if raced { // nothing runs at the same time here
		grants = grants[:len(grants)/4]
	}
	for _, params := range grants {
		for _, traffic := range paramTraffics(0) {
			for _, role := range []Role{Client, Server} {
				p := &peer{role: role}
				p.compress(params)
				pack, done := traffic.packer(p)
				d, w := deflate.NewDecoder(), deflate.NewWindow(p.exchange.zip.bits(role))
				for i := range 3 {
					if p.exchange.zip.fresh(role) {
						w = d.Fresh(p.exchange.zip.bits(role))
					}
					message := traffic.set.message(i, traffic.size)
					got, err := inflateAll(d, w, []byte(pack(message)))
					assert.NoError(t, err)
					assert.True(t, got == message, fmt.Sprintf("%v is not what was packed", traffic))
				}
				done()
			}
		}
	}
}

func TestAccepts(t *testing.T) {
	for _, test := range []struct {
		offer, answer string
		want          bool
	}{
		{"", "", true},
		{"", "; server_no_context_takeover; server_max_window_bits=9", true},
		{"; server_no_context_takeover", "; server_no_context_takeover", true},
		{"; server_no_context_takeover", "", false},
		{"; server_max_window_bits=10", "; server_max_window_bits=10", true},
		{"; server_max_window_bits=10", "; server_max_window_bits=9", true},
		{"; server_max_window_bits=10", "; server_max_window_bits=11", false},
		{"; server_max_window_bits=10", "", false},
		{"; client_max_window_bits", "; client_max_window_bits=9", true},
		{"; client_max_window_bits=10", "", true},
		{"", "; client_max_window_bits=15", false},
		{"; client_no_context_takeover", "", true},
	} {
		e, err := handshake.ParseExtensions([]string{deflate.Name + test.offer + ", " + deflate.Name + test.answer})
		assert.NoError(t, err)
		assert.Equal(t, accepts(e[1], e[0]), test.want)
	}
}

// FuzzAccepts shows that whatever stands in a header can be read, and that the
// suite agrees with package deflate on what it accepts.
func FuzzAccepts(f *testing.F) {
	for _, o := range allOffers() {
		f.Add(deflate.Name+"; "+strings.Join(o.offers, ", permessage-deflate; "), uint8(12))
	}
	f.Add("permessage-deflate; server_max_window_bits=265; client_max_window_bits=\"\"", uint8(8))
	f.Fuzz(func(t *testing.T, header string, bits uint8) {
		offers, err := handshake.ParseExtensions([]string{header})
		if err != nil {
			return
		}
		for _, o := range offers {
			paramsOf(o)
			accepts(o, o)
		}
		_, answer, ok := deflate.Config{WindowBits: 8 + bits%8}.Accept(offers)
		if ok && !slices.ContainsFunc(offers, func(o handshake.Extension) bool { return o.Name == deflate.Name && accepts(answer, o) }) {
			t.Errorf("%v accepts none of %v", answer, offers)
		}
	})
}

// FuzzMeaning shows that any bytes can be looked at, and that what is understood
// is what compress/flate understands.
func FuzzMeaning(f *testing.F) {
	for _, c := range deflateDamageCases() {
		f.Add(c.Sends[0].Payload, false)
	}
	f.Add(helloFixed, true)
	f.Fuzz(func(t *testing.T, payload string, fresh bool) {
		p := deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: fresh}
		c := Case{Deflate: &p, Sends: sends(bin(helloFixed).packed(), bin(payload).packed(), bin(helloFixed).packed())}
		meaning := c.meaning(Server, p)
		want, err := understand(&c)
		if err != nil || slices.ContainsFunc(meaning, func(s string) bool { return strings.HasPrefix(s, "nothing: ") }) {
			return // they need not agree on what is wrong
		}
		assert.Equal(t, len(meaning), len(want))
		for i, e := range want {
			assert.Equal(t, meaning[i], e.Payload)
		}
	})
}

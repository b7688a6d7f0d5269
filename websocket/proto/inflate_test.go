package proto_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// What is negotiated if nobody wants anything, and if nobody wants takeover.
var (
	takeover   = deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	noTakeover = deflate.Params{
		ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
		ServerNoContextTakeover: true, ClientNoContextTakeover: true,
	}
)

// raw returns the bytes of hexadecimal digits.
func raw(digits string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// squeezed compresses a message by the compressor of the standard library.
func squeezed(p string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(p))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// first and more are frames of a compressed message.
func first(op frame.Opcode, fin bool, p string) conformance.Piece {
	return conformance.Piece{Fin: fin, RSV: frame.RSV1, Opcode: op, Payload: p}
}

func more(fin bool, p string) conformance.Piece {
	return conformance.Piece{Fin: fin, Opcode: frame.OpContinuation, Payload: p}
}

func text(p string) conformance.Event { return conformance.Event{Kind: conformance.Text, Payload: p} }

func pieces(p ...conformance.Piece) []conformance.Piece { return p }

// compressedCases are conversations with a machine that has compression.
func compressedCases() []conformance.Case {
	hello, again := raw("f248cdc9c90700"), raw("f200110000")
	pingFrame := conformance.Piece{Fin: true, Opcode: frame.OpPing, Payload: "p"}
	pinged := conformance.Event{Kind: conformance.Ping, Payload: "p"}
	ponged := conformance.Answer{Opcode: frame.OpPong, Payload: "p"}
	plain := conformance.Piece{Fin: true, Opcode: frame.OpText, Payload: "other"}
	long := strings.Repeat("what comes back again and again, ", 3000)
	half := len(squeezed(long)) / 2
	return []conformance.Case{
		{Name: "RFC 7692 §7.2.3.1 one frame", Sends: pieces(first(frame.OpText, true, hello)), Sees: []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §7.2.3.1 two frames",
			Sends: pieces(first(frame.OpText, false, hello[:3]), more(true, hello[3:])), Sees: []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §7.2.3.2 the message before helps",
			Sends: pieces(first(frame.OpText, true, hello), first(frame.OpText, true, again)), Sees: []conformance.Event{text("Hello"), text("Hello")}},
		{Name: "RFC 7692 §7.2.3.3 a block without compression",
			Sends: pieces(first(frame.OpText, true, raw("000500faff48656c6c6f00"))), Sees: []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §7.2.3.4 a block with BFINAL",
			Sends: pieces(first(frame.OpText, true, raw("f348cdc9c9070000"))), Sees: []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §7.2.3.5 two blocks",
			Sends: pieces(first(frame.OpText, true, raw("f248050000 00ffffcac9c90700"))), Sees: []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §7.2.3.6 empty messages",
			Sends: pieces(first(frame.OpText, true, "\x00"), first(frame.OpBinary, true, "\x00")),
			Sees:  []conformance.Event{text(""), {Kind: conformance.Binary}}},
		{Name: "RFC 7692 §6.2 control frames between fragments",
			Sends: pieces(first(frame.OpText, false, hello[:2]), pingFrame, more(false, hello[2:4]), pingFrame, more(true, hello[4:])),
			Sees:  []conformance.Event{pinged, pinged, text("Hello")}, Answers: []conformance.Answer{ponged, ponged}},
		{Name: "RFC 7692 §6.2 empty fragments",
			Sends: pieces(first(frame.OpText, false, ""), more(false, hello), more(false, ""), more(true, "")),
			Sees:  []conformance.Event{text("Hello")}},
		{Name: "RFC 7692 §6 a message without compression stays out of the window",
			Sends: pieces(first(frame.OpText, true, hello), plain, first(frame.OpText, true, again)),
			Sees:  []conformance.Event{text("Hello"), text("other"), text("Hello")}},
		{Name: "RFC 7692 §7.2.2 a long message in two fragments",
			Sends: pieces(first(frame.OpText, false, squeezed(long)[:half]), more(true, squeezed(long)[half:])),
			Sees:  []conformance.Event{text(long)}},
		{Name: "§8.1 a code point in two compressed fragments",
			Sends: pieces(first(frame.OpText, false, raw("000200fdffe282")), more(true, raw("000100feffac00"))),
			Sees:  []conformance.Event{text("€")}},
	}
}

// brokenCases are conversations that fail a machine with compression.
func brokenCases() []conformance.Case {
	fails := func(name string, code frame.StatusCode, section string, sends ...conformance.Piece) conformance.Case {
		return conformance.Case{
			Name: name, Sends: sends,
			Ends:    conformance.End{State: conformance.GaveUp, Code: code, Section: section},
			Answers: []conformance.Answer{{Opcode: frame.OpClose, Code: code}},
		}
	}
	limited := func(n int64, c conformance.Case) conformance.Case {
		c.MaxMessage = n
		return c
	}
	hello := raw("f248cdc9c90700")
	control := func(op frame.Opcode) conformance.Piece {
		return conformance.Piece{Fin: true, RSV: frame.RSV1, Opcode: op}
	}
	emptyBlocks := strings.Repeat(raw("000000ffff"), 70_000/5)
	return []conformance.Case{
		fails("RFC 7692 §6 RSV1 on a ping", 1002, "RFC 7692 §6", control(frame.OpPing)),
		fails("RFC 7692 §6 RSV1 on a pong", 1002, "RFC 7692 §6", control(frame.OpPong)),
		fails("RFC 7692 §6 RSV1 on a close frame", 1002, "RFC 7692 §6", control(frame.OpClose)),
		fails("RFC 7692 §6 RSV1 on the second fragment", 1002, "RFC 7692 §6",
			first(frame.OpText, false, hello[:3]), first(frame.OpContinuation, true, hello[3:])),
		fails("RFC 7692 §6 RSV1 on the second fragment of a message without", 1002, "RFC 7692 §6",
			conformance.Piece{Opcode: frame.OpText, Payload: "a"}, first(frame.OpContinuation, true, hello)),
		fails("§5.2 RSV2 beside RSV1", 1002, "§5.2", conformance.Piece{Fin: true, RSV: 6, Opcode: frame.OpText, Payload: hello}),
		fails("§5.2 reserved opcode with RSV1", 1002, "§5.2", first(3, true, hello)),
		fails("§5.4 a compressed message inside a message", 1002, "§5.4",
			first(frame.OpText, false, hello[:3]), first(frame.OpText, true, hello)),
		fails("§5.4 too many empty fragments", 1008, "§5.4",
			append(pieces(first(frame.OpText, false, "")), slices.Repeat(pieces(more(false, "")), 128)...)...),
		fails("§8.1 compressed bytes that are not UTF-8", 1007, "§8.1", first(frame.OpText, false, raw("000200fdfff880"))),
		fails("§8.1 a compressed text that ends in a code point", 1007, "§8.1", first(frame.OpText, true, raw("000200fdffe28200"))),
		limited(4, fails("§10.4 five bytes compressed, limit 4", 1009, "", first(frame.OpText, false, hello))),
		limited(70_000, fails("§10.4 as many stored bytes as come, limit 70000", 1009, "",
			first(frame.OpBinary, true, squeezed(noise(70_001))))),
		limited(1, fails("§10.4 empty blocks without end", 1009, "",
			first(frame.OpBinary, false, emptyBlocks[:40_000]), more(false, emptyBlocks[40_000:]))),
	}
}

// noise returns n bytes that do not compress.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return string(b)
}

// TestCompressedCases runs the cases in both roles, with and without context takeover
// where that makes no difference, and in every chunking.
func TestCompressedCases(t *testing.T) {
	source := seed(t)
	for _, role := range bothRoles {
		for _, c := range slices.Concat(compressedCases(), brokenCases()) {
			t.Run(role.String()+"/"+c.Name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(source, 0))
				n := len(c.AppendWire(nil, peerOf(role), 0))
				for i, cut := range chunkings(n, r) {
					for _, p := range []deflate.Params{takeover, noTakeover} {
						if p == noTakeover && strings.Contains(fmt.Sprint(c.Sends), raw("f200110000")) {
							continue
						}
						c.Deflate = &p
						d := driveCase(role, &c)
						d.feed(c.AppendWire(nil, peerOf(role), uint32(i)*0x3D21FA37), cut.next)
						if err := judge(&c, d); err != nil {
							t.Fatalf("%s, seed %d: %v", cut.name, source, err)
						}
					}
				}
			})
		}
	}
}

// TestDecoderErrorsFailTheConnection leaves the kinds of errors to package deflate:
// each is 1007 here, in both roles and every chunking.
func TestDecoderErrorsFailTheConnection(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for name, p := range map[string]string{
			"block of type 3":       "\x07",
			"block that goes on":    raw("f248cd"),
			"lengths that disagree": raw("00050000ff48656c6c6f00"),
			"distance into nothing": raw("f200110000"),
		} {
			wire := (&conformance.Case{Sends: pieces(first(frame.OpBinary, true, p))}).AppendWire(nil, peerOf(role), 7)
			for _, cut := range []chunking{whole(), fixed(1), fixed(3)} {
				for _, params := range []deflate.Params{takeover, noTakeover} {
					d := driveDeflate(role, 0, &params)
					d.feed(wire, cut.next)
					assert.NoError(t, d.broken)
					assert.Equal(t, d.failure.Code, frame.StatusInvalidPayload)
					assert.True(t, d.m.State() == proto.Failed, name+" passes")
				}
			}
		}
	})
}

// TestNoTakeoverForgets has a peer refer to a message before, which it agreed not to.
func TestNoTakeoverForgets(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		c := conformance.Case{Sends: pieces(first(frame.OpText, true, raw("f248cdc9c90700")), first(frame.OpText, true, raw("f200110000")))}
		p := takeover
		if role == proto.Server {
			p.ClientNoContextTakeover = true
		} else {
			p.ServerNoContextTakeover = true
		}
		d := driveDeflate(role, 0, &p)
		d.feed(c.AppendWire(nil, peerOf(role), 7), whole().next)
		assert.Equal(t, d.failure.Code, frame.StatusInvalidPayload)
		assert.Equal(t, len(d.saw), 1)
	})
}

// TestWithoutNegotiationRSV1Fails says why.
func TestWithoutNegotiationRSV1Fails(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := drive(role, 0)
		c := conformance.Case{Sends: pieces(first(frame.OpText, true, "x"))}
		d.feed(c.AppendWire(nil, peerOf(role), 7), whole().next)
		assert.Equal(t, d.failure.Err.Error(), "websocket: RSV1 set, but no extension was negotiated (RFC 6455 §5.2)")
	})
}

// TestPiecesOfCompressedMessages looks at the events of one read, whose bytes stay
// lent until they are inflated.
func TestPiecesOfCompressedMessages(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		message := strings.Repeat("0123456789abcdef", 20_000)
		c := conformance.Case{Sends: pieces(
			first(frame.OpBinary, true, squeezed(message)),
			conformance.Piece{Fin: true, Opcode: frame.OpPing},
		)}
		wire := c.AppendWire(nil, peerOf(role), 7)
		d := driveDeflate(role, 0, &takeover)
		d.m.Receive(wire)
		var got []byte
		for n := 0; ; n++ {
			ev := d.m.Next()
			assert.Equal(t, ev.Kind, proto.Data)
			assert.Equal(t, ev.First, n == 0)
			assert.Equal(t, d.m.Need(), int64(0))
			assert.True(t, !d.m.AtBoundary() && d.m.Buffered() >= 2, "the ping behind is not counted")
			got = append(got, ev.Payload...)
			if ev.Last {
				assert.True(t, n > 2 && len(ev.Payload) == 0, "the message came in one piece")
				break
			}
			assert.True(t, len(ev.Payload) > 0 && len(ev.Payload) <= 1<<15, "a piece is not a part of the window")
		}
		assert.True(t, string(got) == message, "the message differs")
		assert.Equal(t, d.m.Next().Kind, proto.Ping)
		assert.Equal(t, d.m.Next().Kind, proto.None)
		assert.Equal(t, d.m.Buffered(), 0)
		assert.True(t, d.m.AtBoundary(), "the machine waits for more")
	})
}

// TestDecoderIsHeldWhileItIsNeeded goes through a message step by step.
func TestDecoderIsHeldWhileItIsNeeded(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, params := range []deflate.Params{takeover, noTakeover} {
			d := driveDeflate(role, 0, &params)
			lent := func(pieces []conformance.Piece, want int) {
				t.Helper()
				d.feed((&conformance.Case{Sends: pieces}).AppendWire(nil, peerOf(role), 7), whole().next)
				assert.Equal(t, d.pools.decoders.lent(), want)
			}
			hello := raw("f248cdc9c90700")
			lent(pieces(conformance.Piece{Fin: true, Opcode: frame.OpText, Payload: "plain"}), 0)
			lent(pieces(first(frame.OpText, false, "")), 0) // a header costs nothing
			lent(pieces(more(false, hello[:1])), 1)
			lent(pieces(conformance.Piece{Fin: true, Opcode: frame.OpPing}), 1)
			lent(pieces(more(true, hello[1:])), 0)
			lent(pieces(first(frame.OpText, false, hello[:4])), 1)
			d.eof(nil)
			assert.Equal(t, d.pools.decoders.lent(), 0)
			assert.NoError(t, d.broken)
			for _, idle := range d.pools.decoders.idle {
				window := reflect.ValueOf(idle).Elem().FieldByName("window")
				assert.True(t, window.IsNil(), "the pool keeps the window of a connection that is gone")
			}
		}
	})
}

// zeros returns a compressed message of n MiB that are all zero.
func zeros(n int) string {
	one := squeezed(strings.Repeat("\x00", 1<<20)) + "\x00\x00\xff\xff"
	return strings.Repeat(one, n-1) + strings.TrimSuffix(one, "\x00\x00\xff\xff")
}

// TestBomb sends 1 GiB of zeros in 1 MB. The machine must stop at the limit: no more
// than that and a window are inflated, whether the bytes come at once or in pieces.
func TestBomb(t *testing.T) {
	const limit = 1 << 20
	bomb := zeros(1 << 10)
	assert.True(t, len(bomb) < 3<<19, fmt.Sprintf("the bomb has %d bytes", len(bomb)))
	eachRole(t, func(t *testing.T, role proto.Role) {
		c := conformance.Case{Sends: pieces(first(frame.OpBinary, true, bomb))}
		wire := c.AppendWire(nil, peerOf(role), 7)
		for _, chunk := range []int{len(wire), 64} {
			for _, params := range []deflate.Params{takeover, noTakeover} {
				d := driveDeflate(role, limit, &params)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				fed, delivered := 0, 0
				for d.failure.Kind == proto.None {
					n := min(chunk, len(wire)-fed)
					d.m.Receive(wire[fed : fed+n])
					fed += n
					for ev := range events(d.m, n) {
						delivered += len(ev.Payload)
						if ev.Kind == proto.Failure {
							d.failure = ev
						}
					}
				}
				runtime.ReadMemStats(&after)
				wire = c.AppendWire(wire[:0], peerOf(role), 7) // it was unmasked
				assert.Equal(t, d.failure.Code, frame.StatusMessageTooBig)
				assert.True(t, delivered <= limit, fmt.Sprintf("%d bytes were delivered", delivered))
				if chunk < len(wire) {
					// A byte inflates to 1032 at most, and the rest of the bomb was not needed.
					assert.True(t, (fed-100)*1032 <= limit+1<<15, fmt.Sprintf("%d bytes were taken", fed))
				}
				allocated := after.TotalAlloc - before.TotalAlloc
				assert.True(t, allocated < 256<<10, fmt.Sprintf("%d bytes were allocated", allocated))
			}
		}
	})
}

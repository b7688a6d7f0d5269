package proto_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// words is text that compresses well.
func words(n int) string {
	return strings.Repeat(`{"topic":"orders.42","price":1234,"side":"buy"}`, n/47+1)[:n]
}

// inflated returns what the standard library makes of a message's payload.
func inflated(t *testing.T, p []byte) string {
	t.Helper()
	tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	b, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(p), strings.NewReader(tail))))
	assert.NoError(t, err)
	return string(b)
}

// appended makes the calls, which must work, and returns what they appended.
func appended(t *testing.T, m *proto.Machine, calls ...appending) (out []byte) {
	t.Helper()
	for _, a := range calls {
		var err error
		out, err = a.call(m, out)
		assert.NoError(t, err)
	}
	return out
}

// hears has the peer of role take wire, and compares what it saw.
func hears(t *testing.T, role proto.Role, p deflate.Params, wire []byte, want ...conformance.Event) {
	t.Helper()
	d := driveDeflate(1-role, 0, &p)
	d.feed(wire, whole().next)
	assert.NoError(t, d.broken)
	assert.Equal(t, len(d.saw), len(want))
	for i := range want {
		assert.True(t, d.saw[i] == want[i], fmt.Sprintf("message %d is %v, want %v", i, d.saw[i], want[i]))
	}
}

func bin(p string) conformance.Event {
	return conformance.Event{Kind: conformance.Binary, Payload: p}
}

// TestCompressedMessages sends messages around the sizes where the header changes,
// and has the standard library read them.
func TestCompressedMessages(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, params := range []deflate.Params{takeover, noTakeover} {
			for _, n := range []int{100, 125, 126, 127, 500, 5000, 65535, 65536, 65537, 1 << 20} {
				p := words(n) + noise(n/4)
				d := driveDeflate(role, 0, &params)
				before := []byte("before")
				out, err := d.m.AppendMessage(before, frame.OpBinary, []byte(p))
				assert.NoError(t, err)
				assert.Equal(t, string(out[:6]), "before")
				frames := sent(t, role, out[6:])
				assert.Equal(t, len(frames), 1)
				h := frames[0]
				assert.True(t, h.Fin && h.Opcode == frame.OpBinary && h.RSV == frame.RSV1, fmt.Sprintf("header %+v", h.Header))
				assert.True(t, len(h.payload) < len(p), "it did not get smaller")
				assert.True(t, inflated(t, h.payload) == p, "the message differs")
				hears(t, role, params, out[6:], bin(p))
				assert.Equal(t, d.pools.encoders.lent(), 0)
			}
		}
	})
}

// TestWhatIsNotCompressed stays below the threshold, or does not get smaller, or is a
// control frame.
func TestWhatIsNotCompressed(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		pools := newWorkingMemory()
		z := pools.deflate(role, takeover)
		z.Threshold = 100
		m := proto.New(proto.Config{Role: role, MaskKeys: keys(), Deflate: z})
		for _, c := range []struct {
			call appending
			rsv  byte
		}{
			{message(frame.OpText, words(99)), 0},
			{message(frame.OpText, words(100)), frame.RSV1},
			{message(frame.OpBinary, noise(1000)), 0},
			{message(frame.OpText, ""), 0},
			{fragment(frame.OpText, words(99), true), 0},
			{fragment(frame.OpText, words(100), true), frame.RSV1},
			{fragment(frame.OpBinary, noise(1000), true), 0},
			{ping(words(125)), 0},
			{pong(words(125)), 0},
			{bye(1000, words(123)), 0},
		} {
			frames := sent(t, role, appended(t, m, c.call))
			assert.Equal(t, len(frames), 1)
			assert.True(t, frames[0].RSV == c.rsv, fmt.Sprintf("%s: RSV is %d", c.call.name, frames[0].RSV))
		}
		assert.Equal(t, pools.encoders.lent(), 0)
		assert.Equal(t, m.DeflateBits(99), uint8(0))
		assert.Equal(t, m.DeflateBits(100), uint8(15))
	})
}

// TestWindowOfWhatWasSent has later messages refer to those before, and to nothing
// that the peer's window does not have: what went out uncompressed, and what failed.
func TestWindowOfWhatWasSent(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		p, n := words(400), noise(300)
		m := driveDeflate(role, 0, &takeover).m
		one := appended(t, m, message(frame.OpText, p))
		raw := appended(t, m, message(frame.OpBinary, n))
		_, err := m.AppendMessage(nil, frame.OpText, []byte(n))
		assert.Equal(t, err, proto.ErrNotUTF8)
		two := appended(t, m, message(frame.OpText, p))
		three := appended(t, m, message(frame.OpBinary, n))
		assert.True(t, len(two) < len(one), "the second message does not refer to the first")
		assert.True(t, len(three) >= 300, "a message refers to one that was not compressed")
		hears(t, role, takeover, bytes.Join([][]byte{one, raw, two, three}, nil), text(p), bin(n), text(p), bin(n))

		m = driveDeflate(role, 0, &noTakeover).m
		one, two = appended(t, m, message(frame.OpText, p)), appended(t, m, message(frame.OpText, p))
		assert.Equal(t, len(one), len(two))
		hears(t, role, noTakeover, append(one, two...), text(p), text(p))
	})
}

// TestCompressedFragments sends messages in fragments with control frames and other
// decisions in between.
func TestCompressedFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, params := range []deflate.Params{takeover, noTakeover} {
			d := driveDeflate(role, 0, &params)
			p := words(3000)
			wire := appended(t, d.m,
				fragment(frame.OpText, p, false), ping("p"), fragment(frame.OpText, "", false),
				fragment(frame.OpText, noise(10)[:0]+"€"[:2], false), fragment(frame.OpText, "€"[2:]+p, false), pong("q"))
			held := 0
			if params == noTakeover {
				held = 1
			}
			assert.Equal(t, d.pools.encoders.lent(), held)
			wire = append(wire, appended(t, d.m, fragment(frame.OpText, "", true),
				fragment(frame.OpBinary, noise(500), false), fragment(frame.OpBinary, p, true), // begins badly
				message(frame.OpText, p))...)
			assert.Equal(t, d.pools.encoders.lent(), 0)
			var rsv []byte
			for _, f := range sent(t, role, wire) {
				rsv = append(rsv, '0'+f.RSV)
			}
			assert.Equal(t, string(rsv), "4000000004")
			hears(t, role, params, wire,
				conformance.Event{Kind: conformance.Ping, Payload: "p"}, conformance.Event{Kind: conformance.Pong, Payload: "q"},
				text(p+"€"+p), bin(noise(500)+p), text(p))
		}
	})
}

// TestFragmentsCanBeReadAsTheyCome inflates each fragment to its end before the next.
func TestFragmentsCanBeReadAsTheyCome(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		from, to := driveDeflate(role, 0, &takeover), driveDeflate(1-role, 0, &takeover)
		all := ""
		for i := range 10 {
			p := words(100 * (i + 1))
			all += p
			to.feed(appended(t, from.m, fragment(frame.OpText, p, i == 9)), whole().next)
			if i < 9 {
				assert.True(t, string(to.message) == all, "the fragment has not come whole")
			}
		}
		assert.Equal(t, len(to.saw), 1)
		assert.True(t, to.saw[0] == text(all), "the message differs")
	})
}

// TestAppendSmaller begins a message only if that makes it smaller.
func TestAppendSmaller(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		d := driveDeflate(role, 0, &takeover)
		small := func(dst []byte, op frame.Opcode, p string, fin, want bool) []byte {
			t.Helper()
			out, ok, err := d.m.AppendSmaller(dst, op, []byte(p), fin)
			assert.NoError(t, err)
			assert.Equal(t, ok, want)
			assert.Equal(t, string(out[:len(dst)]), string(dst))
			assert.Equal(t, len(out) > len(dst), want)
			return out
		}
		wire := small([]byte{}, frame.OpBinary, noise(1000), false, false)
		wire = append(wire, appended(t, d.m, message(frame.OpBinary, "nothing has begun"))...)
		wire = small(wire, frame.OpText, words(1000)+"€"[:1], false, true)
		_, ok, err := d.m.AppendSmaller(wire, frame.OpText, []byte("x"), true)
		assert.True(t, !ok && err == proto.ErrFragmented, "a second message has begun")
		wire = append(wire, appended(t, d.m, fragment(frame.OpText, "€"[1:], true))...)
		for _, fin := range []bool{false, true} {
			_, ok, err := d.m.AppendSmaller(wire, frame.OpText, []byte(words(1000)+"\xff"), fin)
			assert.True(t, !ok && err == proto.ErrNotUTF8, "what is not UTF-8 is text")
		}
		_, ok, err = d.m.AppendSmaller(wire, frame.OpText, []byte(words(1000)+"€"[:1]), true)
		assert.True(t, !ok && err == proto.ErrNotUTF8, "half a code point is text")
		wire = small(wire, frame.OpText, words(1000), true, true)
		hears(t, role, takeover, wire, bin("nothing has begun"), text(words(1000)+"€"), text(words(1000)))

		_, ok, err = machine(role).AppendSmaller(nil, frame.OpText, []byte(words(1000)), false)
		assert.True(t, !ok && err == nil, "compressed without negotiation")
	})
}

// TestSharedFrames sends frames that another machine encoded, compressed and not,
// and has the messages behind them refer to those that were compressed.
func TestSharedFrames(t *testing.T) {
	p := words(1000)
	for _, params := range []deflate.Params{takeover, noTakeover} {
		squeezed := appended(t, driveDeflate(proto.Server, 0, &noTakeover).m, message(frame.OpText, p))
		plain := appended(t, machine(proto.Server), message(frame.OpBinary, noise(500)))
		m := driveDeflate(proto.Server, 0, &params).m
		share := func(wire []byte, p string) appending {
			return appending{"share", func(m *proto.Machine, dst []byte) ([]byte, error) { return m.AppendEncoded(dst, wire, []byte(p)) }}
		}
		wire := appended(t, m, share(squeezed, p), share(plain, noise(500)))
		assert.Equal(t, string(wire), string(squeezed)+string(plain))
		own := appended(t, m, message(frame.OpText, p))
		assert.Equal(t, len(own) < len(squeezed), params == takeover)
		also := appended(t, m, message(frame.OpBinary, noise(500)))
		assert.Equal(t, len(also), len(plain))
		hears(t, proto.Server, params, bytes.Join([][]byte{wire, own, also}, nil), text(p), bin(noise(500)), text(p), bin(noise(500)))
	}
}

// TestRetractable knows which frames the ones behind them may need.
func TestRetractable(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, params := range []*deflate.Params{nil, &takeover, &noTakeover} {
			m := driveDeflate(role, 0, params).m
			for _, a := range []appending{message(frame.OpText, words(300)), message(frame.OpBinary, noise(300)), ping("p")} {
				out := appended(t, m, a)
				needed := params == &takeover && sent(t, role, out)[0].RSV != 0
				assert.Equal(t, m.Retractable(out), !needed)
			}
		}
	})
}

// TestEncoderIsGivenBackAtTheEnd ends connections inside a fragmented message, which
// without context takeover holds an encoder.
func TestEncoderIsGivenBackAtTheEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for state, enter := range ways {
			d := driveDeflate(role, 0, &noTakeover)
			appended(t, d.m, fragment(frame.OpText, words(300), false))
			assert.Equal(t, d.pools.encoders.lent(), 1)
			enter(t, d)
			assert.Equal(t, d.pools.encoders.lent() == 1, state == proto.Open)
			_, err := d.m.AppendFragment(nil, frame.OpText, []byte("x"), true)
			assert.Equal(t, err == nil, state == proto.Open)
		}
	})
}

// TestParamsAreForTheRightDirection exchanges messages with every mixture of takeover
// and with windows that differ.
func TestParamsAreForTheRightDirection(t *testing.T) {
	for mix := range 16 {
		p := deflate.Params{
			ServerNoContextTakeover: mix&1 != 0, ClientNoContextTakeover: mix&2 != 0,
			ServerMaxWindowBits: 15, ClientMaxWindowBits: 15,
		}
		if mix&4 != 0 {
			p.ServerMaxWindowBits = 9
		}
		if mix&8 != 0 {
			p.ClientMaxWindowBits = 8
		}
		eachRole(t, func(t *testing.T, role proto.Role) {
			from, to := driveDeflate(role, 0, &p), driveDeflate(1-role, 0, &p)
			got, ok := from.m.Deflate()
			assert.True(t, ok && got == p, "the parameters are not told")
			// Random letters can only be found again far back.
			letters := fmt.Sprintf("%x", noise(2000))
			var sizes []int
			for range 2 {
				wire := appended(t, from.m, message(frame.OpText, letters))
				sizes = append(sizes, len(wire))
				to.feed(wire, fixed(100).next)
			}
			assert.NoError(t, to.broken)
			assert.Equal(t, len(to.saw), 2)
			assert.True(t, to.saw[0] == text(letters) && to.saw[1] == text(letters), "the messages differ")
			bits, alone := p.ServerMaxWindowBits, p.ServerNoContextTakeover
			if role == proto.Client {
				bits, alone = p.ClientMaxWindowBits, p.ClientNoContextTakeover
			}
			assert.Equal(t, sizes[1] < sizes[0]/2, bits == 15 && !alone)
		})
	}
}

func TestWithoutCompressionThereIsNone(t *testing.T) {
	m := machine(proto.Server)
	_, ok := m.Deflate()
	assert.True(t, !ok && m.DeflateBits(1<<20) == 0, "there is compression")
}

// TestCompressionAllocatesNothing sends and receives in the steady state.
func TestCompressionAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, params := range []deflate.Params{takeover, noTakeover} {
			from, to := driveDeflate(role, 0, &params).m, driveDeflate(1-role, 0, &params).m
			p, out, size := []byte(words(2000)), make([]byte, 0, 8192), 0
			round := func() {
				out, _ = from.AppendMessage(out[:0], frame.OpText, p)
				out, _ = from.AppendFragment(out, frame.OpBinary, p, false)
				out, _ = from.AppendFragment(out, frame.OpBinary, p, true)
				size = 0
				to.Receive(out)
				for ev := to.Next(); ev.Kind != proto.None; ev = to.Next() {
					size += len(ev.Payload)
				}
			}
			for range 20 {
				round() // memory for what is kept grows with what was sent
			}
			assert.Equal(t, testing.AllocsPerRun(100, round), 0)
			assert.Equal(t, size, 6000)
		}
	})
}

package proto_test

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// toggle is a masking key that turns lower case letters into other ASCII, so
// that text stays UTF-8 whenever it is unmasked, again and again.
const toggle = 0x01010101

// frameFor is a frame for a machine with this role, its payload masked with key
// if need be.
func frameFor(role proto.Role, op frame.Opcode, fin bool, p string, key uint32) []byte {
	h := frame.Header{Fin: fin, Opcode: op, Length: int64(len(p))}
	if role == proto.Server {
		h.Masked, h.Key = true, key
	}
	b := frame.AppendHeader(nil, h)
	start := len(b)
	b = append(b, p...)
	frame.Mask(b[start:], h.Key)
	return b
}

// drain takes all events and returns them, their payloads as they are lent.
func drain(m *proto.Machine) []proto.Event { return slices.Collect(events(m, m.Buffered())) }

// TestProgress follows Need, Buffered and AtBoundary through a conversation,
// byte by byte in the headers.
func TestProgress(t *testing.T) {
	m := machine(proto.Client)
	steps := []struct {
		receive  string
		events   int
		need     int64
		boundary bool
	}{
		{"", 0, 0, true},
		{"\x01", 0, 0, false},
		{"\x05", 0, 5, false},
		{"", 0, 5, false},
		{"He", 1, 3, false},
		{"llo", 1, 0, true}, // between two fragments
		{"\x89", 0, 0, false},
		{"\x03a", 0, 0, false}, // the rest of a ping is no part of the message
		{"bc", 1, 0, true},
		{"\x80\x7e", 0, 0, false},
		{"\x01\x00", 0, 256, false},
		{strings.Repeat("x", 255), 1, 1, false},
		{"x\x82\x00\x82", 2, 0, false},
		{"\x00", 1, 0, true},
		{"\x82\x04abcd\x82\x04ab", 2, 2, false},
	}
	for i, s := range steps {
		m.Receive([]byte(s.receive))
		assert.Equal(t, m.Buffered(), len(s.receive))
		assert.Equal(t, len(drain(m)), s.events)
		assert.Equal(t, m.Buffered(), 0)
		assert.Equal(t, m.Need(), s.need)
		assert.True(t, m.AtBoundary() == s.boundary, fmt.Sprintf("step %d: AtBoundary is %t", i, m.AtBoundary()))
	}
}

func TestBufferedBetweenEvents(t *testing.T) {
	m := machine(proto.Client)
	m.Receive([]byte("\x82\x01a\x89\x00\x82\x02bc"))
	for _, left := range []int{6, 4, 0} {
		assert.True(t, m.Next().Kind != proto.None, "no event")
		assert.Equal(t, m.Buffered(), left)
		assert.Equal(t, m.AtBoundary(), left == 0)
	}
}

// TestNeedIsNeverNegative asks while more is lent than the frame lacks.
func TestNeedIsNeverNegative(t *testing.T) {
	m := machine(proto.Client)
	m.Receive([]byte("\x82\x03a"))
	drain(m)
	assert.Equal(t, m.Need(), int64(2))
	m.Receive([]byte("bc\x82\x01d"))
	assert.Equal(t, m.Need(), int64(0))
	assert.Equal(t, len(drain(m)), 2)
}

// TestNothingMoreIsNeededAfterTheEnd asks when the receiving half is done inside
// a frame.
func TestNothingMoreIsNeededAfterTheEnd(t *testing.T) {
	failed := machine(proto.Client)
	failed.Receive([]byte("\x81\x7e\x10\x00\xff"))
	assert.Equal(t, failed.Next().Kind, proto.Failure)
	ended := machine(proto.Client)
	ended.Receive([]byte("\x82\x09a"))
	drain(ended)
	ended.EOF(nil)
	for _, m := range []*proto.Machine{failed, ended} {
		assert.Equal(t, m.Need(), int64(0))
		m.Receive([]byte("more"))
		assert.Equal(t, m.Next(), proto.Event{})
		assert.Equal(t, m.Buffered(), 0)
		assert.Equal(t, m.Need(), int64(0))
	}
}

// TestPayloadIsLent shows that payloads point into the driver's buffer, and no
// further.
func TestPayloadIsLent(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, op := range []frame.Opcode{frame.OpText, frame.OpBinary, frame.OpPing, frame.OpPong} {
			buf := frameFor(role, op, true, "hello", 0x04030201)
			behind := len(buf)
			buf = append(buf, frameFor(role, frame.OpBinary, true, "behind", 0x04030201)...)
			want := string(buf[behind:])
			m := machine(role)
			m.Receive(buf)
			ev := m.Next()
			assert.Equal(t, string(ev.Payload), "hello")
			assert.True(t, &ev.Payload[0] == &buf[behind-5], "the payload was copied")
			ev.Payload = append(ev.Payload, "over the end"...)
			assert.Equal(t, string(buf[behind:]), want)
			assert.Equal(t, string(m.Next().Payload), "behind")
		}
		buf := frameFor(role, frame.OpClose, true, "\x03\xe8why", 0x04030201)
		m := machine(role)
		m.Receive(buf)
		ev := m.Next()
		assert.True(t, &ev.Payload[0] == &buf[len(buf)-3], "the reason was copied")
	})
}

// TestPiecesAreLent shows the same of a message that comes in pieces.
func TestPiecesAreLent(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		wire := frameFor(role, frame.OpText, true, "hello, world", 0x04030201)
		var got []byte
		for i := range wire {
			piece := wire[i : i+1 : i+1]
			m.Receive(piece)
			for _, ev := range drain(m) {
				assert.True(t, &ev.Payload[0] == &piece[0], "the piece was copied")
				assert.Equal(t, ev.First, len(got) == 0)
				got = append(got, ev.Payload...)
				assert.Equal(t, ev.Last, len(got) == 12)
			}
		}
		assert.Equal(t, string(got), "hello, world")
	})
}

// TestControlFrameInPieces reuses the buffer between the pieces: the machine
// must have copied what it keeps, and keeps nothing afterwards.
func TestControlFrameInPieces(t *testing.T) {
	payload := "\x03\xe8" + strings.Repeat("p", 123)
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, op := range []frame.Opcode{frame.OpPing, frame.OpPong, frame.OpClose} {
			for size := 1; size < 130; size += 13 {
				wire := frameFor(role, op, true, payload, 0x89ABCDEF)
				m, buf := machine(role), make([]byte, size)
				var all []proto.Event
				for len(wire) > 0 {
					n := copy(buf, wire)
					wire = wire[n:]
					m.Receive(buf[:n])
					all = append(all, drain(m)...)
				}
				assert.Equal(t, len(all), 1)
				want := strings.TrimPrefix(payload, map[bool]string{true: "\x03\xe8"}[op == frame.OpClose])
				assert.Equal(t, string(all[0].Payload), want)
				assert.True(t, m.AtBoundary() && m.Held() == frame.MaxHeaderLen, "the machine keeps something")
			}
		}
	})
}

// TestAnswerMayStandInTheSameBatch replies to a ping while frames behind it are
// still lent.
func TestAnswerMayStandInTheSameBatch(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		wire := append(frameFor(role, frame.OpPing, true, "p", 7), frameFor(role, frame.OpText, true, "t", 8)...)
		m := machine(role)
		m.Receive(wire)
		out, action := m.Reply(nil, m.Next())
		assert.Equal(t, action, proto.Keep)
		assert.Equal(t, string(sent(t, role, out)[0].payload), "p")
		assert.Equal(t, string(m.Next().Payload), "t")
	})
}

// TestDeclaredLengthAllocatesNothing promises 2^62 bytes and sends none, then a
// few: only what has come may cost memory.
func TestDeclaredLengthAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		h := frame.Header{Fin: true, Opcode: frame.OpBinary, Length: 1 << 62, Masked: role == proto.Server}
		wire, payload := frame.AppendHeader(nil, h), make([]byte, 100)
		m, c := new(proto.Machine), proto.Config{Role: role, MaskKeys: keys()}
		assert.Equal(t, testing.AllocsPerRun(100, func() {
			m.Init(c)
			m.Receive(wire)
			if m.Next().Kind != proto.None || m.Need() != 1<<62 {
				t.Error("the header was not taken")
			}
			m.Receive(payload)
			if ev := m.Next(); len(ev.Payload) != 100 || ev.Last {
				t.Error("the payload was not lent")
			}
			m.Next()
		}), 0)
		assert.Equal(t, m.Need(), int64(1<<62-100))
	})
}

// TestReadingAllocatesNothing reads messages whole, in pieces and in fragments,
// and pings, as they come in the steady state.
func TestReadingAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		letters := strings.Repeat("abcdefgh", 100)
		var wire []byte
		for _, op := range []frame.Opcode{frame.OpText, frame.OpBinary} {
			wire = append(wire, frameFor(role, op, true, letters[:16], toggle)...)
			wire = append(wire, frameFor(role, op, false, letters[:200], toggle)...)
			wire = append(wire, frameFor(role, frame.OpPing, true, "ping", toggle)...)
			wire = append(wire, frameFor(role, frame.OpContinuation, true, letters, toggle)...)
		}
		m, out, size := machine(role), make([]byte, 0, 256), 0
		assert.Equal(t, testing.AllocsPerRun(100, func() {
			out, size = out[:0], 0
			for _, half := range [][]byte{wire[:300], wire[300:]} {
				m.Receive(half)
				for ev := m.Next(); ev.Kind != proto.None; ev = m.Next() {
					size += len(ev.Payload)
					out, _ = m.Reply(out, ev)
				}
			}
		}), 0)
		assert.Equal(t, size, 2*(16+200+4+800))
		assert.Equal(t, m.State(), proto.Open)
	})
}

func TestWritingAllocatesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m, out, p := machine(role), make([]byte, 0, 8192), []byte(strings.Repeat("abcdefgh", 100))
		assert.Equal(t, testing.AllocsPerRun(100, func() {
			out = out[:0]
			out, _ = m.AppendMessage(out, frame.OpText, p)
			out, _ = m.AppendMessage(out, frame.OpBinary, p)
			out, _, _ = m.AppendHeader(out, frame.OpBinary, len(p))
			out, _ = m.AppendFragment(out, frame.OpText, p, false)
			out, _ = m.AppendPing(out, p[:100])
			out, _ = m.AppendFragment(out, frame.OpText, p, true)
			out, _ = m.AppendPong(out, p[:100])
			out, _ = m.AppendEncoded(out, p, nil)
		}), 0)
		assert.True(t, len(out) > 5*len(p), "nothing was written")
	})
}

// TestErrorsComeAtTheHeader shows that no payload is waited for if the header
// breaks a rule already.
func TestErrorsComeAtTheHeader(t *testing.T) {
	for _, wire := range []string{
		"\x83\x05", "\xc1\x05", "\x81\x85aaaa", "\x89\x7e\x00\x7e", "\x80\x05", "\x09\x05",
		"\x82\x7f\x80", "\x82\x7e\x00\x05",
	} {
		m := machine(proto.Client)
		m.Receive([]byte(wire))
		ev := m.Next()
		assert.Equal(t, ev.Kind, proto.Failure)
		assert.Equal(t, ev.Code, frame.StatusProtocolError)
	}
}

func TestNoLimit(t *testing.T) {
	for _, limit := range []int64{0, -1, math.MinInt64} {
		d := drive(proto.Client, limit)
		d.feed(frameFor(proto.Client, frame.OpBinary, true, strings.Repeat("x", 100000), 0), fixed(4096).next)
		assert.Equal(t, len(d.saw), 1)
	}
}

func TestEOFDropsWhatIsLent(t *testing.T) {
	m := machine(proto.Client)
	m.Receive([]byte("\x82\x00\x82\x00"))
	assert.Equal(t, m.Next().Kind, proto.Data)
	assert.Equal(t, m.EOF(io.EOF), proto.Event{Kind: proto.End, Err: io.EOF})
	assert.Equal(t, m.Next(), proto.Event{})
	assert.Equal(t, m.Buffered(), 0)
}

package proto_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// sent parses what m wants written; it must be right for the role.
func sent(t *testing.T, role proto.Role, b []byte) []sentFrame {
	t.Helper()
	frames, err := parseFrames(b, role)
	assert.NoError(t, err)
	return frames
}

// eachRole runs f for both roles.
func eachRole(t *testing.T, f func(t *testing.T, role proto.Role)) {
	for _, role := range bothRoles {
		t.Run(role.String(), func(t *testing.T) { f(t, role) })
	}
}

func TestAppendMessage(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
			for _, op := range []frame.Opcode{frame.OpText, frame.OpBinary} {
				p := []byte(strings.Repeat("x", n))
				out, err := m.AppendMessage(nil, op, p)
				assert.NoError(t, err)
				frames := sent(t, role, out)
				assert.Equal(t, len(frames), 1)
				assert.True(t, frames[0].Fin && frames[0].Opcode == op, "wrong header")
				assert.Equal(t, string(frames[0].payload), string(p))
				assert.Equal(t, string(p), strings.Repeat("x", n)) // p is not masked in place
			}
		}
	})
}

// An appending is one call of an Append method.
type appending struct {
	name string
	call func(m *proto.Machine, dst []byte) ([]byte, error)
}

func message(op frame.Opcode, p string) appending {
	return appending{fmt.Sprintf("message %v %q", op, p), func(m *proto.Machine, dst []byte) ([]byte, error) {
		return m.AppendMessage(dst, op, []byte(p))
	}}
}

func fragment(op frame.Opcode, p string, fin bool) appending {
	return appending{fmt.Sprintf("fragment %v %q %t", op, p, fin), func(m *proto.Machine, dst []byte) ([]byte, error) {
		return m.AppendFragment(dst, op, []byte(p), fin)
	}}
}

func header(op frame.Opcode, n int) appending {
	return appending{fmt.Sprintf("header %v %d", op, n), func(m *proto.Machine, dst []byte) ([]byte, error) {
		dst, _, err := m.AppendHeader(dst, op, n)
		return dst, err
	}}
}

func encoded(p string) appending {
	return appending{"encoded", func(m *proto.Machine, dst []byte) ([]byte, error) {
		return m.AppendEncoded(dst, []byte(p), nil)
	}}
}

func ping(p string) appending {
	return appending{"ping", func(m *proto.Machine, dst []byte) ([]byte, error) { return m.AppendPing(dst, []byte(p)) }}
}

func pong(p string) appending {
	return appending{"pong", func(m *proto.Machine, dst []byte) ([]byte, error) { return m.AppendPong(dst, []byte(p)) }}
}

func bye(code frame.StatusCode, reason string) appending {
	return appending{"close", func(m *proto.Machine, dst []byte) ([]byte, error) { return m.AppendClose(dst, code, reason) }}
}

// everything is one of each call, all legal on an open connection.
func everything() []appending {
	return []appending{
		message(frame.OpText, "t"), message(frame.OpBinary, "b"), fragment(frame.OpText, "f", true),
		header(frame.OpBinary, 1), encoded("\x81\x01x"), ping("p"), pong("q"), bye(1000, ""),
	}
}

// TestSendErrors makes calls before, which must work, and one which must not. It
// must append nothing and leave the state alone.
func TestSendErrors(t *testing.T) {
	text, binary := frame.OpText, frame.OpBinary
	long := strings.Repeat("x", frame.MaxControlPayload+1)
	tests := []struct {
		name   string
		before []appending
		call   appending
		want   error
	}{
		{"continuation as a message", nil, message(frame.OpContinuation, "x"), proto.ErrMessageType},
		{"ping as a message", nil, message(frame.OpPing, "x"), proto.ErrMessageType},
		{"close as a fragment", nil, fragment(frame.OpClose, "x", true), proto.ErrMessageType},
		{"continuation as a fragment", nil, fragment(frame.OpContinuation, "x", true), proto.ErrMessageType},
		{"reserved opcode as a header", nil, header(3, 1), proto.ErrMessageType},
		{"text that is not UTF-8", nil, message(text, "a\xff"), proto.ErrNotUTF8},
		{"text that ends in a code point", nil, message(text, "a\xe2\x82"), proto.ErrNotUTF8},
		{"first fragment that is not UTF-8", nil, fragment(text, "\xff", false), proto.ErrNotUTF8},
		{"only fragment that ends in a code point", nil, fragment(text, "\xe2", true), proto.ErrNotUTF8},
		{"later fragment that is not UTF-8", []appending{fragment(text, "\xe2", false)}, fragment(text, "a", false), proto.ErrNotUTF8},
		{"last fragment ends in a code point", []appending{fragment(text, "\xe2", false)}, fragment(text, "\x82", true), proto.ErrNotUTF8},
		{"message inside a message", []appending{fragment(text, "a", false)}, message(text, "b"), proto.ErrFragmented},
		{"header inside a message", []appending{fragment(text, "a", false)}, header(text, 1), proto.ErrFragmented},
		{"encoded inside a message", []appending{fragment(binary, "a", false)}, encoded("\x82\x00"), proto.ErrFragmented},
		{"fragment of binary inside text", []appending{fragment(text, "a", false)}, fragment(binary, "b", true), proto.ErrFragmented},
		{"fragment of text inside binary", []appending{fragment(binary, "a", false)}, fragment(text, "b", false), proto.ErrFragmented},
		{"ping of 126 bytes", nil, ping(long), proto.ErrControlTooLong},
		{"pong of 126 bytes", nil, pong(long), proto.ErrControlTooLong},
	}
	eachRole(t, func(t *testing.T, role proto.Role) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				m := machine(role)
				for _, a := range test.before {
					_, err := a.call(m, nil)
					assert.NoError(t, err)
				}
				state := m.State()
				out, err := test.call.call(m, []byte("before"))
				assert.Equal(t, err, test.want)
				assert.Equal(t, string(out), "before")
				assert.Equal(t, m.State(), state)
				assert.True(t, strings.HasPrefix(err.Error(), "websocket: "), "no prefix")
			})
		}
	})
}

// TestNothingIsSentAfterTheEnd makes every call in every state but Open.
func TestNothingIsSentAfterTheEnd(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		for state, enter := range ways {
			if state == proto.Open {
				continue
			}
			for _, a := range everything() {
				t.Run(state.String()+"/"+a.name, func(t *testing.T) {
					d := drive(role, 0)
					enter(t, d)
					assert.Equal(t, d.m.State(), state)
					out, err := a.call(d.m, []byte("before"))
					assert.Equal(t, err, proto.ErrClosing)
					assert.Equal(t, string(out), "before")
					assert.Equal(t, d.m.State(), state)
				})
			}
		}
	})
}

// TestFailedFragmentChangesNothing goes on rightly after each error.
func TestFailedFragmentChangesNothing(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		var out []byte
		good := func(a appending) {
			t.Helper()
			var err error
			out, err = a.call(m, out)
			assert.NoError(t, err)
		}
		bad := func(a appending) {
			t.Helper()
			_, err := a.call(m, nil)
			assert.True(t, err != nil, a.name+" works")
		}
		bad(fragment(frame.OpText, "\xff", false))
		good(fragment(frame.OpText, "\xe2", false))
		bad(fragment(frame.OpText, "no", false))
		bad(fragment(frame.OpText, "", true))
		good(fragment(frame.OpText, "\x82", false))
		bad(message(frame.OpBinary, "no"))
		bad(fragment(frame.OpText, "\xac\xff", false))
		good(fragment(frame.OpText, "\xac", true))
		good(message(frame.OpText, "next"))

		d := drive(1-role, 0)
		d.feed(out, whole().next)
		assert.Equal(t, fmt.Sprint(d.saw), `[text "€" text "next"]`)
		assert.NoError(t, d.broken)
	})
}

func TestControlFramesBetweenFragments(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		var out []byte
		for _, a := range []appending{
			ping("1"), fragment(frame.OpBinary, "a", false), ping("2"), pong("3"),
			fragment(frame.OpBinary, "", false), ping(""), fragment(frame.OpBinary, "b", true),
			fragment(frame.OpText, "c", true),
		} {
			var err error
			out, err = a.call(m, out)
			assert.NoError(t, err)
		}
		var got []string
		for _, f := range sent(t, role, out) {
			got = append(got, fmt.Sprintf("%v %s %t", f.Opcode, f.payload, f.Fin))
		}
		assert.Equal(t, got, []string{
			"ping 1 true", "binary a false", "ping 2 true", "pong 3 true",
			"continuation  false", "ping  true", "continuation b true", "text c true",
		})
	})
}

// A counter yields the keys 1, 2, 3 and so on, below upper bits to be ignored.
type counter struct{ n uint64 }

func (c *counter) Uint64() uint64 { c.n++; return 0xFFFFFFFF_00000000 | c.n }

func TestMaskingKeysAreUsedInOrder(t *testing.T) {
	m := proto.New(proto.Config{Role: proto.Client, MaskKeys: &counter{}})
	var out []byte
	for _, a := range everything() {
		if a.name == "encoded" || strings.HasPrefix(a.name, "header") {
			continue // these leave the masking to their callers
		}
		var err error
		out, err = a.call(m, out)
		assert.NoError(t, err)
	}
	for i, f := range sent(t, proto.Client, out) {
		assert.Equal(t, f.Key, uint32(i+1))
	}
}

// TestKeysDoNotRepeat shows that each frame, answers included, takes a new key.
func TestKeysDoNotRepeat(t *testing.T) {
	m := machine(proto.Client)
	var out []byte
	for range 500 {
		out, _ = m.AppendMessage(out, frame.OpBinary, []byte("same"))
		out, _ = m.Reply(out, proto.Event{Kind: proto.Ping, Payload: []byte("same")})
	}
	out, _ = m.Reply(out, proto.Event{Kind: proto.Close, Code: 1000})
	seen := map[uint32]bool{}
	for _, f := range sent(t, proto.Client, out) {
		assert.True(t, !seen[f.Key], "a key was used twice")
		seen[f.Key] = true
	}
	assert.Equal(t, len(seen), 1001)
}

func TestServerTakesNoKeys(t *testing.T) {
	m := proto.New(proto.Config{Role: proto.Server})
	for _, a := range everything() {
		_, err := a.call(m, nil)
		assert.NoError(t, err)
	}
}

func TestAppendHeader(t *testing.T) {
	eachRole(t, func(t *testing.T, role proto.Role) {
		m := machine(role)
		for _, n := range []int{0, 5, 126, 65536} {
			payload := []byte(strings.Repeat("y", n))
			out, key, err := m.AppendHeader(nil, frame.OpText, n)
			assert.NoError(t, err)
			assert.Equal(t, key != 0, role == proto.Client)
			frame.Mask(payload, key)
			frames := sent(t, role, append(out, payload...))
			assert.Equal(t, len(frames), 1)
			assert.Equal(t, string(frames[0].payload), strings.Repeat("y", n))
		}
	})
}

func TestAppendEncoded(t *testing.T) {
	first, second := machine(proto.Server), machine(proto.Server)
	shared, err := first.AppendMessage(nil, frame.OpText, []byte("for all"))
	assert.NoError(t, err)
	out, err := second.AppendEncoded([]byte{0x82, 0}, shared, nil)
	assert.NoError(t, err)
	frames := sent(t, proto.Server, out)
	assert.Equal(t, len(frames), 2)
	assert.Equal(t, string(frames[1].payload), "for all")
}

func TestSendErrorsAreDistinct(t *testing.T) {
	all := []error{proto.ErrClosing, proto.ErrFragmented, proto.ErrNotUTF8, proto.ErrControlTooLong, proto.ErrMessageType}
	for i, a := range all {
		for j, b := range all {
			assert.Equal(t, errors.Is(a, b), i == j)
		}
	}
}

package proto_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

// eachSize runs f for both roles, both kinds of message and four sizes.
func eachSize(b *testing.B, f func(b *testing.B, role proto.Role, op frame.Opcode, p string)) {
	for _, role := range bothRoles {
		for _, op := range []frame.Opcode{frame.OpText, frame.OpBinary} {
			for _, n := range []int{16, 125, 1024, 65536} {
				b.Run(fmt.Sprintf("%v/%v/%d", role, op, n), func(b *testing.B) {
					b.ReportAllocs()
					b.SetBytes(int64(n))
					f(b, role, op, strings.Repeat("abcdefgh", n/8+1)[:n])
				})
			}
		}
	}
}

// BenchmarkRead takes one message of one frame out of a buffer. The buffer is
// unmasked in place, so every other time it holds other letters.
func BenchmarkRead(b *testing.B) {
	eachSize(b, func(b *testing.B, role proto.Role, op frame.Opcode, p string) {
		m, wire := machine(role), frameFor(role, op, true, p, toggle)
		for b.Loop() {
			m.Receive(wire)
			if ev := m.Next(); !ev.Last || len(ev.Payload) != len(p) {
				b.Fatal("the message was not read")
			}
			m.Next()
		}
	})
}

// BenchmarkWrite appends one message of one frame to a buffer.
func BenchmarkWrite(b *testing.B) {
	eachSize(b, func(b *testing.B, role proto.Role, op frame.Opcode, p string) {
		m, payload := machine(role), []byte(p)
		out := make([]byte, 0, len(p)+frame.MaxHeaderLen)
		for b.Loop() {
			var err error
			if out, err = m.AppendMessage(out[:0], op, payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPing reads a ping and appends its pong.
func BenchmarkPing(b *testing.B) {
	for _, role := range bothRoles {
		b.Run(role.String(), func(b *testing.B) {
			b.ReportAllocs()
			m, wire := machine(role), frameFor(role, frame.OpPing, true, "12345678", toggle)
			out := make([]byte, 0, 64)
			for b.Loop() {
				m.Receive(wire)
				out, _ = m.Reply(out[:0], m.Next())
				m.Next()
			}
		})
	}
}

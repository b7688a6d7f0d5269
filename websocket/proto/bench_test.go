package proto_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/websocket/deflate"
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

// BenchmarkDeflate compresses and inflates a message of JSON, each another one. The
// metric is what is left of it, in bytes.
func BenchmarkDeflate(b *testing.B) {
	const most = 16 << 10
	var all []byte
	for i := 0; len(all) < 1<<20; i++ {
		all = fmt.Appendf(all, `{"topic":"orders.%d","price":%d,"side":"buy","note":"%x"}`, i%7, 1000+i*i%977, i*7919)
	}
	for name, params := range map[string]deflate.Params{"takeover": takeover, "no-takeover": noTakeover} {
		for _, n := range []int{64, 128, 256, 1024, most} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				pools, params := newWorkingMemory(), params
				z := pools.deflate(proto.Server, params)
				z.WindowBits = deflate.DefaultWindowBits
				from := proto.New(proto.Config{Deflate: z})
				to := proto.New(proto.Config{Role: proto.Client, MaskKeys: keys(), Deflate: pools.deflate(proto.Client, params)})
				out, wire := make([]byte, 0, 2*most), 0
				b.ReportAllocs()
				b.SetBytes(int64(n))
				for i := 0; b.Loop(); i++ {
					at := i * 1031 % (len(all) - most)
					out, _ = from.AppendMessage(out[:0], frame.OpBinary, all[at:at+n])
					wire += len(out)
					to.Receive(out)
					for ev := to.Next(); ev.Kind != proto.None; ev = to.Next() {
						if ev.Kind != proto.Data {
							b.Fatal(ev.Err)
						}
					}
				}
				b.ReportMetric(float64(wire)/float64(b.N), "wire-B/op")
			})
		}
	}
}

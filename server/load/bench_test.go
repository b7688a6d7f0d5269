package load

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// BenchmarkMessage is what the load itself does for a message that came back: its
// check, the record, the clock. It allocates nothing.
func BenchmarkMessage(b *testing.B) {
	s := open(b, serve(b, echoing), 1)
	for _, m := range []Message{
		{Type: websocket.Binary, Size: 64},
		{Type: websocket.Text, Size: 64},
		{Type: websocket.Binary, Size: 64 << 10},
	} {
		b.Run(fmt.Sprintf("%v of %d bytes", m.Type, m.Size), func(b *testing.B) {
			sl, err := s.newSlice(m)
			assert.NoError(b, err)
			j, c := &echo{slice: sl, depth: 1}, s.conns[0]
			c.times = make([]int64, 1)
			p := bytes.Clone(sl.form.payload)
			var st stamped
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				c.sent++
				copy(p, sl.form.put(&st, c.back.next, c.id))
				j.message(c, nil, sl.form.kind, p)
			}
		})
	}
}

// BenchmarkEcho has a server of the event driver in this process: what both ends take
// for a message, with many in flight.
func BenchmarkEcho(b *testing.B) {
	server := event.NewServer(event.Handler{OnMessage: func(c *event.Conn, t websocket.MessageType, p []byte) {
		_ = c.Send(t, p)
	}}, nil)
	s := open(b, listen(b, server), 100)
	for _, depth := range []int{1, 16} {
		b.Run(fmt.Sprintf("%d in flight", depth), func(b *testing.B) {
			b.ReportAllocs()
			r, err := s.Echo(b.Context(), &Echo{Message: Message{Type: websocket.Binary}, Depth: depth, Each: int64(b.N/100 + 1)})
			assert.NoError(b, err)
			assert.Equal(b, r.Problems, nil)
			b.ReportMetric(float64(r.OwnCPUPerMessage()), "cpu-ns/op")
		})
	}
}

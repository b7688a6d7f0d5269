package event_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

var soak = flag.Duration("soak", 2*time.Second, "how long TestSoak takes")

// soakCounts are what happened in a soak.
type soakCounts struct {
	opens, ends, messages, broadcasts, dropped, slow, refused atomic.Int64
}

// TestSoak has clients of all kinds come and go: those that talk, those that listen,
// those that do not read, those that hang up in the middle of anything. What is told of
// them is counted, every byte is compared, and in the end nothing is left.
func TestSoak(t *testing.T) {
	list := plain()
	for _, w := range list {
		t.Run(w.name, func(t *testing.T) {
			before := liveBytes()
			var n soakCounts
			srv := w.serve(t, event.Handler{
				OnOpen: func(*event.Conn) { n.opens.Add(1) },
				OnMessage: func(c *event.Conn, kind websocket.MessageType, p []byte) {
					n.messages.Add(1)
					if len(p) == 1 && p[0] == '!' {
						panic("as asked")
					}
					_ = c.Send(kind, p)
				},
				OnClose: func(_ *event.Conn, err error) {
					var e *websocket.CloseError
					if !errors.As(err, &e) || e == nil {
						t.Errorf("OnClose got %v", err)
					}
					n.ends.Add(1)
				},
			}, event.Options{
				MaxQueue: 256 << 10, Compression: &websocket.Compression{}, WriteTimeout: time.Second,
				CloseTimeout: time.Second, PingInterval: 500 * time.Millisecond,
				Panicked: func(*event.Conn, any, []byte) {},
			})
			c := srv.dial(t, nil) // the first has the loops started
			assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))
			for srv.Len() > 0 {
				time.Sleep(time.Millisecond)
			}
			descriptors := openDescriptors(t)
			ctx, cancel := context.WithTimeout(t.Context(), *soak/time.Duration(len(list)))
			defer cancel()
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					for ctx.Err() == nil {
						soakClient(ctx, t, srv, i, &n)
					}
				})
			}
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					m, err := websocket.Prepare(websocket.Text, fmt.Appendf(nil, "broadcast %d %d", i, i*i))
					if err != nil {
						t.Error(err)
						return
					}
					srv.Broadcast(m)
					n.broadcasts.Add(1)
					runtime.Gosched()
					time.Sleep(time.Millisecond)
				}
			})
			wg.Wait()
			for start := time.Now(); srv.Len() > 0 && time.Since(start) < 10*time.Second; {
				time.Sleep(10 * time.Millisecond)
			}
			assert.Equal(t, srv.Len(), 0)
			assert.Equal(t, n.opens.Load(), n.ends.Load())
			left := openDescriptors(t)
			for start := time.Now(); left > descriptors && time.Since(start) < 10*time.Second; left = openDescriptors(t) {
				time.Sleep(10 * time.Millisecond)
			}
			assert.True(t, left <= descriptors, fmt.Sprintf("%d descriptors before, %d after", descriptors, left))
			held := liveBytes() - before
			assert.True(t, held < 8<<20, fmt.Sprintf("%d bytes are held after the end", held))
			t.Logf("%d connections, %d messages, %d broadcasts, %d hung up, %d did not read, %d half requests; %d KB, %d descriptors, %d goroutines left",
				n.opens.Load(), n.messages.Load(), n.broadcasts.Load(), n.dropped.Load(), n.slow.Load(), n.refused.Load(),
				held>>10, left, runtime.NumGoroutine())
		})
	}
}

// soakClient is the life of one client.
func soakClient(ctx context.Context, t *testing.T, srv *served, i int, n *soakCounts) {
	raw, err := srv.transport(ctx)
	if err != nil {
		return
	}
	defer raw.Close()
	if rand.IntN(8) == 0 { // half a request
		n.refused.Add(1)
		_, _ = raw.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgr"[:rand.IntN(30)]))
		if rand.IntN(2) == 0 {
			reset(raw)
		}
		return
	}
	_ = raw.Close()
	o := srv.options()
	if i%2 == 0 {
		o.Compression = &websocket.Compression{NoContextTakeover: i%4 == 0}
	}
	c, _, err := websocket.Dial(ctx, srv.url(), o)
	if err != nil {
		return
	}
	defer c.CloseNow()
	switch rand.IntN(6) {
	case 0: // asks for much and reads nothing, until it is closed or loses patience
		n.slow.Add(1)
		p := pattern(16<<10, i)
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		for c.Write(short, websocket.Binary, p) == nil {
		}
	case 1: // hangs up with something on its way
		n.dropped.Add(1)
		_ = c.Post(websocket.Binary, pattern(rand.IntN(100<<10), i))
	case 2:
		_ = c.Write(ctx, websocket.Text, []byte("!"))
		_, _, _ = c.Read(ctx)
	default:
		for range rand.IntN(50) {
			p := pattern(rand.IntN(1<<rand.IntN(18)), i)
			if c.Write(ctx, websocket.Binary, p) != nil {
				return
			}
			for {
				kind, got, err := c.Read(ctx)
				if err != nil {
					return
				}
				if kind == websocket.Text { // a broadcast
					var a, b int
					if _, err := fmt.Sscanf(string(got), "broadcast %d %d", &a, &b); err != nil || a*a != b {
						t.Errorf("a damaged broadcast %q", got)
					}
					continue
				}
				if !bytes.Equal(got, p) {
					t.Errorf("%d bytes came back as %d others", len(p), len(got))
				}
				break
			}
		}
		if rand.IntN(2) == 0 {
			_ = c.Close(websocket.StatusNormalClosure, "")
		}
	}
}

// openDescriptors returns how many descriptors this process has open.
func openDescriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	assert.NoError(t, err)
	return len(list)
}

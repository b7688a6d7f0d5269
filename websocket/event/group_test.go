package event_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A hall is a server whose connections are members of a group.
type hall struct {
	event.Group
	*served
	added chan *event.Conn
	ended chan error
}

// newHall runs such a server. h may have an OnMessage.
func newHall(t testing.TB, w way, h event.Handler, o event.Options) *hall {
	t.Helper()
	g := new(hall)
	g.serve(t, w, h, o)
	return g
}

func (g *hall) serve(t testing.TB, w way, h event.Handler, o event.Options) {
	t.Helper()
	g.added, g.ended = make(chan *event.Conn, 64), make(chan error, 64)
	h.OnOpen = func(c *event.Conn) {
		g.Add(c)
		g.added <- c
	}
	h.OnClose = func(_ *event.Conn, err error) { g.ended <- err } // members that have ended leave by themselves
	g.served = w.serve(t, h, o)
}

// member dials and waits until the server has added the connection.
func (g *hall) member(t testing.TB, z *websocket.Compression) (*websocket.Conn, *event.Conn) {
	t.Helper()
	c := g.dial(t, z)
	return c, within(t, g.added, "OnOpen")
}

// prepared returns message i, of n bytes.
func prepared(t testing.TB, i, n int) *websocket.Prepared {
	t.Helper()
	m, err := websocket.Prepare(websocket.Binary, numbered(i, n))
	assert.NoError(t, err)
	return m
}

// TestGroup broadcasts from several goroutines to members that compress and members that do
// not: all get everything, whole, in one order, which keeps that of each sender.
func TestGroup(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		const senders, each = 4, 100
		g := newHall(t, w, event.Handler{}, event.Options{Compression: &websocket.Compression{}, MaxQueue: 64 << 20})
		var members []*websocket.Conn
		for i := range 6 {
			c, _ := g.member(t, []*websocket.Compression{nil, {}, {NoContextTakeover: true}}[i%3])
			members = append(members, c)
		}
		assert.Equal(t, g.Group.Len(), len(members))
		for s := range senders {
			var messages []*websocket.Prepared
			for i := range each {
				size := 100
				if i%50 == 49 {
					size = 70 << 10
				}
				messages = append(messages, prepared(t, s*each+i, size))
			}
			go func() {
				for _, m := range messages {
					g.Group.Broadcast(m)
				}
			}()
		}
		var first []int
		for i, c := range members {
			var got []int
			next := make([]int, senders)
			for range senders * each {
				_, p, err := c.Read(t.Context())
				assert.NoError(t, err)
				n := number(t, p)
				assert.Equal(t, n%each, next[n/each])
				next[n/each]++
				got = append(got, n)
			}
			if i == 0 {
				first = got
			}
			assert.True(t, slices.Equal(got, first) || w.driver != event.Epoll, "members got another order")
		}
	})
}

// TestGroupBurst broadcasts a burst from a handler: it reaches each member of the handler's
// loop in one write. Other loops, and the portable driver, may come to it while it lasts.
func TestGroupBurst(t *testing.T) {
	for _, w := range plain() {
		if w.driver != event.Epoll {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			const burst, size = 32, 64
			m := prepared(t, 1, size)
			g := new(hall)
			g.serve(t, w, event.Handler{OnMessage: func(*event.Conn, websocket.MessageType, []byte) {
				for range burst {
					g.Group.Broadcast(m)
				}
				time.Sleep(time.Millisecond) // for the members to see a first write
			}}, event.Options{Loops: 1})
			var peers []net.Conn
			for range 2 {
				peers = append(peers, g.connect(t))
				scriptOn(t, peers[len(peers)-1])
				within(t, g.added, "OnOpen")
			}
			asker, _ := g.member(t, nil)
			got := make([]byte, burst*(size+2))
			wholeInARow(t, func() bool {
				assert.NoError(t, asker.Write(t.Context(), websocket.Text, []byte("go")))
				whole := true
				for _, p := range peers {
					n, err := p.Read(got)
					assert.NoError(t, err)
					_, err = io.ReadFull(p, got[n:])
					assert.NoError(t, err)
					whole = whole && n == len(got)
				}
				return whole
			})
		})
	}
}

// TestGroupMembers adds and removes: a member gets what is broadcast between the two.
func TestGroupMembers(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		g := newHall(t, w, event.Handler{}, event.Options{})
		a, ca := g.member(t, nil)
		b, cb := g.member(t, nil)
		g.Remove(cb)
		g.Remove(cb)
		g.Group.Broadcast(prepared(t, 1, 10))
		g.Add(cb)
		g.Add(cb)
		g.Group.Broadcast(prepared(t, 2, 10))
		read := func(c *websocket.Conn) int {
			_, p, err := c.Read(t.Context())
			assert.NoError(t, err)
			return number(t, p)
		}
		assert.Equal(t, []int{read(a), read(a), read(b)}, []int{1, 2, 2})
		g.Remove(ca) // another one takes its seat
		g.Group.Broadcast(prepared(t, 3, 10))
		assert.Equal(t, read(b), 3)
		assert.NoError(t, ca.Send(websocket.Binary, numbered(4, 10)))
		assert.Equal(t, read(a), 4)
		assert.Equal(t, g.Group.Len(), 1)
	})
}

// TestGroupForgets has members leave by themselves once they have ended.
func TestGroupForgets(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		g := newHall(t, w, event.Handler{}, event.Options{})
		stays, _ := g.member(t, nil)
		leaves, _ := g.member(t, nil)
		assert.NoError(t, leaves.Close(websocket.StatusNormalClosure, ""))
		within(t, g.ended, "OnClose")
		for i := 0; g.Group.Len() > 1; i++ {
			g.Group.Broadcast(prepared(t, i, 10))
			_, p, err := stays.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, number(t, p), i)
		}
	})
}

// TestGroupPassesSlowMembers has one member that does not read: the others get everything,
// and it is closed, even if the policy is to wait.
func TestGroupPassesSlowMembers(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		const messages = 256 // 8 MiB, more than a socket holds that nobody reads from
		g := newHall(t, w, event.Handler{}, event.Options{
			MaxQueue: maxQueue, QueuePolicy: event.QueueBlock, WriteTimeout: -1, CloseTimeout: time.Minute,
		})
		slow := g.script(t)
		within(t, g.added, "OnOpen")
		fast, _ := g.member(t, nil)
		for i := range messages {
			g.Group.Broadcast(prepared(t, i, big))
			_, p, err := fast.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, number(t, p), i)
		}
		numbers, _, code := rest(t, slow)
		assert.Equal(t, code, websocket.StatusTryAgainLater)
		for i, n := range numbers {
			assert.Equal(t, n, i) // without a gap until the end
		}
		assert.True(t, len(numbers) < messages, "the slow member got everything")
	})
}

// TestGroupWaits has a loop that is kept from its work: Broadcast waits for it once as much
// is to be delivered as one connection may have waiting, and not for ever.
func TestGroupWaits(t *testing.T) {
	for _, w := range plain() {
		t.Run(w.name, func(t *testing.T) {
			const messages = 200
			g := new(hall)
			g.serve(t, w, event.Handler{OnMessage: func(*event.Conn, websocket.MessageType, []byte) {
				for i := range messages { // in the loop that is to deliver
					g.Group.Broadcast(prepared(t, i, 1<<10))
				}
			}}, event.Options{MaxQueue: 16 << 10, Loops: 1, QueuePolicy: event.QueueClose})
			c, _ := g.member(t, nil)
			assert.NoError(t, c.Write(t.Context(), websocket.Text, []byte("go")))
			for i := range messages {
				_, p, err := c.Read(t.Context())
				if errors.As(err, new(*websocket.CloseError)) && websocket.CloseStatus(err) == websocket.StatusTryAgainLater {
					return // its peer was too slow, which is fair
				}
				assert.NoError(t, err)
				assert.Equal(t, number(t, p), i)
			}
		})
	}
}

// TestGroupWhileMembersComeAndGo holds the list of members together.
func TestGroupWhileMembersComeAndGo(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		g := newHall(t, w, event.Handler{}, event.Options{})
		stays, _ := g.member(t, nil)
		stop := make(chan struct{})
		var coming sync.WaitGroup
		for range 2 {
			coming.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					c, _, err := websocket.Dial(t.Context(), g.url(), g.options())
					if err != nil {
						t.Error(err)
						return
					}
					_ = c.CloseNow()
					<-g.added
					<-g.ended
				}
			})
		}
		for i := range 300 {
			g.Group.Broadcast(prepared(t, i, 20))
			_, p, err := stays.Read(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, number(t, p), i)
		}
		close(stop)
		coming.Wait()
		fmt.Fprint(t.Output(), g.Group.Len(), " members at the end\n")
	})
}

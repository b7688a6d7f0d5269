package raw_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A witness holds what one reader receives against what is promised: numbers that go up by
// one. Only with again may one come that came before, after a reconnect.
type witness struct {
	next  int // 0: any
	again bool
}

func (w *witness) see(p []byte) error {
	n, err := strconv.Atoi(string(p))
	switch {
	case err != nil:
		return err
	case w.next == 0 || n == w.next:
	case w.again && n < w.next:
	default:
		return fmt.Errorf("%d came where %d was to come", n, w.next)
	}
	w.next, w.again = n+1, false
	return nil
}

// TestManyMembers has a topic with so many members that messages are gathered. Several
// publish at once; some members read slowly, so that they are held all the time; some come
// and go; some leave out what they send themselves. Each receives a run of numbers without
// a gap, in order, to the last.
func TestManyMembers(t *testing.T) {
	const members, last = 100, 1000
	s := serveTCP(t, raw.Options{Window: 2 << 10, Event: event.Options{PingInterval: -1}}, &hub.Options{
		SessionTTL: 1 << 40, Default: hub.Settings{MaxMessages: 2 * last, MaxLag: 1 << 30},
	})
	failed := make(chan error, members)
	var ready, readers sync.WaitGroup
	for i := range members {
		query := "room"
		switch i % 4 {
		case 1:
			query += "?self=0"
		case 2:
			id := "session-" + strconv.Itoa(i)
			query += "?session=" + id
			// It was here before, or it would be told that it may have missed something.
			session, err := s.hub.OpenSession(id, func() {})
			assert.NoError(t, err)
			session.Advance("room", s.hub.Position("room"))
			session.Close()
		}
		ready.Add(1)
		readers.Go(func() {
			if err := s.read(t.Context(), query, last, i%4 == 2, ready.Done); err != nil {
				failed <- fmt.Errorf("reader %d: %w", i, err)
			}
		})
	}
	ready.Wait()
	var mu sync.Mutex
	number := 0
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				mu.Lock()
				if number == last {
					mu.Unlock()
					return
				}
				number++
				s.hub.PublishAsync(&hub.Message{Topic: "room", Payload: []byte(strconv.Itoa(number))}, nil)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	readers.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// read reads numbers to the last. If it comes and goes, it breaks off now and then, and goes
// on in another connection.
func (s *site) read(ctx context.Context, query string, last int, comesAndGoes bool, ready func()) error {
	var w witness
	once := sync.OnceFunc(ready)
	defer once()
	for w.next <= last {
		c, _, err := websocket.Dial(ctx, "ws://localhost/t/"+query, &websocket.DialOptions{DialContext: s.dial})
		if err != nil {
			return err
		}
		once()
		w.again = true
		for n := 0; w.next <= last; n++ {
			_, p, err := c.Read(ctx)
			if err == nil {
				// What was answered is behind the reader, what was not comes again.
				err = w.see(p)
			}
			if err != nil {
				return errors.Join(err, c.CloseNow())
			}
			if comesAndGoes && rand.IntN(500) == 0 {
				break
			}
		}
		_ = c.CloseNow()
	}
	return nil
}

// Members that leave while messages are gathered for them take nobody else's.
func TestManyThatLeave(t *testing.T) {
	s := serveTCP(t, raw.Options{}, nil)
	stays := s.join("room")
	var leave []*websocket.Conn
	for range 100 {
		leave = append(leave, s.join("room"))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, c := range leave {
			_ = c.CloseNow()
		}
	}()
	for i := range 1000 {
		s.hub.PublishAsync(&hub.Message{Topic: "room", Payload: []byte(strconv.Itoa(i + 1))}, nil)
	}
	<-done
	w := witness{next: 1}
	for range 1000 {
		_, p, err := stays.Read(t.Context())
		assert.NoError(t, err)
		assert.NoError(t, w.see(p))
	}
}

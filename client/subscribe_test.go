package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestWhatASubscriptionBrings(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "orders.*", &SubscribeOptions{Last: 3, Presence: true, As: "ann", NoSelf: true})
		assert.Equal(t, sub.Filter(), "orders.*")
		assert.Equal(t, sub.At(), "")
		p := s.accept()
		p.expect(`{"sub":"orders.*","last":3,"presence":true,"as":"ann","self":false,"id":1}`)
		p.say(`{"sub":"orders.*","at":"c0","gap":false,"id":1}`)
		assert.NoError(t, sub.Ready(t.Context()))
		assert.Equal(t, sub.At(), "c0")
		p.say(`{"t":"orders.1","sub":"orders.*","at":"c1","ts":1790000000000,"text":"é\n"}`)
		p.say(`{"t":"orders.2","sub":"orders.*","at":"c2","data":{"a": [1]},"key":"k","by":"bob"}`)
		p.say(`{"t":"orders.3","sub":"orders.*","at":"c3","base64":"AP8=","later":true}`)
		p.say(`{"gap":"orders.*","at":"c9"}`)
		p.say(`{"presence":"orders.*","count":812,"here":["ann"],"more":true}`)
		p.say(`{"presence":"orders.*","count":813,"join":["bob"],"leave":[],"more":false}`)
		p.say(`{"news":"of a later version"}`)
		for _, want := range []Event{
			{Message: Message{Topic: "orders.1", Data: []byte("é\n"), At: "c1", Time: time.UnixMilli(1790000000000)}},
			{Message: Message{Topic: "orders.2", Kind: JSON, Data: []byte(`{"a": [1]}`), At: "c2", Key: "k", By: "bob"}},
			{Message: Message{Topic: "orders.3", Kind: Binary, Data: []byte{0, 255}, At: "c3"}},
			{Type: GapEvent, Message: Message{Topic: "orders.*", At: "c9"}},
			{
				Type: PresenceEvent, Message: Message{Topic: "orders.*"},
				Presence: &Presence{Count: 812, Full: true, Here: []string{"ann"}, More: true},
			},
			{
				Type: PresenceEvent, Message: Message{Topic: "orders.*"},
				Presence: &Presence{Count: 813, Join: []string{"bob"}, Leave: []string{}},
			},
		} {
			ev, err := sub.Next(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, ev, want)
			if want.At != "" {
				assert.Equal(t, sub.At(), want.At)
			}
		}
	})
}

func TestSubscribeIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		_, err := c.Subscribe("a", nil)
		assert.ErrorIs(t, err, ErrSubscribed)
		_, err = c.Subscribe("", nil)
		assert.Equal(t, err.Error(), "client: the topic has no name")
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"err":1,"code":"denied","retry":false,"message":"you may not"}`)
		_, err = sub.Next(t.Context())
		var refused *Error
		assert.True(t, errors.As(err, &refused), "it is an Error")
		assert.Equal(t, *refused, Error{CodeDenied, false, "you may not"})
		assert.Equal(t, err.Error(), "client: the server answered denied: you may not")
		assert.Equal(t, sub.Ready(t.Context()), err)
		sub.Close()
		// There is room for another one now.
		again := subscribe(t, c, "a", nil)
		p.expect(`{"sub":"a","id":2}`)
		again.Close()
		p.expect(`{"unsub":"a","id":3}`)
		_, err = again.Next(t.Context())
		assert.Equal(t, err, ErrClosed)
	})
}

// What was received is not asked for again, what was not is, and all comes once
// and in order.
func TestSubscriptionsGoOnBehindWhatTheyHave(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		a := subscribe(t, c, "a", &SubscribeOptions{Last: 2})
		b := subscribe(t, c, "b", &SubscribeOptions{After: "old"})
		p := s.accept()
		p.expect(`{"sub":"a","last":2,"id":1}`)
		p.expect(`{"sub":"b","after":"old","id":2}`)
		p.Reset() // before it has answered

		p = s.accept()
		p.expect(`{"sub":"a","last":2,"id":3}`)
		p.expect(`{"sub":"b","after":"old","id":4}`)
		p.say(`{"sub":"b","at":"newest","gap":false,"id":4}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":3}`)
		p.message("a", 1)
		p.message("a", 2)
		assert.Equal(t, texts(t, a, 1), []string{"1"})
		p.Reset()

		p = s.accept()
		p.expect(`{"sub":"a","after":"c2","id":5}`)
		p.expect(`{"sub":"b","after":"old","id":6}`) // no message came yet
		p.say(`{"sub":"a","at":"c2","gap":false,"id":5}`)
		p.say(`{"sub":"b","at":"c7","gap":true,"id":6}`)
		p.message("a", 3)
		p.message("b", 8)
		assert.Equal(t, texts(t, a, 2), []string{"2", "3"})
		assert.Equal(t, texts(t, b, 2), []string{"gap", "8"})
		assert.Equal(t, []string{a.At(), b.At()}, []string{"c3", "c8"})
	})
}

// A connection that is lost in a gap goes on behind it.
func TestGapIsAPosition(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", &SubscribeOptions{After: "c1"})
		p := s.accept()
		p.expect(`{"sub":"a","after":"c1","id":1}`)
		p.say(`{"sub":"a","at":"c5","gap":true,"id":1}`)
		assert.NoError(t, sub.Ready(t.Context()))
		p.Reset()
		p = s.accept()
		p.expect(`{"sub":"a","after":"c5","id":2}`)
		p.say(`{"sub":"a","at":"c5","gap":false,"id":2}`)
		p.say(`{"gap":"a","at":"c7"}`)
		assert.Equal(t, texts(t, sub, 2), []string{"gap", "gap"})
		p.Reset()
		p = s.accept()
		p.expect(`{"sub":"a","after":"c7","id":3}`)
	})
}

func TestServerEndsASubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"err":1,"code":"unavailable","retry":true,"message":"not now"}`)
		p.expect(`{"sub":"a","id":2}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":2}`)
		p.message("a", 1)
		p.say(`{"end":"a","code":"slow","retry":true,"message":"too slow","at":"c1"}`)
		p.message("a", 99) // of nobody's subscription
		p.expect(`{"sub":"a","after":"c1","id":3}`)
		p.message("a", 100) // not behind the answer
		p.say(`{"sub":"a","at":"c1","gap":false,"id":3}`)
		p.message("a", 2)
		assert.Equal(t, texts(t, sub, 2), []string{"1", "2"})
		p.say(`{"end":"a","code":"denied","retry":false,"message":"no more","at":"c2"}`)
		for ev, err := range sub.Messages(t.Context()) {
			assert.Equal(t, ev, Event{})
			assert.Equal(t, err.Error(), "client: the server answered denied: no more")
		}
		p.silent(time.Minute)
	})
}

// A subscription that the server gives up again and again is not asked for in a
// tight loop.
func TestSubscriptionIsAskedForLessAndLessOften(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.SetTimeout(time.Minute)
		began := time.Now()
		for id := 1; id <= 40; id++ {
			p.expect(fmt.Sprintf(`{"sub":"a","id":%d}`, id))
			p.say(`{"err":%d,"code":"unavailable","retry":true,"message":""}`, id)
		}
		took := time.Since(began)
		assert.True(t, took > time.Minute, fmt.Sprintf("40 times within %v", took))
	})
}

func TestMessagesLoop(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
		for i := range 4 {
			p.message("a", i)
		}
		for ev, err := range sub.Messages(t.Context()) {
			assert.NoError(t, err)
			assert.Equal(t, string(ev.Data), "0")
			break
		}
		assert.Equal(t, texts(t, sub, 3), []string{"1", "2", "3"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, err := range sub.Messages(ctx) {
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
		// Close ends a loop without an error.
		time.AfterFunc(time.Second, sub.Close)
		for range sub.Messages(t.Context()) {
			t.Fatal("nothing came")
		}
	})
}

// An application that takes its time holds the server back. Nothing is lost, and
// what waits is bounded.
func TestSlowApplicationHoldsTheServerBack(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		const n, size, room = 500, 1000, 20_000
		c := s.client(nil)
		sub := subscribe(t, c, "a", &SubscribeOptions{MaxQueue: room})
		p := s.accept()
		p.SetTimeout(time.Hour)
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
		go func() {
			for i := range n {
				p.say(`{"t":"a","at":"c%d","text":"%0*d"}`, i, size, i)
			}
		}()
		for i := range n {
			time.Sleep(patience / 2) // a slow application, within what is waited for
			ev, err := sub.Next(t.Context())
			assert.NoError(t, err)
			assert.Equal(t, string(ev.Data), fmt.Sprintf("%0*d", size, i))
			c.mu.Lock()
			assert.True(t, sub.queued <= room, "the queue is bounded")
			assert.Equal(t, sub.phase, attached)
			c.mu.Unlock()
		}
	})
}

// An application that takes nothing at all is taken leave of, so that its other
// subscriptions and requests go on; when it comes back, it misses nothing.
func TestStuckApplicationHoldsNobodyUp(t *testing.T) {
	for _, as := range []string{"", "ann"} {
		inBubble(t, func(t *testing.T, s *scripted) {
			const size, room = 1000, 20_000
			c := s.client(nil)
			stuck := subscribe(t, c, "a", &SubscribeOptions{MaxQueue: room, As: as})
			other := subscribe(t, c, "b", nil)
			p := s.accept()
			_, _ = p.ExpectMessage()
			p.expect(`{"sub":"b","id":2}`)
			p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
			p.say(`{"sub":"b","at":"c0","gap":false,"id":2}`)
			ack := publishing(t.Context(), c, "x", Message{Data: []byte("1")})
			p.expect(`{"pub":"x","text":"1","id":3}`)
			n := 0
			for ; n < 100; n++ {
				p.say(`{"t":"a","at":"c%d","text":"%0*d"}`, n, size, n)
			}
			p.say(`{"ok":3,"at":"c1"}`)
			p.message("b", 1)
			assert.NoError(t, (<-ack).err)
			assert.Equal(t, texts(t, other, 1), []string{"1"})
			c.mu.Lock()
			kept := len(stuck.queue)
			c.mu.Unlock()
			assert.True(t, kept > 10 && kept <= room/size, fmt.Sprint(kept, " are kept"))
			if as == "" {
				p.expect(`{"unsub":"a","id":4}`)
			}
			p.silent(time.Minute)
			for i := range kept {
				ev, err := stuck.Next(t.Context())
				assert.NoError(t, err)
				assert.Equal(t, ev.At, fmt.Sprintf("c%d", i))
			}
			_, again := p.ExpectMessage()
			assert.Contains(t, string(again), fmt.Sprintf(`"after":"c%d"`, kept-1))
			p.message("a", 99) // of the old subscription
			id := 4
			if as == "" {
				id = 5
			}
			p.say(`{"sub":"a","at":"c%d","gap":false,"id":%d}`, kept-1, id)
			p.message("a", kept)
			assert.Equal(t, texts(t, stuck, 1), []string{fmt.Sprint(kept)})
		})
	}
}

// A connection that is lost while it waits for the application is followed by
// another one, whatever the application does.
func TestConnectionIsLostWhileTheApplicationIsStuck(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", &SubscribeOptions{MaxQueue: 1})
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
		p.message("a", 1)
		p.message("a", 2)
		synctest.Wait()
		p.Reset()
		p = s.accept()
		p.SetTimeout(time.Hour)
		assert.Equal(t, texts(t, sub, 1), []string{"1"})
		p.expect(`{"sub":"a","after":"c1","id":3}`) // 2 was unsub
		p.say(`{"sub":"a","at":"c1","gap":false,"id":3}`)
		p.message("a", 2)
		assert.Equal(t, texts(t, sub, 1), []string{"2"})
		p.SendClose(websocket.StatusGoingAway, "")
		p.ExpectCloseCode(websocket.StatusGoingAway)
	})
}

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestPublish(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Message
		want string
	}{
		{"text", Message{Data: []byte("<é>\n")}, `{"pub":"a","text":"<é>\n","id":1}`},
		{"no text", Message{}, `{"pub":"a","text":"","id":1}`},
		{"JSON", Message{Kind: JSON, Data: []byte(`{"a": [1e400]}`)}, `{"pub":"a","data":{"a":[1e400]},"id":1}`},
		{"null", Message{Kind: JSON, Data: []byte(`null`)}, `{"pub":"a","data":null,"id":1}`},
		{"bytes", Message{Kind: Binary, Data: []byte{0, 255}}, `{"pub":"a","base64":"AP8=","id":1}`},
		{"no bytes", Message{Kind: Binary}, `{"pub":"a","base64":"","id":1}`},
		{"key and ID", Message{Key: "k", ID: "mine"}, `{"pub":"a","text":"","key":"k","idem":"mine","id":1}`},
		{"no JSON removes the key", Message{Kind: JSON, Key: "k", ID: "mine"}, `{"pub":"a","key":"k","idem":"mine","id":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *scripted) {
				done := publishing(t.Context(), s.client(nil), "a", tt.m)
				p := s.accept()
				_, got := p.ExpectMessage()
				text := string(got)
				if tt.m.ID == "" {
					before, idem, found := strings.Cut(text, `"idem":"`)
					_, after, _ := strings.Cut(idem, `",`)
					assert.True(t, found, "it has a key for retries")
					text = before + after
				}
				assert.Equal(t, text, tt.want)
				p.say(`{"ok":1,"at":"c1"}`)
				r := <-done
				assert.NoError(t, r.err)
				assert.Equal(t, r.Receipt, Receipt{At: "c1"})
			})
		})
	}
}

func TestPublishRefusesNonsense(t *testing.T) {
	c := New("ws://localhost", nil)
	defer closeNow(t, c)
	for _, tt := range []struct {
		topic string
		m     Message
		want  string
	}{
		{"", Message{}, "client: the topic has no name"},
		{"a", Message{Data: []byte("\xff")}, "client: the text is not UTF-8: publish it as Binary"},
		{"a", Message{Kind: JSON, Data: []byte("{")}, "client: the data is not one JSON value: publish it as Text or Binary"},
		{"a", Message{Kind: JSON}, "client: the data is not one JSON value: publish it as Text or Binary"},
		{"a", Message{Key: "\xff"}, "client: the key or the ID of the message is not UTF-8"},
		{"a", Message{ID: "\xff"}, "client: the key or the ID of the message is not UTF-8"},
		{"a", Message{Kind: 3}, "client: the kind of the message is none of Text, JSON and Binary"},
	} {
		_, err := c.Publish(t.Context(), tt.topic, tt.m)
		assert.Equal(t, err.Error(), tt.want)
		assert.Equal(t, c.PublishAsync(tt.topic, tt.m, nil).Error(), tt.want)
	}
	assert.Equal(t, c.State().Phase, Idle)
}

// What was not answered is sent again over the next connection, in order, under
// the same keys, so that the server can tell that it has some of it.
func TestPublishIsRepeatedUntilItIsStored(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		var stored []string
		for _, text := range []string{"1", "2", "3"} {
			assert.NoError(t, c.PublishAsync("a", Message{Data: []byte(text)}, func(r Receipt, err error) {
				stored = append(stored, fmt.Sprint(text, r, err))
			}))
		}
		p := s.accept()
		for i := 1; i <= 3; i++ {
			p.expect(fmt.Sprintf(`{"pub":"a","text":"%d","id":%d}`, i, i))
		}
		p.say(`{"ok":2,"at":"c2"}`)
		synctest.Wait()
		p.Reset()
		p = s.accept()
		p.expect(`{"pub":"a","text":"1","id":1}`)
		p.expect(`{"pub":"a","text":"3","id":3}`)
		p.say(`{"ok":1,"at":"c1","duplicate":true}`)
		p.say(`{"ok":3,"at":"c3"}`)
		p.say(`{"ok":3,"at":"c4"}`) // nobody asked
		p.silent(time.Minute)
		assert.Equal(t, stored, []string{"2{c2 false} <nil>", "1{c1 true} <nil>", "3{c3 false} <nil>"})
		assert.Equal(t, s.idem[3:], []string{s.idem[0], s.idem[2]})
		assert.True(t, s.idem[0] != s.idem[1] && s.idem[1] != s.idem[2], "each message has its own key")
	})
}

func TestServerRefusesToStore(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		done := publishing(t.Context(), c, "a", Message{})
		p := s.accept()
		for range 5 {
			p.SetTimeout(maxBackoff)
			p.expect(`{"pub":"a","text":"","id":1}`)
			p.say(`{"err":1,"code":"unavailable","retry":true,"message":"the disk is full"}`)
		}
		p.expect(`{"pub":"a","text":"","id":1}`)
		p.say(`{"err":1,"code":"too_large","retry":false,"message":"at most 10 bytes"}`)
		r := <-done
		var refused *Error
		assert.True(t, errors.As(r.err, &refused), "it is an Error")
		assert.Equal(t, refused.Code, CodeTooLarge)
		for _, idem := range s.idem {
			assert.Equal(t, idem, s.idem[0])
		}
	})
}

// A message that waits for its next try when the connection is lost goes with
// the others over the next one, and only once.
func TestRetryMeetsANewConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		done := publishing(t.Context(), s.client(nil), "a", Message{})
		p := s.accept()
		for range 10 {
			p.expect(`{"pub":"a","text":"","id":1}`)
			p.say(`{"err":1,"code":"unavailable","retry":true,"message":""}`)
			synctest.Wait()
			p.Reset()
			p = s.accept()
		}
		p.expect(`{"pub":"a","text":"","id":1}`)
		p.silent(time.Minute)
		p.say(`{"ok":1,"at":"c1"}`)
		assert.NoError(t, (<-done).err)
	})
}

// What is too large for the server ends its connection, if that does not read it at
// all. It is not sent for ever.
func TestTooLargeIsSentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		small := publishing(t.Context(), c, "a", Message{Data: []byte("s")})
		p := s.accept()
		p.expect(`{"pub":"a","text":"s","id":1}`)
		large := publishing(t.Context(), c, "a", Message{Data: []byte("large")})
		p.expect(`{"pub":"a","text":"large","id":2}`)
		p.SendClose(websocket.StatusMessageTooBig, "")
		assert.Equal(t, (<-large).err, ErrTooLarge)
		p = s.accept()
		p.expect(`{"pub":"a","text":"s","id":1}`)
		p.say(`{"err":null,"code":"too_large","retry":false,"message":"too large"}`)
		assert.Equal(t, (<-small).err.Error(), "client: the server answered too_large: too large")
		p.silent(time.Minute)
	})
}

func TestQueueIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		o := &Options{MaxPending: 10 * (messageOverhead + 1 + 100)}
		o.Dial = &websocket.DialOptions{Proxy: noProxy, DialContext: unreachable(func() {})}
		c := s.client(o)
		var ended atomic.Int32
		m := Message{Data: make([]byte, 100)}
		for range 10 {
			assert.NoError(t, c.PublishAsync("a", m, func(_ Receipt, err error) {
				assert.ErrorIs(t, err, ErrClosed)
				ended.Add(1)
			}))
		}
		assert.Equal(t, c.PublishAsync("a", m, nil), ErrQueueFull)
		_, err := c.Publish(t.Context(), "a", m)
		assert.Equal(t, err, ErrQueueFull)
		closeNow(t, c)
		assert.Equal(t, ended.Load(), 10)
	})
}

// One message may be larger than what may wait, if it waits alone; when it is
// stored, there is room.
func TestLargestMessageWaitsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(&Options{MaxPending: 1})
		done := publishing(t.Context(), c, "a", Message{})
		p := s.accept()
		for n := 1; n <= 3; n++ {
			_, _ = p.ExpectMessage()
			assert.Equal(t, c.PublishAsync("a", Message{}, nil), ErrQueueFull)
			p.say(`{"ok":%d,"at":"c%d"}`, n, n)
			assert.NoError(t, (<-done).err)
			done = publishing(t.Context(), c, "a", Message{})
		}
	})
}

func TestPublishIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		o := &Options{Dial: &websocket.DialOptions{Proxy: noProxy, DialContext: unreachable(func() {})}}
		c := s.client(o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Publish(ctx, "a", Message{})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, err.Error(), "client: context deadline exceeded; no connection: dial: route: none")
		var why *DialError
		assert.True(t, errors.As(err, &why), "it says why")
		assert.True(t, c.waiting == 0, "it waits no longer")
	})
}

// An answer that comes too late is nobody's.
func TestServerNeverAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := publishing(ctx, c, "a", Message{})
		p := s.accept()
		p.expect(`{"pub":"a","text":"","id":1}`)
		r := <-done
		assert.ErrorIs(t, r.err, context.DeadlineExceeded)
		assert.Equal(t, r.err.Error(), "client: no answer yet: context deadline exceeded")
		p.say(`{"ok":1,"at":"c1"}`)
		next := publishing(t.Context(), c, "a", Message{})
		p.expect(`{"pub":"a","text":"","id":2}`)
		p.say(`{"ok":2,"at":"c2"}`)
		assert.Equal(t, (<-next).At, "c2")
	})
}

func TestHistory(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		type result struct {
			h   History
			err error
		}
		done := make(chan result)
		go func() {
			h, err := c.History(t.Context(), "a", Query{After: "c0", Limit: 2})
			done <- result{h, err}
		}()
		p := s.accept()
		p.expect(`{"get":"a","after":"c0","limit":2,"id":1}`)
		p.say(`{"ok":1,"messages":[{"at":"c1","ts":1,"text":"x"},{"at":"c2","data":1,"key":"k"}],"at":"c2","gap":true,"more":true}`)
		r := <-done
		assert.NoError(t, r.err)
		assert.Equal(t, r.h, History{At: "c2", Gap: true, More: true, Messages: []Message{
			{Topic: "a", At: "c1", Data: []byte("x"), Time: time.UnixMilli(1)},
			{Topic: "a", At: "c2", Kind: JSON, Data: []byte("1"), Key: "k"},
		}})
		go func() {
			h, err := c.History(t.Context(), "a", Query{Last: 1})
			done <- result{h, err}
		}()
		p.expect(`{"get":"a","last":1,"id":2}`)
		p.Reset() // it is asked again
		p = s.accept()
		p.expect(`{"get":"a","last":1,"id":2}`)
		p.say(`{"err":2,"code":"bad_topic","retry":false,"message":"no"}`)
		assert.Equal(t, (<-done).err.Error(), "client: the server answered bad_topic: no")
	})
}

func TestWho(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		done := make(chan Members)
		go func() {
			m, err := c.Who(t.Context(), "a", "bob", 2)
			assert.NoError(t, err)
			done <- m
		}()
		p := s.accept()
		p.expect(`{"who":"a","after":"bob","limit":2,"id":1}`)
		p.say(`{"ok":1,"who":["carol","dan"],"count":812,"more":true}`)
		assert.Equal(t, <-done, Members{Count: 812, Names: []string{"carol", "dan"}, More: true})
	})
}

package raw_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
	"github.com/duplexhq/duplex/websocket/frame"
)

const withSession = "room?session=0123456789abcdef"

// serveSessions runs a site in a bubble that is up for so long that no session was lost.
// There are no pings but those of sessions.
func serveSessions(t testing.TB, ho *hub.Options) *site {
	t.Helper()
	s := serve(t, options(event.Options{PingInterval: -1}), ho)
	time.Sleep(hub.DefaultSessionTTL)
	return s
}

func TestSessionIsPingedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		peer := s.script(withSession)
		other := s.script("room")
		s.publish("room", "one")
		start := time.Now()
		peer.ExpectText("one")
		time.Sleep(wire.PingDelay / 2)
		at := s.publish("room", "two")
		peer.ExpectText("two")
		assert.Equal(t, string(peer.ExpectPing()), at.String())
		assert.Equal(t, time.Since(start), wire.PingDelay)
		peer.ExpectSilence(time.Minute) // one ping for both

		other.ExpectText("one")
		other.ExpectText("two")
		other.ExpectSilence(time.Minute) // no session, no pings
	})
}

// What was answered does not come again, what was not does, and what came meanwhile comes
// too.
func TestSessionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		peer := s.script(withSession)
		s.publish("room", "answered")
		peer.ExpectText("answered")
		peer.SendPong(peer.ExpectPing())
		s.publish("room", "received")
		peer.ExpectText("received")
		peer.Close()
		synctest.Wait()
		s.publish("room", "missed")

		peer = s.script(withSession + "&last=0&after=" + s.publish("room", "last").String())
		for _, text := range []string{"received", "missed", "last"} {
			peer.ExpectText(text)
		}
		peer.SendPong(peer.ExpectPing())
		peer.Close()
		synctest.Wait()

		peer = s.script(withSession)
		s.publish("room", "new")
		peer.ExpectText("new")
	})
}

// A session that has received nothing misses nothing of what comes while it is away.
func TestSessionThatReceivedNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		s.publish("room", "old")
		s.script(withSession).Close()
		synctest.Wait()
		s.publish("room", "missed")
		peer := s.script(withSession)
		peer.ExpectText("missed")
	})
}

// A client that does not answer gets a few pings and no more, and the next one when it has
// answered.
func TestSessionThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		peer := s.script(withSession)
		var pings [][]byte
		for i := range 10 {
			s.publish("room", fmt.Sprint(i))
			peer.ExpectText(fmt.Sprint(i))
			if i < 4 {
				pings = append(pings, peer.ExpectPing())
			} else {
				peer.ExpectSilence(time.Second)
			}
		}
		peer.SendPong(pings[1])
		last := peer.ExpectPing()
		peer.ExpectSilence(time.Second)
		peer.SendPong(last)
		synctest.Wait()
		peer.Close()
		synctest.Wait()
		s.publish("room", "new")
		peer = s.script(withSession)
		peer.ExpectText("new")
	})
}

// Pongs that answer nothing, or something that was not sent, move nothing.
func TestInventedPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, nil)
		peer := s.script(withSession)
		first := s.publish("room", "one")
		peer.ExpectText("one")
		ping := peer.ExpectPing()
		ahead := first
		ahead.Offset += 1000
		for _, p := range []string{"", "x", ahead.String(), string(ping) + "0", string(make([]byte, 125))} {
			peer.SendPong([]byte(p))
		}
		synctest.Wait()
		peer.Close()
		synctest.Wait()
		peer = s.script(withSession)
		peer.ExpectText("one")
	})
}

func TestSessionIsTakenOver(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, &hub.Options{SessionTTL: 1})
		first := s.join(withSession)
		second := s.join(withSession)
		assert.Equal(t, expectClose(t, first, 4009), "taken over")
		s.publish("room", "hello")
		expectText(t, second, "hello")
	})
}

// shorten publishes until the first of the messages is gone, and returns what is left.
func (s *site) shorten(keep int) (left []string) {
	for i := range keep {
		left = append(left, fmt.Sprint("left ", i))
		s.publish("room", left[i])
	}
	return left
}

// A cursor behind which something is lost is answered with one to go on with, before any
// message.
func TestGapWithACursor(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		s := serve(t, raw.Options{}, &hub.Options{Default: hub.Settings{MaxMessages: 3}})
		old := s.publish("room", "old")
		s.publish("room", "lost")
		left := s.shorten(3)
		c := s.join("room?after=" + old.String())
		after := cursorIn(t, expectClose(t, c, 4010))
		expectText(t, s.join("room?after="+after), left...)
	})
}

// A session is told of a gap until its client has shown that it knows, and then goes on
// with what there is.
func TestGapOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveSessions(t, &hub.Options{Default: hub.Settings{MaxMessages: 3}})
		s.script(withSession).Close()
		synctest.Wait()
		s.publish("room", "lost")
		left := s.shorten(3)
		for range 2 {
			peer := s.script(withSession)
			cursorIn(t, peer.ExpectCloseCode(4010))
			peer.Close() // it has not answered, so nobody knows whether it heard
			synctest.Wait()
		}
		peer := s.script(withSession)
		peer.SendClose(frame.StatusGoingAway, "") // at the same time, so that it has not heard
		peer.ExpectCloseCode(4010)
		peer.Close()
		synctest.Wait()

		peer = s.script(withSession)
		reason := peer.ExpectCloseCode(4010)
		peer.SendClose(4010, reason)
		synctest.Wait()
		peer.Close()
		peer = s.script(withSession)
		for _, text := range left {
			peer.ExpectText(text)
		}
	})
}

// A client that says its session has been here, on a server that has just begun and cannot
// know, is told that it may have missed something.
func TestSessionThatMayBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		s.publish("room", "old")
		c := s.join(withSession)
		cursorIn(t, expectClose(t, c, 4010))
		synctest.Wait() // until the answer is there
		s.publish("room", "missed")
		expectText(t, s.join(withSession), "missed")
	})
}

// Nor does it matter what the server has forgotten if the client has a cursor.
func TestSessionWithACursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{}, nil)
		at := s.hub.Position("room").String()
		s.publish("room", "one")
		expectText(t, s.join(withSession+"&after="+at), "one")
	})
}

// TestGapUnderway has a topic that leaves out what a slow reader does not take: it is told
// before the next message.
func TestGapUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, raw.Options{Window: 4 << 10, Event: event.Options{PingInterval: -1}}, &hub.Options{Default: hub.Settings{
			Slow: hub.SlowDropOldest, MaxLag: 10_000, MaxMessages: 5,
		}})
		peer := s.script("room")
		synctest.Wait() // or it is the opening that lags behind
		var pings [][]byte
		received := 0
		published := 0
		for range 100 {
			published++
			s.publish("room", fmt.Sprintf("%1000d", published))
		}
		for len(pings) < 4 {
			switch h, p := peer.ExpectFrame(); h.Opcode {
			case frame.OpText:
				received++
				assert.Equal(t, string(p), fmt.Sprintf("%1000d", received))
			case frame.OpPing:
				pings = append(pings, p)
			default:
				t.Fatal("a frame of another kind")
			}
		}
		peer.ExpectSilence(time.Second)
		assert.True(t, received <= 5, fmt.Sprint(received, " messages in a window of four"))
		peer.SendPong(pings[3])
		after := cursorIn(t, peer.ExpectCloseCode(4010))
		peer.Close()
		c := s.join("room?after=" + after)
		_, p, err := c.Read(t.Context())
		assert.NoError(t, err)
		var first int
		fmt.Sscan(string(p), &first)
		assert.True(t, first > received+1, fmt.Sprint("no gap before ", first))
		for i := first + 1; i <= published; i++ {
			expectText(t, c, fmt.Sprintf("%1000d", i))
		}
	})
}

// TestSlowReader has one socket that never answers pings: it costs its window, is closed
// when the topic has gone on by more than it allows, and delays nobody.
func TestSlowReader(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, raw.Options, *hub.Options) *site) {
		const window, lag, size = 32 << 10, 100_000, 1000
		s := serve(t, raw.Options{Window: window, Event: event.Options{PingInterval: -1}}, &hub.Options{Default: hub.Settings{MaxLag: lag}})
		slow, fast := s.script("room"), s.join("room")
		payload := make([]byte, size)
		for range (window + lag) / size * 2 {
			_, err := s.hub.Publish(t.Context(), &hub.Message{Topic: "room", Kind: hub.Binary, Payload: payload})
			assert.NoError(t, err)
			expect(t, fast, websocket.Binary, string(payload))
		}
		received, pings := 0, 0
		for {
			h, p := slow.ExpectFrame()
			if h.Opcode == frame.OpClose {
				code, reason, err := frame.ParseClose(p)
				assert.NoError(t, err)
				assert.Equal(t, fmt.Sprint(int(code), " ", string(reason)), "1013 slow")
				break
			}
			received += len(p)
			if h.Opcode == frame.OpPing {
				pings++
			}
		}
		assert.True(t, received <= window+size && received > window/2, fmt.Sprint(received, " bytes"))
		assert.True(t, pings >= 4 && pings <= 6, fmt.Sprint(pings, " pings"))
	})
}

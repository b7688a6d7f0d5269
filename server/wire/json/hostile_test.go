package json_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/server/wire/json"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A slowpoke is a socket that reads everything and answers pings when it is told to.
type slowpoke struct {
	t     testing.TB
	peer  *wstest.Script
	texts chan string
	pings chan string
}

func (s *site) slowpoke() *slowpoke {
	s.t.Helper()
	c, err := s.dial(s.t.Context(), "tcp", "")
	assert.NoError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	p := &slowpoke{s.t, wstest.NewScript(s.t, c, wstest.Client), make(chan string, 10_000), make(chan string, 10_000)}
	p.peer.ClientHandshake("/ws")
	go p.read(bufio.NewReader(c))
	return p
}

// read reads until the connection ends. All frames of a server are whole messages here.
func (p *slowpoke) read(r *bufio.Reader) {
	for {
		var head [frame.MaxHeaderLen]byte
		var h frame.Header
		for n := 0; ; {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			head[n] = b
			n++
			if parsed, used, err := frame.ParseHeader(head[:n]); err != nil {
				return
			} else if used > 0 {
				h = parsed
				break
			}
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		switch h.Opcode {
		case frame.OpText:
			p.texts <- string(payload)
		case frame.OpPing:
			p.pings <- string(payload)
		}
	}
}

// took returns what has come since it was called last, in a bubble.
func (p *slowpoke) took() (texts []string) {
	synctest.Wait()
	for len(p.texts) > 0 {
		texts = append(texts, <-p.texts)
	}
	return texts
}

// answer answers all pings that have come, and tells how many.
func (p *slowpoke) answer() (n int) {
	synctest.Wait()
	for ; len(p.pings) > 0; n++ {
		p.peer.SendPong([]byte(<-p.pings))
	}
	return n
}

func size(texts []string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}

// TestOneWindowForAll has one socket with many subscriptions that answers pings late: it
// gets a window's worth at a time, each subscription in order, and loses nothing.
func TestOneWindowForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const topics, each, window = 10, 40, 16 << 10
		s := serve(t, quiet(window), nil)
		p := s.slowpoke()
		for i := range topics {
			p.peer.SendText(fmt.Sprintf(`{"sub":"room.%d"}`, i))
		}
		assert.Equal(t, len(p.took()), topics)
		for j := range each {
			for i := range topics {
				s.publishText(fmt.Sprint("room.", i), fmt.Sprintf("%03d%500s", j, ""))
			}
		}
		next := make(map[string]int)
		total, rounds, pongs := 0, 0, 0
		for ; total < topics*each; rounds++ {
			texts := p.took()
			assert.True(t, len(texts) > 0, fmt.Sprint("nothing more after ", total))
			assert.True(t, size(texts) <= (pongs+1)*window+topics*600, fmt.Sprint(size(texts), " bytes for ", pongs, " pongs"))
			for _, text := range texts {
				topic := text[:len(`{"t":"room.0"`)]
				assert.Contains(t, text, fmt.Sprintf(`"text":"%03d`, next[topic]))
				next[topic]++
			}
			total += len(texts)
			pongs = p.answer()
		}
		assert.True(t, rounds >= 4, fmt.Sprint(rounds, " rounds"))
	})
}

// TestNeverAnswering has a socket that answers no ping: its subscription ends when the
// topic has gone on by more than it allows, its client is told where, and nobody waits.
func TestNeverAnswering(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		const window, lag = 16 << 10, 50_000
		s := serve(t, quiet(window), &hub.Options{Default: hub.Settings{MaxLag: lag}})
		slow, fast := s.slowpoke(), s.connect()
		slow.peer.SendText(`{"sub":"room"}`)
		assert.Contains(t, <-slow.texts, `"gap":false`)
		fast.ask(`{"sub":"room"}`, `{"sub":"room","at":"CURSOR","gap":false}`)
		var at []string
		for i := range (window + lag) / 500 * 2 {
			at = append(at, s.publishText("room", fmt.Sprintf("%d%500s", i, "")).String())
			assert.Contains(t, fast.next(), fmt.Sprintf(`"text":"%d `, i))
		}
		received := 0
		for text := range slow.texts {
			if strings.HasPrefix(text, `{"end"`) {
				want := `{"end":"room","code":"slow","retry":true,"message":"…","at":"` + at[received-1] + `"}`
				assert.True(t, matches(want, text), text)
				break
			}
			received++
		}
		assert.True(t, received*500 <= window+600, fmt.Sprint(received, " messages"))
		// It may come back with that position, on the same socket, when it has answered.
		for len(slow.pings) > 0 {
			slow.peer.SendPong([]byte(<-slow.pings))
		}
		slow.peer.SendText(`{"sub":"room","after":"` + at[len(at)-2] + `"}`)
		assert.Contains(t, <-slow.texts, `{"sub":"room","at":"`)
		assert.Contains(t, <-slow.texts, `"at":"`+at[len(at)-1])
	})
}

// TestInventedPongs opens the window for nobody.
func TestInventedPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 16 << 10
		s := serve(t, quiet(window), nil)
		p := s.slowpoke()
		p.peer.SendText(`{"sub":"room"}`)
		assert.Equal(t, len(p.took()), 1)
		for range 100 {
			s.publishText("room", fmt.Sprintf("%500s", ""))
		}
		before := p.took()
		for i := range 100 {
			p.peer.SendPong([]byte(hub.Cursor{Offset: uint64(1000 + i)}.String()))
			p.peer.SendPong(make([]byte, i))
		}
		assert.Equal(t, len(p.took()), 0)
		assert.True(t, size(before) < window+600, "more than the window")
		assert.True(t, p.answer() > 0, "no pings")
		assert.True(t, len(p.took()) > 0, "the true ones do not count either")
	})
}

// TestFloodOfGets asks for large histories and does not read: a few are answered, a few
// wait, and the rest is refused.
func TestFloodOfGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 64 << 10
		s := serve(t, quiet(window), nil)
		for range 20 {
			s.publishText("room", strings.Repeat("x", 10_000))
		}
		p := s.slowpoke()
		for i := range 200 {
			p.peer.SendText(fmt.Sprintf(`{"get":"room","id":%d}`, i))
		}
		answered, refused := 0, 0
		texts := p.took()
		for _, text := range texts {
			if strings.HasPrefix(text, `{"ok":`) {
				answered++
			} else {
				assert.Contains(t, text, `"code":"unavailable","retry":true`)
				refused++
			}
		}
		assert.True(t, answered >= 1 && answered <= 20 && refused >= 100, fmt.Sprint(answered, " answered, ", refused, " refused"))
		assert.True(t, size(texts) < 2*window+200*200, fmt.Sprint(size(texts), " bytes"))
		for answered+refused < 200 {
			pongs := p.answer()
			assert.True(t, pongs > 0, fmt.Sprint(answered, " answered, ", refused, " refused, and no ping"))
			more := p.took()
			answered += len(more)
			assert.True(t, size(more) < (pongs+1)*window, fmt.Sprint(size(more), " bytes for ", pongs, " pongs"))
		}
	})
}

// TestFloodOfSubscriptions replaces, ends and begins subscriptions as fast as it can, while
// others publish.
func TestFloodOfSubscriptions(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 2000 {
				topic := fmt.Sprint("room.", i%7)
				c.send(`{"sub":"`+topic+`","last":3,"id":1}`, `{"sub":"room.*"}`)
				if i%3 == 0 {
					c.send(`{"unsub":"` + topic + `"}`)
				}
			}
			c.send(`{"unsub":"room.*"}`, `{"unsub":"room.0"}`, `{"unsub":"room.1"}`, `{"unsub":"room.2"}`, `{"unsub":"room.3"}`,
				`{"unsub":"room.4"}`, `{"unsub":"room.5"}`, `{"unsub":"room.6"}`, `{"unsub":"last","id":"last"}`)
		}()
		go func() {
			for i := range 2000 {
				_, _ = s.hub.Publish(t.Context(), &hub.Message{Topic: fmt.Sprint("room.", i%7), Payload: []byte("x")})
			}
		}()
		for answer := ""; answer != `{"ok":"last"}`; answer = c.next() {
			assert.True(t, !strings.HasPrefix(answer, `{"err"`), answer)
		}
		<-done
		for i := range 7 {
			s.publishText(fmt.Sprint("room.", i), "nobody is here")
		}
		c.ask(`{"unsub":"last","id":2}`, `{"ok":2}`)
	})
}

// TestFloodOfPublishes publishes while the store takes its time: what is not stored is
// bounded, and everything is answered in the end.
func TestFloodOfPublishes(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		const messages = 3 * wire.MaxUnstored
		store := hubtest.NewMemStore()
		s := serve(t, json.Options{}, &hub.Options{Engine: hub.NewLocal(store)})
		c := s.connect()
		waits, release := store.HoldAppend()
		go func() {
			for i := range messages {
				_ = c.Write(t.Context(), websocket.Text, fmt.Appendf(nil, `{"pub":"room","data":%d,"id":%d}`, i, i))
			}
		}()
		<-waits
		other := s.connect()
		other.ask(`{"unsub":"room","id":1}`, `{"ok":1}`) // is served meanwhile
		release()
		for i := range messages {
			c.expect(fmt.Sprintf(`{"ok":%d,"at":"CURSOR"}`, i))
		}
	})
}

// TestHugeThings sends what is as large as it may be, and larger.
func TestHugeThings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		id := `"` + strings.Repeat("x", 126) + `"`
		c.ask(`{"unsub":"a","id":`+id+`}`, `{"ok":`+id+`}`)
		c.ask(`{"unsub":"a","id":"`+strings.Repeat("x", 1_000_000)+`"}`, `{"err":null,"code":"bad_request","retry":false,"message":"id has more than 128 bytes"}`)
		c.ask(`{"sub":"`+strings.Repeat("x", 1_000_000)+`","id":1}`, `{"err":1,"code":"bad_topic","retry":false,"message":"…"}`)
		c.ask(`{"pub":"a","data":`+strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000)+`}`, `{"err":null,"code":"bad_request","retry":false,"message":"this is not JSON; …"}`)
		c.ask(`{"pub":"a","data":`+strings.Repeat("[", wire.MaxDepth)+strings.Repeat("]", wire.MaxDepth)+`,"id":2}`, `{"ok":2,"at":"CURSOR"}`)
		c.ask(`{"sub":"b","id":3}`, `{"sub":"b","at":"CURSOR","gap":false,"id":3}`)
		text := strings.Repeat(`\u0000`, 100_000)
		c.ask(`{"pub":"b","text":"`+text+`"}`, `{"t":"b","at":"CURSOR","ts":TIME,"text":"`+text+`"}`)
		most := strings.Repeat("x", 1<<20)
		c.ask(`{"pub":"c","text":"`+most+`","id":4}`, `{"ok":4,"at":"CURSOR"}`)
		c.ask(`{"pub":"c","text":"`+most+`x","id":5}`, `{"err":5,"code":"too_large","retry":false,"message":"…"}`)
		peer := s.script()
		peer.Send(frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Length: 2<<20 + 4<<10 + 1}))
		peer.ExpectCloseCode(frame.StatusMessageTooBig)
	})
}

// TestHalfOpen has sockets that vanish, or end only their half, with subscriptions and
// requests under way.
func TestHalfOpen(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, nil)
		for i := range 60 {
			peer := s.script()
			peer.SendText(`{"sub":"room","presence":true,"as":"ann","last":10}`)
			peer.SendText(`{"get":"room","id":1}`)
			peer.SendText(`{"pub":"room","data":1,"id":1}`)
			switch i % 3 {
			case 0:
				peer.Reset()
			case 1:
				peer.CloseWrite()
			case 2:
				peer.SendHex("81") // half of a header
				peer.Close()
			}
		}
		c := s.connect()
		for {
			list, err := s.hub.Topics(t.Context(), "room", "", 1)
			assert.NoError(t, err)
			if len(list) == 1 && list[0].Subscribers == 0 {
				return
			}
			c.ask(`{"unsub":"x","id":1}`, `{"ok":1}`)
		}
	})
}

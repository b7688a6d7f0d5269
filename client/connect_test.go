package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestNewConnectsWhenItIsAskedForSomething(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		dialled := 0
		c := s.client(&Options{Dial: &websocket.DialOptions{Proxy: noProxy, DialContext: unreachable(func() { dialled++ })}})
		time.Sleep(time.Hour)
		assert.Equal(t, c.State(), State{})
		subscribe(t, c, "a", nil)
		synctest.Wait()
		assert.Equal(t, dialled, 1)
		assert.Equal(t, c.State().Phase, Waiting)
	})
}

func TestURLs(t *testing.T) {
	for in, want := range map[string]string{
		"ws://localhost":             "ws://localhost/ws",
		"http://localhost:8080/":     "http://localhost:8080/ws",
		"wss://ann:secret@host?a=b":  "wss://ann:secret@host/ws?a=b",
		"https://host/prefix/ws":     "https://host/prefix/ws",
		"localhost:8080":             `client: URL "localhost:8080": the scheme must be ws, wss, http or https`,
		"ftp://ann:secret@localhost": `client: URL "ftp://ann:xxxxx@localhost": the scheme must be ws, wss, http or https`,
		"ws:///ws":                   `client: URL "ws:///ws" has no host`,
		"ws://host/#top":             `client: URL "ws://host/#top" has a fragment: write # as %23`,
		"ws://host:port":             `client: parse "ws://host:port": invalid port ":port" after host`,
	} {
		got, err := completeURL(in)
		if err != nil {
			got = err.Error()
		}
		assert.Equal(t, got, want)
		if err == nil {
			continue
		}
		var states []State
		c := New(in, &Options{OnState: func(s State) { states = append(states, s) }})
		_, err = c.Publish(t.Context(), "a", Message{})
		assert.Equal(t, err.Error(), want)
		_, err = c.Subscribe("a", nil)
		assert.Equal(t, err.Error(), want)
		assert.Equal(t, c.State(), State{Phase: Closed, Err: err})
		assert.Equal(t, states, []State{{Phase: Closed, Err: err}})
		_, err = Dial(t.Context(), in, nil)
		assert.Equal(t, err.Error(), want)
		assert.NoError(t, c.Close(t.Context()))
	}
}

// dialling dials in the background.
func dialling(ctx context.Context, s *scripted, o *Options) chan error {
	done := make(chan error, 1)
	if o == nil {
		o = &Options{}
	}
	o.Dial = &websocket.DialOptions{DialContext: s.listener.DialContext, Proxy: noProxy}
	go func() {
		c, err := Dial(ctx, "ws://localhost", o)
		if err == nil {
			s.t.Cleanup(func() { closeNow(s.t, c) })
		}
		done <- err
	}()
	return done
}

func TestDial(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      *Options
		server func(p *peer)
		want   string // "" for success
	}{
		{"opened", nil, func(p *peer) { p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol) }, ""},
		{"refused", nil, func(p *peer) {
			p.ExpectHead()
			p.Send([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
		}, "client: no connection: the server answered 404 Not Found"},
		{"not Duplex", nil, func(p *peer) { p.ServerHandshake() },
			"client: no connection: the server does not speak duplex.v1.json: the URL of one that does ends in /ws"},
		{"lost", nil, func(p *peer) { p.ExpectHead(); p.Close() }, "client: no connection: handshake: "},
		{"bad token", &Options{Token: "T"}, func(p *peer) {
			p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol)
			p.expect(`{"auth":"T","id":1}`)
			p.say(`{"err":1,"code":"denied","retry":false,"message":"expired"}`)
		}, "client: the server answered denied: expired"},
		{"junk for an answer", &Options{Token: "T"}, func(p *peer) {
			p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol)
			p.expect(`{"auth":"T","id":1}`)
			p.say(`[`)
		}, "client: the server broke the protocol: a frame is not as the protocol has it: unexpected end of JSON input"},
		{"no token", &Options{OnToken: func(context.Context) (string, error) { return "", errors.New("who are you?") }}, nil,
			"client: no connection: no token: who are you?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *scripted) {
				done := dialling(t.Context(), s, tt.o)
				if tt.server != nil {
					tt.server(s.acceptRaw())
				}
				err := <-done
				if tt.want == "" {
					assert.NoError(t, err)
					return
				}
				assert.Contains(t, err.Error(), tt.want)
			})
		})
	}
}

func TestDialIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, <-dialling(ctx, s, nil), context.DeadlineExceeded)
	})
}

// The waits grow to 20 s, each is a random part of what it may be, and there is no
// end of them.
func TestReconnectsForEverWithJitter(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		const attempts = 200
		var at []time.Time
		enough := make(chan struct{})
		c := s.client(&Options{Dial: &websocket.DialOptions{Proxy: noProxy, DialContext: unreachable(func() {
			at = append(at, time.Now())
			if len(at) == attempts {
				close(enough)
			}
		})}})
		subscribe(t, c, "a", nil)
		<-enough
		closeNow(t, c)
		var sum time.Duration
		ceiling := minBackoff
		for i := 1; i < attempts; i++ {
			wait := at[i].Sub(at[i-1])
			assert.True(t, wait < ceiling, fmt.Sprintf("wait %d is %v, at most %v", i, wait, ceiling))
			ceiling = min(2*ceiling, maxBackoff)
			sum += wait
		}
		// The mean of 200 is between 7 and 13 s but once in billions of runs.
		mean := sum / (attempts - 1)
		assert.True(t, mean > 7*time.Second && mean < 13*time.Second, fmt.Sprint("the mean is ", mean))
	})
}

// Who was connected for a while begins with short waits again; who is thrown out
// at once does not.
func TestOnlyGoodConnectionsCount(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		subscribe(t, c, "a", nil)
		began := time.Now()
		for range 40 {
			s.accept().Reset()
		}
		took := time.Since(began)
		assert.True(t, took > time.Minute, fmt.Sprint("40 connections in ", took))
		for range 20 {
			p := s.accept()
			time.Sleep(stable)
			p.Reset()
			began := time.Now()
			synctest.Wait()
			assert.True(t, c.State().RetryAt.Sub(began) < minBackoff, "a short wait")
		}
	})
}

func TestServerSaysWhenToComeBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		server func(s *scripted)
		want   time.Duration // 0: when it likes, within half a second
		more   time.Duration // by as much as this it may be later
	}{
		{"in a close reason", func(s *scripted) { s.accept().SendClose(1012, "retry=8400") }, 8400 * time.Millisecond, 0},
		{"behind other words", func(s *scripted) { s.accept().SendClose(1001, "drain; retry=1") }, time.Millisecond, 0},
		{"now", func(s *scripted) { s.accept().SendClose(1012, "retry=0") }, 0, 0},
		{"never again, nearly", func(s *scripted) { s.accept().SendClose(1012, "retry=999999999999999999") }, maxRetry, 0},
		{"in a number that is none", func(s *scripted) { s.accept().SendClose(1012, "retry=1e3") }, 0, minBackoff},
		{"not at all", func(s *scripted) { s.accept().SendClose(1012, "") }, 0, minBackoff},
		{"with bye", func(s *scripted) {
			p := s.accept()
			_, _ = p.ExpectMessage()
			p.say(`{"bye":{"retry":8400,"reason":"drain"}}`)
			p.say(`{"bye":{"retry":1,"reason":"again"}}`)
			p.SendClose(1012, "")
		}, 8400 * time.Millisecond, 0},
		{"with bye, and no close", func(s *scripted) {
			p := s.accept()
			_, _ = p.ExpectMessage()
			p.say(`{"bye":{"retry":18400,"reason":"drain"}}`)
			time.Sleep(byeTimeout)
		}, 8400 * time.Millisecond, 0},
		{"with 503", func(s *scripted) {
			p := s.acceptRaw()
			p.ExpectHead()
			p.Send([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"))
		}, 7 * time.Second, minBackoff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *scripted) {
				waits := make(chan State, 10)
				c := s.client(&Options{OnState: func(st State) {
					if st.Phase == Waiting {
						waits <- st
					}
				}})
				subscribe(t, c, "a", nil)
				tt.server(s)
				st := <-waits
				wait := time.Until(st.RetryAt)
				assert.True(t, wait >= tt.want && wait <= tt.want+tt.more, fmt.Sprint("it waits ", wait))
				assert.True(t, st.Err != nil, "it says why")
				if tt.want > 0 && tt.want < time.Minute {
					s.listener.Accept()
					assert.True(t, time.Since(st.RetryAt) < time.Second, "it kept the time")
				}
			})
		})
	}
}

// After bye nothing is sent any more, what is on its way is still received, and
// the next connection gets the rest.
func TestBye(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		first := publishing(t.Context(), c, "a", Message{})
		p := s.accept()
		p.expect(`{"pub":"a","text":"","id":1}`)
		p.say(`{"bye":{"retry":100,"reason":"drain"}}`)
		synctest.Wait()
		second := publishing(t.Context(), c, "a", Message{})
		p.silent(time.Second)
		p.say(`{"ok":1,"at":"c1"}`)
		assert.NoError(t, (<-first).err)
		p.SendClose(1012, "")
		p = s.accept()
		p.expect(`{"pub":"a","text":"","id":2}`)
		p.say(`{"ok":2,"at":"c2"}`)
		assert.NoError(t, (<-second).err)
	})
}

func TestStates(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		var states []string
		c := s.client(&Options{OnState: func(st State) { states = append(states, fmt.Sprint(st.Phase, st.Err != nil)) }})
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.Reset()
		p = s.accept()
		p.expect(`{"sub":"a","id":2}`)
		assert.NoError(t, c.Close(t.Context()))
		assert.NoError(t, c.Close(t.Context()))
		assert.Equal(t, states, []string{"connecting false", "open false", "waiting true", "connecting true", "open false", "closed false"})
	})
}

// A server that lets another connection take over wants this one no more.
func TestTakenOver(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		done := publishing(t.Context(), c, "a", Message{})
		s.accept().SendClose(statusTaken, "taken over")
		r := <-done
		assert.ErrorIs(t, r.err, ErrClosed)
		assert.Equal(t, websocket.CloseStatus(r.err), statusTaken)
		for _, err := range sub.Messages(t.Context()) {
			assert.Equal(t, websocket.CloseStatus(err), statusTaken)
		}
		assert.Equal(t, c.State().Phase, Closed)
		assert.True(t, c.State().Err != nil, "it says why")
		_, err := c.Subscribe("b", nil)
		assert.ErrorIs(t, err, ErrClosed)
	})
}

func TestToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		tokens := 0
		c := s.client(&Options{Token: "unused", OnToken: func(context.Context) (string, error) {
			tokens++
			return fmt.Sprint("T", tokens), nil
		}})
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"auth":"T1","id":1}`)
		p.silent(time.Second) // nothing goes before the answer
		p.say(`{"err":1,"code":"denied","retry":false,"message":"expired"}`)
		p.ExpectEOF()
		p = s.accept()
		p.expect(`{"auth":"T2","id":2}`)
		p.say(`{"ok":2}`)
		p.expect(`{"sub":"a","id":3}`)
		set := make(chan error, 1)
		go func() { set <- c.SetToken(t.Context(), "T3") }()
		p.expect(`{"auth":"T3","id":4}`)
		p.say(`{"err":4,"code":"denied","retry":false,"message":"no"}`)
		assert.Equal(t, (<-set).Error(), "client: the server answered denied: no")
		go func() { set <- c.SetToken(t.Context(), "T4") }()
		p.expect(`{"auth":"T4","id":5}`)
		p.Reset()
		assert.NoError(t, <-set) // the next connection says how it is
	})
}

// A server without authentication lets everybody in; a token that is set between
// two connections is that of the next one.
func TestTokenOfTheNextConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(&Options{Token: "T1"})
		assert.NoError(t, c.SetToken(t.Context(), "T2"))
		subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"auth":"T2","id":1}`)
		p.say(`{"err":1,"code":"unsupported","retry":false,"message":"no authentication"}`)
		p.expect(`{"sub":"a","id":2}`)
	})
}

func TestCloseWaitsForWhatIsPublished(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
		done := publishing(t.Context(), c, "a", Message{})
		p.expect(`{"pub":"a","text":"","id":2}`)
		closed := make(chan error, 1)
		go func() { closed <- c.Close(t.Context()) }()
		synctest.Wait()
		assert.Equal(t, c.PublishAsync("a", Message{}, nil), ErrClosed)
		_, err := c.Subscribe("b", nil)
		assert.Equal(t, err, ErrClosed)
		p.message("a", 1)
		p.say(`{"ok":2,"at":"c1"}`)
		assert.NoError(t, (<-done).err)
		p.ExpectClose(websocket.StatusNormalClosure, "")
		p.SendClose(websocket.StatusNormalClosure, "")
		assert.NoError(t, <-closed)
		// What it has can still be taken.
		assert.Equal(t, texts(t, sub, 1), []string{"1"})
		for range sub.Messages(t.Context()) {
			t.Fatal("it is closed")
		}
	})
}

func TestCloseIsInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		done := publishing(t.Context(), c, "a", Message{})
		p := s.accept()
		p.expect(`{"pub":"a","text":"","id":1}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		assert.ErrorIs(t, c.Close(ctx), context.DeadlineExceeded)
		assert.Equal(t, time.Since(began), time.Second)
		assert.Equal(t, (<-done).err, ErrClosed)
	})
}

// A server that breaks the protocol is left, and come back to less and less often.
// Nothing of what it did reaches the application.
func TestHostileServers(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(p *peer)
		says string
	}{
		{"bytes", func(p *peer) { p.SendBinary([]byte(`{"ok":1}`)) }, "a binary frame"},
		{"no JSON", func(p *peer) { p.say("hello") }, "not as the protocol has it"},
		{"half of it", func(p *peer) { p.say(`{"t":"a"`) }, "not as the protocol has it"},
		{"an array", func(p *peer) { p.say(`[{"ok":1}]`) }, "not as the protocol has it"},
		{"null", func(p *peer) { p.say(` null `) }, "not an object"},
		{"a wrong type", func(p *peer) { p.say(`{"t":1,"at":"c1"}`) }, "not as the protocol has it"},
		{"bad Base64", func(p *peer) { p.say(`{"t":"a","at":"c1","base64":"%%%%"}`) }, "not as the protocol has it"},
		{"a message without a cursor", func(p *peer) { p.say(`{"t":"a","text":"x"}`) }, "no cursor"},
		{"a subscription without a position", func(p *peer) { p.say(`{"sub":"a","id":1}`) }, "a position is missing"},
		{"a gap without a position", func(p *peer) { p.say(`{"gap":"a"}`) }, "a position is missing"},
		{"ok to a subscription", func(p *peer) { p.say(`{"ok":1}`) }, "not one to this request"},
		{"a subscription for ok", func(p *peer) { p.say(`{"sub":"a","at":"c","id":2}`) }, "not one to this request"},
		{"an error of nobody's", func(p *peer) { p.say(`{"err":null,"code":"bad_request","message":"what?"}`) }, "bad_request: what?"},
		{"too large an error of nobody's", func(p *peer) {
			p.say(`{"ok":2,"at":"c"}`)
			p.say(`{"err":null,"code":"too_large","message":"what?"}`)
		}, "too_large: what?"},
		{"a message larger than any", func(p *peer) { p.SendHex("81 7f 7fffffffffffffff") }, "message"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *scripted) {
				c := s.client(nil)
				sub := subscribe(t, c, "a", nil)
				p := s.accept()
				p.expect(`{"sub":"a","id":1}`)
				assert.NoError(t, c.PublishAsync("a", Message{}, nil))
				p.expect(`{"pub":"a","text":"","id":2}`)
				tt.send(p)
				code := p.ExpectCloseCode
				if tt.name == "a message larger than any" {
					code(websocket.StatusMessageTooBig)
				} else {
					code(websocket.StatusPolicyViolation)
				}
				p.Close()
				synctest.Wait()
				assert.Contains(t, c.State().Err.Error(), tt.says)
				s.accept()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := sub.Next(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			})
		})
	}
}

// What nobody asked for is passed over.
func TestWhatNobodyAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		c := s.client(nil)
		sub := subscribe(t, c, "a", nil)
		p := s.accept()
		p.expect(`{"sub":"a","id":1}`)
		p.message("a", 9) // before the answer
		for _, text := range []string{
			`{}`, `{"t":"b","at":"c1","text":"x"}`, `{"ok":7}`, `{"ok":"7"}`, `{"ok":-1}`, `{"err":7,"code":"x"}`,
			`{"sub":"a","at":"c8","id":7}`, `{"sub":"a","at":"c8"}`, `{"gap":"b","at":"c1"}`, `{"gap":"a","at":"c8"}`,
			`{"end":"b","code":"slow"}`, `{"end":"a","code":"denied"}`, `{"presence":"b","count":1}`, `{"presence":"a","count":-1}`,
		} {
			p.say("%s", text)
		}
		p.say(`{"sub":"a","at":"c0","gap":false,"id":1}`)
		p.message("a", 1)
		assert.Equal(t, texts(t, sub, 1), []string{"1"})
	})
}

// The connection works through all that websocket.Dial has.
func TestDialOptions(t *testing.T) {
	inBubble(t, func(t *testing.T, s *scripted) {
		o := &websocket.DialOptions{
			DialContext: s.listener.DialContext, Proxy: noProxy, Subprotocols: []string{"unused"},
			Header: http.Header{"X-One": {"1"}}, Compression: &websocket.Compression{},
		}
		c := s.client(&Options{Dial: o})
		subscribe(t, c, "a", nil)
		p := s.acceptRaw()
		request := p.ServerHandshake("Sec-WebSocket-Protocol: " + subprotocol)
		assert.Contains(t, request, "X-One: 1\r\n")
		assert.Contains(t, request, "permessage-deflate")
		assert.Contains(t, request, "Sec-WebSocket-Protocol: "+subprotocol+"\r\n")
		assert.Equal(t, o.Subprotocols, []string{"unused"})
	})
}

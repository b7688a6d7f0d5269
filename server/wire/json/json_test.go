package json_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/json"
	"github.com/duplexhq/duplex/websocket"
)

func TestSubscribeAndPublish(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, nil)
		ann, bob := s.connect(), s.connect()
		ann.ask(`{"sub":"orders.42","id":1}`, `{"sub":"orders.42","at":"CURSOR","gap":false,"id":1}`)
		bob.ask(`{"sub":"orders.42"}`, `{"sub":"orders.42","at":"CURSOR","gap":false}`) // it says where, so it comes without an id too
		for _, m := range []struct{ pub, got string }{
			{`"data":{"a": [1]}`, `"data":{"a": [1]}`},
			{`"text":"grüß\ndich"`, `"text":"grüß\ndich"`},
			{`"base64":"AP8+"`, `"base64":"AP8+"`},
			{`"data":1,"key":"k"`, `"data":1,"key":"k"`},
		} {
			bob.send(`{"pub":"orders.42",` + m.pub + `,"id":"p"}`)
			ann.expect(`{"t":"orders.42","at":"CURSOR","ts":TIME,` + m.got + `}`)
			bob.expect(`{"t":"orders.42","at":"CURSOR","ts":TIME,`+m.got+`}`, `{"ok":"p","at":"CURSOR"}`)
		}
		ann.ask(`{"unsub":"orders.42","id":2}`, `{"ok":2}`)
		bob.ask(`{"pub":"orders.42","data":2,"id":3}`, `{"t":"orders.42","at":"CURSOR","ts":TIME,"data":2}`)
		bob.expect(`{"ok":3,"at":"CURSOR"}`)
		ann.ask(`{"unsub":"never.there","id":4}`, `{"ok":4}`)
	})
}

// A request without an id is answered only if something is wrong.
func TestWithoutAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		c.send(`{"pub":"room","data":1}`, `{"unsub":"room"}`, `{"get":"room"}`, `{"who":"room"}`, `{"id":null,"pub":"room","text":""}`)
		c.ask(`{"pub":"a b","data":1}`, `{"err":null,"code":"bad_topic","retry":false,"message":"topic name: ' ' at byte 1 is not allowed; …"}`)
		c.ask(`{"unsub":"room","id":"last"}`, `{"ok":"last"}`)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{MaxSubscriptions: 2}, nil)
		c := s.connect()
		for _, r := range []struct{ request, code, says string }{
			{`{`, "bad_request", "this is not JSON"},
			{`{"sub":"a..b"}`, "bad_topic", "the token at byte 2 is empty"},
			{`{"sub":"a.>.b"}`, "bad_topic", ""},
			{`{"pub":"a.*","data":1}`, "bad_topic", ""},
			{`{"get":"a.*"}`, "bad_topic", ""},
			{`{"who":"a.*"}`, "bad_topic", ""},
			{`{"unsub":"a b"}`, "bad_topic", ""},
			{`{"sub":"a","after":"yesterday"}`, "bad_cursor", "this is no cursor"},
			{`{"get":"a","after":"yesterday"}`, "bad_cursor", "this is no cursor"},
			{`{"sub":"a.*","last":1}`, "bad_request", "need one topic"},
			{`{"sub":"a.*","presence":true}`, "bad_request", "need one topic"},
			{`{"sub":"a.*","as":"ann"}`, "bad_request", "need one topic"},
			{`{"auth":"TOKEN"}`, "unsupported", "does not authenticate"},
		} {
			c.ask(r.request, `{"err":null,"code":"`+r.code+`","retry":false,"message":"…"}`)
			c.send(strings.Replace(r.request, "{", `{"id":"x",`, 1))
			assert.Contains(t, c.next(), r.says)
		}
		assert.NoError(t, c.Write(t.Context(), websocket.Binary, []byte(`{"sub":"a"}`)))
		c.expect(`{"err":null,"code":"bad_request","retry":false,"message":"binary frames are refused; …"}`)

		c.ask(`{"sub":"a"}`, `{"sub":"a","at":"CURSOR","gap":false}`)
		c.ask(`{"sub":"b.*"}`, `{"sub":"b.*","at":"CURSOR","gap":false}`)
		c.ask(`{"sub":"c","id":1}`, `{"err":1,"code":"too_many","retry":false,"message":"…"}`)
		c.ask(`{"sub":"a"}`, `{"sub":"a","at":"CURSOR","gap":false}`) // instead of the first
		c.ask(`{"unsub":"a","id":2}`, `{"ok":2}`)
		c.ask(`{"sub":"c"}`, `{"sub":"c","at":"CURSOR","gap":false}`)
	})
}

func TestWhereASubscriptionBegins(t *testing.T) {
	for _, c := range []struct {
		begin string // %s is the position of the second message
		want  []string
	}{
		{``, nil},
		{`,"last":2`, []string{"two", "three"}},
		{`,"after":"%s"`, []string{"three"}},
		{`,"last":3,"after":"%s"`, []string{"three"}},
	} {
		t.Run(c.begin, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, json.Options{}, nil)
				s.publishText("room", "one")
				two := s.publishText("room", "two")
				s.publishText("room", "three")
				ann := s.connect()
				ann.ask(`{"sub":"room"`+strings.Replace(c.begin, "%s", two.String(), 1)+`}`, `{"sub":"room","at":"CURSOR","gap":false}`)
				s.publishText("room", "now")
				for _, text := range append(c.want, "now") {
					ann.expect(`{"t":"room","at":"CURSOR","ts":TIME,"text":"` + text + `"}`)
				}
			})
		})
	}
}

// What two subscriptions match comes twice, once for each, and says for which.
func TestFilters(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, nil)
		ann, bob := s.connect(), s.connect()
		ann.ask(`{"sub":"orders.*"}`, `{"sub":"orders.*","at":"CURSOR","gap":false}`)
		bob.ask(`{"sub":"orders.*"}`, `{"sub":"orders.*","at":"CURSOR","gap":false}`)
		bob.ask(`{"sub":">"}`, `{"sub":">","at":"CURSOR","gap":false}`)
		at := s.publishText("orders.42", "x")
		ann.expect(`{"t":"orders.42","sub":"orders.*","at":"` + at.String() + `","ts":TIME,"text":"x"}`)
		two := bob.next() + bob.next()
		assert.Contains(t, two, `{"t":"orders.42","sub":"orders.*","at":"`+at.String())
		assert.Contains(t, two, `{"t":"orders.42","sub":">","at":"`+at.String())
		// And from where it was, as with a topic.
		s.publishText("orders.43", "y")
		eve := s.connect()
		eve.ask(`{"sub":"orders.>","after":"`+at.String()+`"}`, `{"sub":"orders.>","at":"CURSOR","gap":false}`)
		eve.expect(`{"t":"orders.43","sub":"orders.>","at":"CURSOR","ts":TIME,"text":"y"}`)
	})
}

func TestNotToHearOneself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		ann := s.connect()
		ann.ask(`{"pub":"room","text":"before","id":1}`, `{"ok":1,"at":"CURSOR"}`)
		ann.ask(`{"sub":"room","self":false,"last":10}`, `{"sub":"room","at":"CURSOR","gap":false}`)
		ann.ask(`{"pub":"room","text":"mine","id":2}`, `{"ok":2,"at":"CURSOR"}`)
		s.publishText("room", "of others")
		ann.expect(`{"t":"room","at":"CURSOR","ts":TIME,"text":"of others"}`)
	})
}

func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, &hub.Options{Default: hub.Settings{MaxMessages: 2}})
		old := s.publishText("room", "old")
		for i := range 4 {
			s.publishText("room", fmt.Sprint(i))
		}
		c := s.connect()
		c.ask(`{"sub":"room","after":"`+old.String()+`"}`, `{"sub":"room","at":"CURSOR","gap":true}`)
		c.expect(`{"t":"room","at":"CURSOR","ts":TIME,"text":"2"}`, `{"t":"room","at":"CURSOR","ts":TIME,"text":"3"}`)
		c.ask(`{"get":"room","after":"`+old.String()+`","limit":1,"id":1}`,
			`{"ok":1,"messages":[{"at":"CURSOR","ts":TIME,"text":"2"}],"at":"CURSOR","gap":true,"more":true}`)
	})
}

func TestHistory(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, &hub.Options{Engine: hub.NewLocal(hubtest.NewMemStore())})
		var at []hub.Cursor
		for i := range 5 {
			at = append(at, s.publishText("room", fmt.Sprint(i)))
		}
		message := func(i int) string {
			return fmt.Sprintf(`{"at":%q,"ts":%d,"text":"%d"}`, at[i], at[i].Time, i)
		}
		c := s.connect()
		c.ask(`{"get":"room","last":2,"id":1}`, `{"ok":1,"messages":[`+message(3)+`,`+message(4)+`],"at":"`+at[4].String()+`","gap":false,"more":false}`)
		c.ask(`{"get":"room","after":"`+at[1].String()+`","limit":2,"id":2}`,
			`{"ok":2,"messages":[`+message(2)+`,`+message(3)+`],"at":"`+at[3].String()+`","gap":false,"more":true}`)
		c.ask(`{"get":"room","limit":1,"id":3}`, `{"ok":3,"messages":[`+message(0)+`],"at":"`+at[0].String()+`","gap":false,"more":true}`)
		c.ask(`{"get":"elsewhere","id":4}`, `{"ok":4,"messages":[],"at":"CURSOR","gap":false,"more":false}`)
	})
}

func TestRetryIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		c.send(`{"pub":"room","text":"x","idem":"u-1","id":1}`)
		first := c.next()
		c.send(`{"pub":"room","text":"x","idem":"u-1","id":1}`)
		assert.Equal(t, c.next(), strings.TrimSuffix(first, "}")+`,"duplicate":true}`)
	})
}

func TestLatestOfEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, &hub.Options{Default: hub.Settings{Latest: true, MaxKeys: 2}})
		c := s.connect()
		c.ask(`{"pub":"prices","key":"a","data":1,"id":1}`, `{"ok":1,"at":"CURSOR"}`)
		c.ask(`{"pub":"prices","key":"b","data":2,"id":2}`, `{"ok":2,"at":"CURSOR"}`)
		c.ask(`{"pub":"prices","key":"a","data":3,"id":3}`, `{"ok":3,"at":"CURSOR"}`)
		c.ask(`{"pub":"prices","key":"c","data":4,"id":4}`, `{"err":4,"code":"too_many","retry":false,"message":"…"}`)
		c.ask(`{"sub":"prices"}`, `{"sub":"prices","at":"CURSOR","gap":false}`)
		c.expect(`{"t":"prices","at":"CURSOR","ts":TIME,"data":2,"key":"b"}`, `{"t":"prices","at":"CURSOR","ts":TIME,"data":3,"key":"a"}`)
		c.ask(`{"pub":"prices","key":"b"}`, `{"t":"prices","at":"CURSOR","ts":TIME,"text":"","key":"b"}`)
		d := s.connect()
		d.ask(`{"sub":"prices"}`, `{"sub":"prices","at":"CURSOR","gap":false}`)
		d.expect(`{"t":"prices","at":"CURSOR","ts":TIME,"data":3,"key":"a"}`)
	})
}

// After a gap come those of the latest that are newer than the cursor; last, filters and
// history have the log.
func TestLatestOfEachKeyBehindACursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, &hub.Options{Default: hub.Settings{Latest: true, MaxMessages: 1}})
		c := s.connect()
		c.ask(`{"pub":"prices","key":"a","data":1,"id":1}`, `{"ok":1,"at":"CURSOR"}`)
		seen := s.publishText("prices", "seen")
		c.ask(`{"pub":"prices","key":"b","data":2,"id":2}`, `{"ok":2,"at":"CURSOR"}`)
		c.ask(`{"pub":"prices","key":"c","data":3,"id":3}`, `{"ok":3,"at":"CURSOR"}`)
		two, three := `"at":"CURSOR","ts":TIME,"data":2,"key":"b"}`, `"at":"CURSOR","ts":TIME,"data":3,"key":"c"}`
		c.ask(`{"sub":"prices","after":"`+seen.String()+`"}`, `{"sub":"prices","at":"CURSOR","gap":true}`)
		c.expect(`{"t":"prices",`+two, `{"t":"prices",`+three)
		c.ask(`{"sub":"prices","last":2}`, `{"sub":"prices","at":"CURSOR","gap":false}`)
		c.expect(`{"t":"prices",` + three)
		c.ask(`{"sub":"*","after":"`+seen.String()+`"}`, `{"sub":"*","at":"CURSOR","gap":true}`)
		c.expect(`{"t":"prices","sub":"*",` + three)
		c.ask(`{"get":"prices","after":"`+seen.String()+`","id":4}`, `{"ok":4,"messages":[{`+three+`],"at":"CURSOR","gap":true,"more":false}`)
	})
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		ann, bob := s.connect(), s.connect()
		ann.ask(`{"sub":"room.1","presence":true,"as":"ann"}`, `{"sub":"room.1","at":"CURSOR","gap":false}`)
		ann.expect(`{"presence":"room.1","count":1,"here":["ann"],"more":false}`)
		bob.ask(`{"sub":"room.1","as":"bob"}`, `{"sub":"room.1","at":"CURSOR","gap":false}`)
		assert.Contains(t, ann.next(), `"bob"],"leave":[],"more":false}`)
		ann.ask(`{"who":"room.1","id":1}`, `{"ok":1,"who":["ann","bob"],"count":2,"more":false}`)
		ann.ask(`{"who":"room.1","after":"ann","limit":1,"id":2}`, `{"ok":2,"who":["bob"],"count":2,"more":false}`)
		ann.ask(`{"who":"room.1","limit":1,"id":3}`, `{"ok":3,"who":["ann"],"count":2,"more":true}`)
		bob.close()
		ann.expect(`{"presence":"room.1","count":1,"join":[],"leave":["bob"],"more":false}`)
	})
}

func TestNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := hubtest.NewMemStore()
		s := serve(t, json.Options{}, &hub.Options{Engine: hub.NewLocal(store)})
		c := s.connect()
		full := errors.New("/var/lib/duplex: the disk is full")
		store.FailAppend(full)
		c.ask(`{"pub":"room","data":1,"id":1}`, `{"err":1,"code":"unavailable","retry":true,"message":"it could not be done now; try again later"}`)
		store.FailAppend(full)
		c.ask(`{"pub":"room","data":1}`, `{"err":null,"code":"unavailable","retry":true,"message":"…"}`)
		c.ask(`{"pub":"room","data":2,"id":2}`, `{"ok":2,"at":"CURSOR"}`)
	})
}

func TestAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expires := time.Now().Add(time.Hour)
		s := serve(t, json.Options{Event: quiet(0).Event, Authenticate: func(token string) (json.Identity, error) {
			switch token {
			case "ann", "bob":
				return json.Identity{Name: token, Expires: expires}, nil
			case "old":
				return json.Identity{Name: "ann", Expires: time.Now()}, nil
			}
			return json.Identity{}, errors.New("secret details")
		}}, nil)
		c := s.connect()
		c.ask(`{"pub":"room","data":0,"id":1}`, `{"ok":1,"at":"CURSOR"}`)
		c.ask(`{"auth":"x","id":2}`, `{"err":2,"code":"denied","retry":false,"message":"the token is not valid"}`)
		c.ask(`{"auth":"old","id":3}`, `{"err":3,"code":"denied","retry":false,"message":"the token is not valid"}`)
		c.ask(`{"auth":"ann","id":4}`, `{"ok":4}`)
		c.ask(`{"auth":"bob","id":5}`, `{"err":5,"code":"denied","retry":false,"message":"the token is of somebody else; …"}`)
		c.ask(`{"sub":"room","as":"bob","id":6}`, `{"err":6,"code":"denied","retry":false,"message":"as is not the name …"}`)
		c.ask(`{"sub":"room","as":"ann","last":1}`, `{"sub":"room","at":"CURSOR","gap":false}`)
		c.expect(`{"t":"room","at":"CURSOR","ts":TIME,"data":0}`)
		c.ask(`{"pub":"room","data":1}`, `{"t":"room","at":"CURSOR","ts":TIME,"data":1,"by":"ann"}`)

		// A token in time replaces the first one.
		time.Sleep(59 * time.Minute)
		expires = expires.Add(time.Hour)
		c.ask(`{"auth":"ann","id":7}`, `{"ok":7}`)
		start := time.Now()
		c.expect(`{"err":null,"code":"denied","retry":false,"message":"the token has expired; …"}`)
		assert.Contains(t, c.expectClose(websocket.StatusPolicyViolation), "token expired")
		assert.Equal(t, time.Since(start), 61*time.Minute)
	})
}

func TestByeBeforeTheEnd(t *testing.T) {
	everyWay(t, func(t *testing.T, serve func(testing.TB, json.Options, *hub.Options) *site) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		c.ask(`{"sub":"room"}`, `{"sub":"room","at":"CURSOR","gap":false}`)
		ended := make(chan error, 1)
		go func() { ended <- s.wire.Shutdown(t.Context()) }()
		c.expect(`{"bye":{"retry":TIME,"reason":"shutdown"}}`)
		c.expectClose(websocket.StatusGoingAway)
		assert.NoError(t, <-ended)
		assert.Equal(t, s.wire.Len(), 0)
	})
}

func TestSubscriptionsEndWithTheirSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		for i := range 10 {
			c.ask(fmt.Sprintf(`{"sub":"room.%d"}`, i), fmt.Sprintf(`{"sub":"room.%d","at":"CURSOR","gap":false}`, i))
		}
		_ = c.CloseNow()
		synctest.Wait()
		list, err := s.hub.Topics(t.Context(), "room.>", "", 100)
		assert.NoError(t, err)
		for _, info := range list {
			assert.Equal(t, info.Subscribers, 0)
		}
	})
}

func TestHubThatClosesEndsSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		c := s.connect()
		c.ask(`{"sub":"room"}`, `{"sub":"room","at":"CURSOR","gap":false}`)
		assert.NoError(t, s.hub.Close())
		c.expect(`{"end":"room","code":"unavailable","retry":true,"message":"it is shutting down; try again later","at":"CURSOR"}`)
		c.ask(`{"sub":"room","id":1}`, `{"err":1,"code":"unavailable","retry":true,"message":"…"}`)
		c.ask(`{"pub":"room","data":1,"id":2}`, `{"err":2,"code":"unavailable","retry":true,"message":"…"}`)
	})
}

// A client that offers other subprotocols is told, as it would not get further.
func TestSubprotocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, json.Options{}, nil)
		for _, c := range []struct {
			offers []string
			agreed string
			status int
		}{
			{nil, "", 101},
			{[]string{"duplex.v1.json"}, "duplex.v1.json", 101},
			{[]string{"duplex.v2.json", "duplex.v1.json"}, "duplex.v1.json", 101},
			{[]string{"graphql-ws"}, "", 400},
		} {
			conn, resp, err := websocket.Dial(t.Context(), "ws://localhost/ws", &websocket.DialOptions{DialContext: s.dial, Subprotocols: c.offers})
			assert.Equal(t, resp.StatusCode, c.status)
			if c.status != 101 {
				body, _ := io.ReadAll(resp.Body)
				assert.Contains(t, fmt.Sprint(err, string(body)), "duplex.v1.json")
				continue
			}
			assert.Equal(t, conn.Subprotocol(), c.agreed)
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
		client := &http.Client{Transport: &http.Transport{DialContext: s.dial, DisableKeepAlives: true}}
		resp, err := client.Get("http://localhost/ws")
		assert.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, resp.StatusCode, http.StatusUpgradeRequired)
	})
}

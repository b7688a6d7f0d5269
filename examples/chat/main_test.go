package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/wstest"
)

// A guest is somebody in the room.
type guest struct {
	*testing.T
	*websocket.Conn
}

// open opens a chat on connections in memory, which hold little, and returns how
// to enter it.
func open(t *testing.T) (enter func() guest) {
	t.Helper()
	l := wstest.Listen()
	srv := &http.Server{Handler: handler()}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return func() guest {
		c, _, err := websocket.Dial(t.Context(), "ws://localhost/", &websocket.DialOptions{
			DialContext: l.DialContext, Compression: &websocket.Compression{}, // as a browser does
		})
		assert.NoError(t, err)
		assert.Equal(t, c.Extensions(), "permessage-deflate")
		t.Cleanup(func() { _ = c.CloseNow() })
		g := guest{t, c}
		g.say("knock") // the server has let us in when it comes back
		g.hear("knock")
		return g
	}
}

func (g guest) say(s string) {
	g.Helper()
	assert.NoError(g, g.Write(g.Context(), websocket.Text, []byte(s)))
}

func (g guest) hear(want string) {
	g.Helper()
	kind, got, err := g.Read(g.Context())
	assert.NoError(g, err)
	assert.Equal(g, kind, websocket.Text)
	assert.Equal(g, string(got), want)
}

func TestEverybodyReadsEverything(t *testing.T) {
	enter := open(t)
	ann := enter()
	bob := enter()
	ann.hear("knock") // bob
	ann.say("hi")
	bob.hear("hi")
	ann.hear("hi")
	bob.say("hello")
	ann.hear("hello")
	bob.hear("hello")
}

func TestWhoLeavesIsNotMissed(t *testing.T) {
	enter := open(t)
	ann := enter()
	bob := enter()
	ann.hear("knock")
	assert.NoError(t, bob.Close(websocket.StatusNormalClosure, ""))
	ann.say("anybody there?")
	ann.hear("anybody there?")
}

func TestSlowGuestDelaysNobody(t *testing.T) {
	const size, n = 16 << 10, 200 // more than the queue and the connection hold, compressed too
	noise := make([]byte, size*3/4)
	rand.NewChaCha8([32]byte{}).Read(noise)
	letters := base64.StdEncoding.EncodeToString(noise)
	enter := open(t)
	slow := enter()
	quick := enter()
	for i := range n {
		message := fmt.Sprint(i, letters[i:], letters[:i])
		quick.say(message)
		quick.hear(message)
	}

	slow.hear("knock") // quick
	for i := range n {
		_, _, err := slow.Read(t.Context())
		if err != nil {
			assert.True(t, i > 0, "what was queued arrives")
			assert.Equal(t, websocket.CloseStatus(err), websocket.StatusAbnormalClosure)
			return
		}
	}
	t.Fatal("the slow guest was not sent away")
}

func TestPageAndSocketShareTheURL(t *testing.T) {
	srv := httptest.NewServer(handler())
	defer srv.Close()

	for path, status := range map[string]int{"/": http.StatusOK, "/favicon.ico": http.StatusNotFound} {
		w := httptest.NewRecorder()
		handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		assert.Equal(t, w.Code, status)
		if status == http.StatusOK {
			assert.Equal(t, w.Body.String(), page)
			assert.Equal(t, w.Result().Header.Get("Content-Type"), "text/html; charset=utf-8")
		}
	}

	c, _, err := websocket.Dial(context.Background(), srv.URL, &websocket.DialOptions{
		Header: http.Header{"Origin": {srv.URL}},
	})
	assert.NoError(t, err)
	assert.NoError(t, c.Close(websocket.StatusNormalClosure, ""))

	_, _, err = websocket.Dial(context.Background(), srv.URL, &websocket.DialOptions{
		Header: http.Header{"Origin": {"https://elsewhere.example"}},
	})
	assert.Contains(t, err.Error(), "403")
}

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/websocket"
)

// pauseBefore bounds the time before a connection that was lost is made again.
const pauseBefore = 300 * time.Millisecond

const statusGap websocket.StatusCode = 4010

// subscribeSession is what a page does without any library: it opens the same URL whenever
// the connection is lost.
func (a *actor) subscribeSession(s *Subscriber) {
	begin := a.begin[s.Filter]
	path := topicPath(s.Filter, "session", "chaos-session-"+s.Name, "after", begin.String())
	a.subscribeRaw(s, begin, func(Cursor) (string, Cursor) { return path, Cursor{} })
}

// subscribeAfter has the cursor of a message that came from somebody who was told, if
// cursors last, and else goes on where the last gap was.
func (a *actor) subscribeAfter(s *Subscriber) {
	a.subscribeRaw(s, a.begin[s.Filter], func(at Cursor) (string, Cursor) {
		for i := len(s.Events) - 1; i >= 0 && a.Data != ""; i-- {
			if e := &s.Events[i]; e.What == Received {
				if known, ok := a.rec.place(e.ID); ok {
					at = known
					break
				}
			} else if e.What == Gap {
				break
			}
		}
		return topicPath(s.Filter, "after", at.String()), at
	})
}

// subscribeRaw receives over raw sockets. next returns where to connect, given the position
// of the last gap or the beginning, and the position that the URL says.
func (a *actor) subscribeRaw(s *Subscriber, begin Cursor, next func(Cursor) (string, Cursor)) {
	at := begin
	for first := true; !s.Caught && !a.isOver(); a.wait(pauseBefore) {
		path, after := next(at)
		conn, err := a.socket(path)
		if err != nil {
			continue
		}
		if first {
			after, first = begin, false
			a.attached.Done()
		}
		a.rec.connected(s, after)
		err = a.readRaw(conn, s)
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Received == nil {
			continue
		}
		if closed.Received.Code == statusGap {
			at = a.rawGap(s, closed.Received.Reason)
		} else {
			a.rec.farewell(fmt.Sprintf("%d %s", closed.Received.Code, closed.Received.Reason))
		}
	}
}

// readRaw reads until the connection ends, or the subscriber leaves.
func (a *actor) readRaw(conn *websocket.Conn, s *Subscriber) error {
	for left := a.patience(); ; left-- {
		if left <= 0 && !a.isCalm() {
			a.part(conn)
			return nil
		}
		a.idle()
		_, p, err := conn.Read(a.ctx)
		if err != nil {
			return err
		}
		if _, last := a.rec.received(s, p, Cursor{}); last {
			s.Caught = true
			return conn.Close(websocket.StatusNormalClosure, "")
		}
	}
}

// patience returns after how many messages a subscriber leaves.
func (a *actor) patience() int { return int(a.rng.ExpFloat64() * 300) }

// rawGap takes the reason of a close frame that tells of a gap.
func (a *actor) rawGap(s *Subscriber, reason string) Cursor {
	text, _ := strings.CutPrefix(reason, "gap after=")
	at, err := ParseCursor(text)
	if err != nil {
		a.rec.trouble("%s was closed with %d %q", s.Name, statusGap, reason)
	}
	a.rec.gap(s, at)
	return at
}

// A jsonSubscriber is many subscriptions over one socket of duplex.v1.json.
type jsonSubscriber struct {
	*actor
	subs  map[string]*Subscriber
	at    map[string]string // where to go on, by filter
	begun map[string]bool
	left  int // those that have not got to the end
	ends  map[string]int
}

// subscribeJSON speaks duplex.v1.json by hand.
func (a *actor) subscribeJSON(subs []*Subscriber) {
	j := &jsonSubscriber{actor: a, subs: make(map[string]*Subscriber), at: make(map[string]string),
		begun: make(map[string]bool), left: len(subs), ends: make(map[string]int)}
	for _, s := range subs {
		j.subs[s.Filter] = s
		if begin, ok := a.begin[s.Filter]; ok {
			j.at[s.Filter] = begin.String()
		}
	}
	for ; j.left > 0 && !a.isOver(); a.wait(pauseBefore) {
		conn, err := a.socket("/ws", "duplex.v1.json")
		if err != nil {
			continue
		}
		for filter := range j.subs {
			j.ask(conn, filter)
		}
		for left := a.patience() * len(subs); err == nil && j.left > 0 && (left > 0 || a.isCalm()); left-- {
			a.idle()
			var f jsonFrame
			if f, err = nextFrame(a.ctx, conn); err == nil {
				j.take(conn, &f)
			}
		}
		a.part(conn)
	}
}

// ask subscribes to a filter. If that fails the connection is over.
func (j *jsonSubscriber) ask(conn *websocket.Conn, filter string) {
	o := map[string]string{"sub": filter, "id": filter}
	if at := j.at[filter]; at != "" {
		o["after"] = at
	}
	p, err := json.Marshal(o)
	if err == nil {
		err = conn.Write(j.ctx, websocket.Text, p)
	}
	if err != nil {
		_ = conn.CloseNow()
	}
}

// take takes a frame.
func (j *jsonSubscriber) take(conn *websocket.Conn, f *jsonFrame) {
	var gap string
	switch {
	case f.T != "":
		j.message(f)
	case f.Sub != "":
		j.begins(f)
	case json.Unmarshal(f.Gap, &gap) == nil && j.subs[gap] != nil:
		j.rec.gap(j.subs[gap], j.cursor(f.At))
		j.at[gap] = f.At
	case f.End != "" && f.Retry && j.subs[f.End] != nil:
		j.rec.farewell("end " + f.Code)
		j.at[f.End] = f.At
		j.ask(conn, f.End)
	case f.Bye != nil:
		j.rec.farewell("bye")
	case f.Err != nil && f.Retry:
		_ = conn.CloseNow()
	default:
		j.rec.trouble("%s got a frame it does not understand: %+v", j.name, f)
	}
}

// begins takes the answer to ask.
func (j *jsonSubscriber) begins(f *jsonFrame) {
	s := j.subs[f.Sub]
	if s == nil {
		j.rec.trouble("%s did not subscribe to %s", j.name, f.Sub)
		return
	}
	after := j.at[f.Sub]
	if after == "" {
		after, j.at[f.Sub] = f.At, f.At
	}
	j.rec.connected(s, j.cursor(after))
	if string(f.Gap) == "true" {
		j.rec.gap(s, j.cursor(f.At))
		j.at[f.Sub] = f.At
	}
	if !j.begun[f.Sub] {
		j.begun[f.Sub] = true
		j.attached.Done()
	}
}

func (j *jsonSubscriber) message(f *jsonFrame) {
	filter := f.T
	if f.Sub != "" {
		filter = f.Sub
	}
	s := j.subs[filter]
	if s == nil {
		j.rec.trouble("%s did not subscribe to %s", j.name, filter)
		return
	}
	j.at[filter] = f.At
	if _, last := j.rec.received(s, f.payload(), j.cursor(f.At)); last {
		j.ends[filter]++
		if j.ends[filter] == topicsOf(filter) {
			s.Caught = true
			j.left--
		}
	}
}

// topicsOf returns how many topics a filter matches.
func topicsOf(filter string) (n int) {
	for _, topic := range logged() {
		if match(filter, topic) {
			n++
		}
	}
	return n
}

// cursor reads one that the server gave.
func (a *actor) cursor(text string) Cursor {
	c, err := ParseCursor(text)
	if err != nil {
		a.rec.trouble("%s was given %q for a cursor", a.name, text)
	}
	return c
}

// subscribeClient subscribes with the Go client, which connects again by itself. Now and
// then another one goes on where it was.
func (a *actor) subscribeClient(s *Subscriber) {
	at := a.begin[s.Filter].String()
	for ends, first := 0, true; !s.Caught && !a.isOver(); {
		ctx, cancel := a.process()
		c := client.New(a.url("/ws"), &client.Options{Dial: &websocket.DialOptions{DialContext: a.dial}})
		sub, err := c.Subscribe(s.Filter, &client.SubscribeOptions{MaxQueue: 64 << 10, After: at})
		if err == nil {
			err = sub.Ready(ctx)
		}
		if err == nil {
			at = sub.At()
			a.rec.connected(s, a.cursor(at))
			if first {
				first = false
				a.attached.Done()
			}
			err = a.readClient(ctx, s, sub, &ends)
			at = sub.At()
		}
		if err != nil && ctx.Err() == nil {
			a.rec.trouble("%s: %v", s.Name, err)
		}
		a.closeClient(c)
		cancel()
	}
}

// readClient reads until the end of the topics, or of ctx.
func (a *actor) readClient(ctx context.Context, s *Subscriber, sub *client.Subscription, ends *int) error {
	for *ends < topicsOf(s.Filter) {
		a.idle()
		ev, err := sub.Next(ctx)
		switch {
		case err != nil:
			return err
		case ev.Type == client.GapEvent:
			a.rec.gap(s, a.cursor(ev.At))
		default:
			if _, last := a.rec.received(s, ev.Data, a.cursor(ev.At)); last {
				*ends++
			}
		}
	}
	s.Caught = true
	return nil
}

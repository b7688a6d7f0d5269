package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/websocket"
)

// changes returns a source of messages with keys, of which some remove their key, to one of
// these topics. All keys are this actor's.
func (a *actor) changes(size func() int, topics ...*Keyed) source {
	const keys = 4
	numbers := make(map[*Keyed][]uint32)
	name := func(i int) string { return fmt.Sprintf("%s-%d", a.name, i) }
	for _, k := range topics {
		for i := range keys {
			numbers[k] = append(numbers[k], a.rec.key(k, name(i)))
		}
	}
	sent := uint32(0)
	return func() *publication {
		k := topics[a.rng.IntN(len(topics))]
		i := a.rng.IntN(keys)
		p := &publication{topic: k.Topic, keyed: k, key: numbers[k][i], keyName: name(i)}
		p.idem = fmt.Sprintf("%s/%d", a.name, sent)
		p.id = ID{p.key, sent}
		if a.rng.IntN(6) == 0 {
			p.id.Seq = Removal
		} else {
			p.body = payload(p.keyName, sent, size())
			p.kind = []client.Kind{client.Text, client.JSON, client.Binary}[sent%3]
		}
		sent++
		return p
	}
}

// keepAll starts the keepers of a topic.
func (r *run) keepAll(k *Keyed) {
	for _, form := range []struct {
		name string
		keep func(a *actor, k *Keyed, s *Keeper)
	}{
		{"json", func(a *actor, k *Keyed, s *Keeper) {
			if k.Conflates {
				a.goStraight() // as one of the other slow ones
			}
			a.keepJSON(k, s, false)
		}},
		{"json-anew", func(a *actor, k *Keyed, s *Keeper) { a.keepJSON(k, s, true) }},
		{"client", (*actor).keepClient},
		{"sse", (*actor).keepEvents},
	} {
		s := &Keeper{Name: k.Topic + "-" + form.name, Form: form.name}
		k.Keepers = append(k.Keepers, s)
		a := r.actor(s.Name)
		if k.Conflates {
			burst := r.actor(s.Name + "-burst")
			a.stallWith(burst, burst.changes(func() int { return stallSize }, k))
		}
		r.attached.Add(1)
		r.subscribers.Go(func() { form.keep(a, k, s) })
	}
}

// kept takes a message that a keeper got. last tells whether it was the last one.
func (r *recorder) kept(k *Keyed, s *Keeper, key string, body []byte, at Cursor) (last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	number, known := r.keys[k.Topic+" "+key]
	c := Change{Key: number, Seq: Removal, At: at}
	if len(body) > 0 {
		var name string
		var ok bool
		name, c.Seq, ok = parsePayload(body)
		known = known && ok && name == key
	}
	if !known {
		r.note("%s received what nobody sent with the key %s: %.100q", s.Name, key, body)
		return false
	}
	s.Events = append(s.Events, KeyEvent{Received, c, r.now()})
	s.Caught = key == lastPrefix+k.Topic
	return s.Caught
}

// keptFrom takes a connection that goes on behind a position, or begins with the latest
// of each key if that is zero, and keptGap a gap.
func (r *recorder) keptFrom(s *Keeper, at Cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Events = append(s.Events, KeyEvent{Resumed, Change{At: at}, r.now()})
}

func (r *recorder) keptGap(s *Keeper, at Cursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Events = append(s.Events, KeyEvent{Gap, Change{At: at}, r.now()})
}

// A jsonKeeper is a keeper over duplex.v1.json.
type jsonKeeper struct {
	*actor
	k     *Keyed
	s     *Keeper
	anew  bool   // begins anew when it is told of a gap: then it knows what was removed, too
	at    string // where to go on; "" to begin anew
	asked int
	begun bool
}

func (a *actor) keepJSON(k *Keyed, s *Keeper, anew bool) {
	j := &jsonKeeper{actor: a, k: k, s: s, anew: anew}
	for ; !s.Caught && !a.isOver(); a.wait(pauseBefore) {
		conn, err := a.socket("/ws", "duplex.v1.json")
		if err != nil {
			continue
		}
		j.ask(conn)
		for left := a.patience(); err == nil && !s.Caught && (left > 0 || a.isCalm()); left-- {
			a.idle()
			var f jsonFrame
			if f, err = nextFrame(a.ctx, conn); err == nil {
				j.take(conn, &f)
			}
		}
		a.part(conn)
	}
}

// ask subscribes. If that fails the connection is over.
func (j *jsonKeeper) ask(conn *websocket.Conn) {
	j.asked++
	o := map[string]any{"sub": j.k.Topic, "id": j.asked}
	if j.at != "" {
		o["after"] = j.at
	}
	p, err := json.Marshal(o)
	if err == nil {
		err = conn.Write(j.ctx, websocket.Text, p)
	}
	if err != nil {
		_ = conn.CloseNow()
	}
}

func (j *jsonKeeper) take(conn *websocket.Conn, f *jsonFrame) {
	switch {
	case f.T != "":
		if j.at != "" { // else it waits for the answer, and these are of before
			j.at = f.At
		}
		j.rec.kept(j.k, j.s, f.Key, f.payload(), j.cursor(f.At))
	case f.Sub != "":
		j.begins(conn, f)
	case len(f.Gap) > 0:
		j.gap(conn, f.At)
	case f.End != "" && f.Retry:
		j.rec.farewell("end " + f.Code)
		if j.at != "" {
			j.at = f.At
		}
		j.ask(conn)
	case f.Bye != nil:
		j.rec.farewell("bye")
	case f.Err != nil && f.Retry:
		_ = conn.CloseNow()
	default:
		j.rec.trouble("%s got a frame it does not understand: %+v", j.name, f)
	}
}

// begins takes the answer to ask.
func (j *jsonKeeper) begins(conn *websocket.Conn, f *jsonFrame) {
	var after Cursor
	if j.at != "" {
		after = j.cursor(j.at)
	}
	j.rec.keptFrom(j.s, after)
	j.at = f.At
	if !j.begun {
		j.begun = true
		j.attached.Done()
	}
	if string(f.Gap) == "true" {
		j.gap(conn, f.At)
	}
}

func (j *jsonKeeper) gap(conn *websocket.Conn, at string) {
	j.rec.keptGap(j.s, j.cursor(at))
	if j.anew {
		j.at = ""
		j.ask(conn)
	} else if j.at != "" {
		j.at = at
	}
}

// keepEvents is a keeper with EventSource.
func (a *actor) keepEvents(k *Keyed, s *Keeper) {
	for last, begun := "", false; !s.Caught && !a.isOver(); a.wait(pauseBefore) {
		ctx, cancel := context.WithCancel(a.ctx)
		resp, err := a.get(ctx, topicPath(k.Topic, "envelope", "1"), http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {last}})
		if err == nil {
			var after Cursor
			if last != "" {
				after = a.cursor(last)
			}
			a.rec.keptFrom(s, after)
			if !begun {
				begun = true
				a.attached.Done()
			}
			r := &eventReader{lines: bufio.NewReader(resp.Body), id: last, last: last}
			a.keepReading(k, s, r)
			last = r.last
			_ = resp.Body.Close()
		}
		cancel()
	}
}

func (a *actor) keepReading(k *Keyed, s *Keeper, r *eventReader) {
	for left := a.patience(); !s.Caught && (left > 0 || a.isCalm()); left-- {
		a.idle()
		kind, data, err := r.next()
		switch {
		case err != nil:
			return
		case data == "":
		case kind == "gap":
			a.rec.keptGap(s, a.cursor(r.last))
		default:
			var f jsonFrame
			if err := json.Unmarshal([]byte(data), &f); err != nil || f.At != r.last {
				a.rec.trouble("%s received %q with the ID %s", s.Name, data, r.last)
			}
			a.rec.kept(k, s, f.Key, f.payload(), a.cursor(r.last))
		}
	}
}

// keepClient is a keeper with the Go client. Now and then another one goes on where it was.
func (a *actor) keepClient(k *Keyed, s *Keeper) {
	for at, first := "", true; !s.Caught && !a.isOver(); {
		ctx, cancel := a.process()
		c := client.New(a.url("/ws"), &client.Options{Dial: &websocket.DialOptions{DialContext: a.dial}})
		sub, err := c.Subscribe(k.Topic, &client.SubscribeOptions{MaxQueue: 64 << 10, After: at})
		if err == nil {
			var after Cursor
			if at != "" {
				after = a.cursor(at)
			}
			err = sub.Ready(ctx)
			if err == nil {
				a.rec.keptFrom(s, after)
				if first {
					first = false
					a.attached.Done()
				}
				err = a.keepNext(ctx, k, s, sub)
			}
			at = sub.At()
		}
		if err != nil && ctx.Err() == nil {
			a.rec.trouble("%s: %v", s.Name, err)
		}
		a.closeClient(c)
		cancel()
	}
}

func (a *actor) keepNext(ctx context.Context, k *Keyed, s *Keeper, sub *client.Subscription) error {
	for !s.Caught {
		a.idle()
		ev, err := sub.Next(ctx)
		switch {
		case err != nil:
			return err
		case ev.Type == client.GapEvent:
			a.rec.keptGap(s, a.cursor(ev.At))
		default:
			a.rec.kept(k, s, ev.Key, ev.Data, a.cursor(ev.At))
		}
	}
	return nil
}

// key adds a key, which must not have blanks, to a topic.
func (r *recorder) key(k *Keyed, name string) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := uint32(len(k.Keys)) //nolint:gosec // there are not so many
	k.Keys = append(k.Keys, name)
	r.keys[k.Topic+" "+name] = n
	return n
}

// changed takes what the publisher of a key was told.
func (r *recorder) changed(k *Keyed, c Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.Changes = append(k.Changes, c)
}

// lateKeeper is one that begins when all is over.
func (r *run) lateKeeper(k *Keyed) {
	s := &Keeper{Name: k.Topic + "-" + LateForm, Form: LateForm}
	k.Keepers = append(k.Keepers, s)
	a := r.actor(s.Name)
	r.attached.Add(1)
	r.subscribers.Go(func() { a.keepJSON(k, s, true) })
}

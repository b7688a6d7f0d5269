package poll

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
)

// Bounds of a long poll.
const (
	minWait = time.Second
	maxWait = time.Minute
)

// defaultLimit is how much there is in one answer, if nobody says.
const defaultLimit = 100

// A query is what a GET of a topic asks for.
type query struct {
	hub.Query
	wait time.Duration // 0: answer at once
}

// history answers GET /t/{topic}.
func (a *api) history(w http.ResponseWriter, r *http.Request, topic string) ([]byte, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	found, err := a.hub.Read(r.Context(), topic, q.Query)
	if err != nil {
		return nil, err
	}
	if q.wait > 0 && len(found.Messages) == 0 && !found.Gap && r.Method == http.MethodGet {
		if found, err = a.waitFor(w, r, topic, found.At, q); err != nil {
			return nil, err
		}
	}
	return appendHistory(nil, found), nil
}

// waitFor waits until there is a message behind a position, or a gap, or until the time
// is over. It returns what has come by then.
func (a *api) waitFor(w http.ResponseWriter, r *http.Request, topic string, after hub.Cursor, q query) (hub.History, error) {
	ctx, cancel := context.WithTimeout(r.Context(), q.wait)
	defer cancel()
	defer context.AfterFunc(a.until, cancel)()
	patient(w, q.wait)
	reader := hub.NewReader(buffer)
	sub, err := a.hub.Subscribe(topic, reader, &hub.SubscribeOptions{After: after})
	if err != nil {
		return hub.History{}, err
	}
	defer sub.Close()
	found := hub.History{At: after}
	for len(found.Messages) == 0 && !found.Gap {
		items, err := reader.Next(ctx)
		if ctx.Err() != nil && len(items) == 0 {
			return found, nil // nothing came
		}
		if err != nil {
			return found, err
		}
		if err := collect(&found, items, q.Limit); err != nil {
			return found, err
		}
	}
	return found, nil
}

// buffer is how many bytes of messages may come at once while a request waits.
const buffer = 64 << 10

// collect adds what has come to an answer of at most limit messages, which says where
// to go on.
func collect(found *hub.History, items []hub.Item, limit int) error {
	for _, item := range items {
		m, n := item.Message, item.Notice
		switch {
		case m != nil && len(found.Messages) == limit:
			found.More = true
			return nil
		case m != nil:
			found.Messages = append(found.Messages, m)
			found.At = m.At
		case n.Kind == hub.Ended:
			return n.Err
		case (n.Gap || n.Kind == hub.Gap) && len(found.Messages) > 0:
			// The next answer tells of it, before what follows it.
			found.More = true
			return nil
		case n.Gap || n.Kind == hub.Gap:
			found.Gap, found.At = true, n.At
		}
	}
	return nil
}

// patient lifts the limits of the server for a request that waits. Reading counts too:
// net/http ends a request when a read that looks for its end runs into a limit.
func patient(w http.ResponseWriter, wait time.Duration) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(wait + maxWait))
}

// appendHistory appends {"messages":[…],"at":CURSOR,"gap":false,"more":false}.
func appendHistory(dst []byte, found hub.History) []byte {
	dst = append(dst, `{"messages":[`...)
	for i, m := range found.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = wire.AppendMessage(dst, m, false, "")
	}
	dst = append(dst, `],"at":"`...)
	dst = found.At.Append(dst)
	dst = append(dst, `","gap":`...)
	dst = strconv.AppendBool(dst, found.Gap)
	dst = append(dst, `,"more":`...)
	dst = strconv.AppendBool(dst, found.More)
	return append(dst, '}')
}

// parseQuery reads the parameters of a GET. Those it does not know it ignores.
func parseQuery(r *http.Request) (query, error) {
	q := query{}
	values, err := wire.Query(r)
	if err != nil {
		return q, err
	}
	if after := values.Get("after"); after != "" {
		if q.After, err = hub.ParseCursor(after); err != nil {
			return q, err
		}
	}
	if q.Last, err = wire.ParseCount("last", values.Get("last"), 0, wire.MaxLast); err != nil {
		return q, err
	}
	if q.Limit, err = limitOf(values); err != nil {
		return q, err
	}
	if !q.After.IsZero() {
		q.Last = 0
	}
	q.wait, err = waitOf(values)
	return q, err
}

// limitOf returns how many things an answer may have.
func limitOf(values url.Values) (int, error) {
	limit, err := wire.ParseCount("limit", values.Get("limit"), defaultLimit, wire.MaxLimit)
	return cmp.Or(limit, defaultLimit), err
}

// waitOf returns how long to wait: 30s, or 30 alone for seconds.
func waitOf(values url.Values) (time.Duration, error) {
	text := values.Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if seconds, notNumber := strconv.Atoi(text); notNumber == nil && seconds <= int(maxWait/time.Second) {
		wait, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || wait < minWait || wait > maxWait {
		return 0, wire.BadRequest("wait is a time from 1s to 60s")
	}
	return wait, nil
}

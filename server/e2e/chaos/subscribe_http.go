package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// An eventReader reads a stream of server-sent events as a browser does (WHATWG HTML
// §9.2.6), and remembers the ID of the last event that was whole.
type eventReader struct {
	lines *bufio.Reader
	id    string // of the event that is being read
	last  string // Last-Event-ID
}

// next returns the next event that has data, or an id alone.
func (r *eventReader) next() (kind, data string, err error) {
	var parts []string
	for some := false; ; {
		line, err := r.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && some:
			r.last = r.id
			return kind, strings.Join(parts, "\n"), nil
		case name == "id":
			r.id, some = value, true
		case name == "event":
			kind, some = value, true
		case name == "data":
			parts, some = append(parts, value), true
		}
	}
}

// subscribeEvents is what EventSource does.
func (a *actor) subscribeEvents(s *Subscriber) {
	last := ""
	if begin, ok := a.begin[s.Filter]; ok {
		last = begin.String()
	}
	for begun, ends := false, 0; !s.Caught && !a.isOver(); a.wait(pauseBefore) {
		ctx, cancel := context.WithCancel(a.ctx)
		resp, err := a.get(ctx, topicPath(s.Filter), http.Header{"Accept": {"text/event-stream"}, "Last-Event-Id": {last}})
		if err == nil {
			if last != "" {
				a.rec.connected(s, a.cursor(last))
			}
			r := &eventReader{lines: bufio.NewReader(resp.Body), id: last, last: last}
			a.readEvents(s, r, &begun, &ends)
			last = r.last
			_ = resp.Body.Close()
		}
		cancel()
	}
}

// readEvents reads a stream until it ends or the subscriber leaves it.
func (a *actor) readEvents(s *Subscriber, r *eventReader, begun *bool, ends *int) {
	for left := a.patience(); left > 0 || a.isCalm(); left-- {
		a.idle()
		kind, data, err := r.next()
		if err != nil {
			return
		}
		if r.last != "" && !*begun {
			if len(s.Events) == 0 {
				a.rec.connected(s, a.cursor(r.last))
			}
			*begun = true
			a.attached.Done()
		}
		if data == "" {
			continue
		}
		if kind == "gap" {
			a.rec.gap(s, a.cursor(r.last))
			continue
		}
		if _, last := a.rec.received(s, eventPayload(s.Filter, kind, data), a.cursor(r.last)); last {
			if *ends++; *ends == topicsOf(s.Filter) {
				s.Caught = true
				return
			}
		}
	}
}

// eventPayload returns the payload of a message from its event.
func eventPayload(filter, kind, data string) []byte {
	if isFilter(filter) {
		var f jsonFrame
		_ = json.Unmarshal([]byte(data), &f) // what is wrong is noticed
		return f.payload()
	}
	if kind == "binary" {
		p, _ := base64.StdEncoding.DecodeString(data) // as above
		return p
	}
	return []byte(data)
}

// get makes a request and returns the answer if it is 200.
func (a *actor) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url(path), http.NoBody)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		if values[0] != "" {
			r.Header[name] = values
		}
	}
	resp, err := a.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		p, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // it says why
		a.rec.trouble("GET %s was answered with %d %s", path, resp.StatusCode, p)
	}
	return nil, errAgain
}

// A page is a part of the history of a topic.
type page struct {
	Messages []jsonFrame
	At       string
	Gap      bool
	More     bool

	at Cursor
}

// subscribePoll asks again and again for what is behind the last answer.
func (a *actor) subscribePoll(s *Subscriber) {
	at := a.begin[s.Filter]
	a.rec.connected(s, at)
	a.attached.Done()
	for ; !s.Caught && !a.isOver(); a.idle() {
		ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
		p, err := a.poll(ctx, topicPath(s.Filter, "after", at.String(), "wait", "2s", "limit", fmt.Sprint(1+a.rng.IntN(50))))
		cancel()
		if err != nil {
			a.wait(pauseBefore)
			continue
		}
		if p.Gap && len(p.Messages) == 0 {
			a.rec.gap(s, p.at)
		} else if p.Gap {
			a.rec.gap(s, Cursor{})
		}
		for i := range p.Messages {
			m := &p.Messages[i]
			if _, last := a.rec.received(s, m.payload(), a.cursor(m.At)); last {
				s.Caught = true
			}
		}
		at = p.at
		if s.Events[len(s.Events)-1].At != at {
			a.rec.connected(s, at)
		}
	}
}

// poll asks for a page.
func (a *actor) poll(ctx context.Context, path string) (p page, err error) {
	resp, err := a.get(ctx, path, nil)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return p, err
	}
	err = p.parse(body)
	return p, err
}

func (p *page) parse(body []byte) (err error) {
	if err = json.Unmarshal(body, p); err == nil {
		p.at, err = ParseCursor(p.At)
	}
	return err
}

// pageLimit is how many messages of the log are read at once: few, so that there are many
// places at which a page ends.
const pageLimit = "40"

// history asks the server itself for what is behind a position, when there is no trouble.
func (r *run) history(topic string, after Cursor) (p page, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, calmPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Address+topicPath(topic, "limit", pageLimit, "after", after.String()), http.NoBody)
	if err != nil {
		return p, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return p, err
	}
	if resp.StatusCode != http.StatusOK {
		return p, fmt.Errorf("the history of %s was answered with %d %s", topic, resp.StatusCode, body)
	}
	err = p.parse(body)
	return p, err
}

// readLog reads all of a topic. What a server that keeps nothing has begins in its last life.
func (r *run) readLog(topic string) error {
	at := r.begin[topic]
	for first := true; ; first = false {
		p, err := r.history(topic, at)
		if err != nil {
			return err
		}
		if p.Gap && (!first || r.Data != "") {
			r.rec.trouble("the history of %s has a gap behind %s", topic, at)
		}
		for i := range p.Messages {
			r.enter(topic, &p.Messages[i])
		}
		if at = p.at; !p.More {
			return nil
		}
	}
}

// enter adds a message to the log.
func (r *run) enter(topic string, f *jsonFrame) {
	c, err := ParseCursor(f.At)
	name, seq, ok := parsePayload(f.payload())
	r.rec.mu.Lock()
	defer r.rec.mu.Unlock()
	n, known := r.rec.names[name]
	if err != nil || !ok || !known || r.rec.h.Publishers[n].Topic != topic {
		r.rec.note("%s holds what nobody sent: %+v", topic, f)
		return
	}
	r.rec.h.Log = append(r.rec.h.Log, Entry{ID{n, seq}, c})
}

// finish publishes the last message of each topic.
func (r *run) finish() error {
	for _, topic := range logged() {
		name := lastPrefix + topic
		n := r.rec.publisher(name, topic, InOrder)
		at, duplicate, err := r.finishWith(topicPath(topic), payload(name, 0, 100))
		if err != nil {
			return err
		}
		r.rec.h.Ends[topic] = at
		r.rec.ack(Ack{Entry{ID{n, 0}, at}, 1, duplicate})
	}
	for _, k := range r.rec.h.Keyed {
		name := lastPrefix + k.Topic
		key := r.rec.key(k, name)
		at, _, err := r.finishWith(topicPath(k.Topic, "key", name), payload(name, 0, 100))
		if err != nil {
			return err
		}
		k.Last = Change{key, 0, at}
		r.rec.changed(k, k.Last)
	}
	return nil
}

// finishWith publishes a last message without the proxy.
func (r *run) finishWith(path string, body []byte) (at Cursor, duplicate bool, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, calmPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.Address+path, bytes.NewReader(body))
	if err != nil {
		return at, false, err
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return at, false, err
	}
	defer resp.Body.Close()
	var f jsonFrame
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
		return at, false, err
	}
	if at, err = ParseCursor(f.At); err != nil {
		err = fmt.Errorf("the last message, %s, was answered with %d: %w", path, resp.StatusCode, err)
	}
	return at, f.Duplicate, err
}

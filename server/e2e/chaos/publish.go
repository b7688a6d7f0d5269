package chaos

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/websocket"
)

// publishRaw sends frames, of which nobody says whether they arrive. Each connection
// numbers its own.
func (a *actor) publishRaw(topic string) {
	for n := 0; !a.isStopped() && !a.isOver(); n++ {
		conn, err := a.socket(topicPath(topic, "self", "0"))
		if err != nil {
			a.wait(300 * time.Millisecond)
			continue
		}
		go drain(a.ctx, conn)
		s := &sender{rec: a.rec, names: map[string]string{topic: fmt.Sprintf("%s.%d@%s", a.name, n, topic)},
			number: map[string]uint32{}, next: map[string]uint32{}}
		s.number[topic] = a.rec.publisher(s.names[topic], topic, Prefix)
		for i := a.rng.IntN(300); i > 0 && err == nil && !a.isStopped(); i-- {
			p := s.compose(topic, a.size())
			kind := websocket.Text // of JSON too, if it were any
			if p.kind == client.Binary {
				kind = websocket.Binary
			}
			ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
			err = conn.Write(ctx, kind, p.body)
			cancel()
			a.wait(a.between)
		}
		a.part(conn)
	}
}

// drain reads what a publisher does not care for.
func drain(ctx context.Context, conn *websocket.Conn) {
	for {
		if _, _, err := conn.Next(ctx); err != nil {
			return
		}
	}
}

// A jsonFrame is any frame of duplex.v1.json, and any object of the HTTP forms.
type jsonFrame struct {
	Sub       string          `json:"sub"`
	T         string          `json:"t"`
	At        string          `json:"at"`
	Gap       json.RawMessage `json:"gap"`
	End       string          `json:"end"`
	OK        json.RawMessage `json:"ok"`
	Err       json.RawMessage `json:"err"`
	Code      string          `json:"code"`
	Retry     bool            `json:"retry"`
	Message   string          `json:"message"`
	Duplicate bool            `json:"duplicate"`
	Bye       json.RawMessage `json:"bye"`
	Text      *string         `json:"text"`
	Data      json.RawMessage `json:"data"`
	Base64    *string         `json:"base64"`
	Key       string          `json:"key"`
}

// payload returns the payload of a message.
func (f *jsonFrame) payload() []byte {
	switch {
	case f.Text != nil:
		return []byte(*f.Text)
	case f.Base64 != nil:
		p, _ := base64.StdEncoding.DecodeString(*f.Base64) // what is wrong is noticed
		return p
	default:
		return f.Data
	}
}

// object returns a publication as an object that publishes it.
func (p *publication) object(id int) map[string]any {
	o := map[string]any{"pub": p.topic, "idem": p.idem}
	if id >= 0 {
		o["id"] = id
	}
	if p.keyed != nil {
		o["key"] = p.keyName
	}
	switch p.kind {
	case client.Text:
		if p.body == nil {
			break
		}
		o["text"] = string(p.body)
	case client.JSON:
		o["data"] = string(p.body) // a string is a JSON value
	case client.Binary:
		o["base64"] = base64.StdEncoding.EncodeToString(p.body)
	}
	return o
}

// errAgain says that the server asked to be asked later.
var errAgain = errors.New("later")

// publishJSON publishes with several messages under way at once, and sends those again
// that were not answered when the connection was lost.
func (a *actor) publishJSON(window int, next source) {
	var conn *websocket.Conn
	var pending []*publication
	for !a.isOver() {
		if len(pending) == 0 {
			if a.isStopped() {
				break
			}
			for range 1 + a.rng.IntN(window) {
				pending = append(pending, next())
			}
		}
		var err error
		if conn == nil {
			conn, err = a.socket("/ws", "duplex.v1.json")
		}
		if err == nil {
			pending, err = a.exchange(conn, pending)
		}
		if err != nil && conn != nil {
			_ = conn.CloseNow()
			conn = nil
		}
		a.wait(a.between)
	}
	if conn != nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
}

// exchange sends messages and waits for the answers. It returns those that were not stored.
func (a *actor) exchange(conn *websocket.Conn, pending []*publication) ([]*publication, error) {
	ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
	defer cancel()
	for i, p := range pending {
		p.tries++
		frame, err := json.Marshal(p.object(i))
		if err != nil {
			return pending, err
		}
		if err := conn.Write(ctx, websocket.Text, frame); err != nil {
			return pending, err
		}
	}
	left := make([]*publication, len(pending))
	copy(left, pending)
	var err error
	for n := len(pending); n > 0 && err == nil; {
		var f jsonFrame
		if f, err = nextFrame(ctx, conn); err != nil {
			break
		}
		var id int
		switch {
		case f.Bye != nil:
			err = errAgain
		case json.Unmarshal(f.OK, &id) == nil && id >= 0 && id < len(left) && left[id] != nil:
			a.stored(left[id], f.At, f.Duplicate)
			left[id] = nil
			n--
		case f.Err != nil && f.Retry:
			err = errAgain
		default:
			a.rec.trouble("%s got an answer to nothing: %+v", a.name, f)
			err = errAgain
		}
	}
	return compact(left), err
}

func compact(list []*publication) (kept []*publication) {
	for _, p := range list {
		if p != nil {
			kept = append(kept, p)
		}
	}
	return kept
}

// nextFrame reads a frame of duplex.v1.json.
func nextFrame(ctx context.Context, conn *websocket.Conn) (f jsonFrame, err error) {
	_, p, err := conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(p, &f)
	}
	return f, err
}

// publishPost publishes one message after the other with Idempotency-Key, and tries until
// it is stored.
func (a *actor) publishPost(next source) {
	types := map[client.Kind]string{client.Text: "text/plain", client.JSON: "application/json", client.Binary: "application/octet-stream"}
	for !a.isStopped() && !a.isOver() {
		p := next()
		body := p.body
		if p.kind == client.JSON {
			body = fmt.Appendf(nil, "%q", body)
		}
		for !a.isOver() {
			// net/http sends a request that has this header again by itself, so nobody
			// knows how often.
			var answer jsonFrame
			err := a.post(p.path(), types[p.kind], p.idem, body, &answer)
			if err == nil {
				a.stored(p, answer.At, answer.Duplicate)
				break
			}
			a.wait(300 * time.Millisecond)
		}
		a.wait(a.between)
	}
}

// post makes a request. Its error means: try again.
func (a *actor) post(path, contentType, idem string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	if idem != "" {
		r.Header.Set("Idempotency-Key", idem)
	}
	resp, err := a.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(p, answer)
	case http.StatusServiceUnavailable:
	default:
		a.rec.trouble("POST %s was answered with %d %s", path, resp.StatusCode, p)
	}
	return errAgain
}

// publishBatch publishes several messages with one request, and all of them again if one
// was not stored.
func (a *actor) publishBatch() {
	next := a.messages(AnyOrder)
	for !a.isStopped() && !a.isOver() {
		a.publishMany(1+a.rng.IntN(20), next, 300*time.Millisecond)
	}
}

// publishMany publishes n messages with one request, and tries until all are stored. Pauses
// are up to that long.
func (a *actor) publishMany(n int, next source, pause time.Duration) {
	var batch []*publication
	for range n {
		batch = append(batch, next())
	}
	for len(batch) > 0 && !a.isOver() {
		batch = a.sendBatch(batch)
		a.wait(pause)
	}
}

// sendBatch returns the messages that are to be sent again.
func (a *actor) sendBatch(batch []*publication) []*publication {
	objects := make([]any, len(batch))
	for i, p := range batch {
		p.tries++
		objects[i] = p.object(-1)
	}
	body, err := json.Marshal(objects)
	if err != nil {
		a.rec.trouble("%v", err)
		return nil
	}
	var answer struct{ Results []jsonFrame }
	if err := a.post("/batch", "application/json", "", body, &answer); err != nil {
		return batch
	}
	if len(answer.Results) != len(batch) {
		a.rec.trouble("a batch of %d has %d results", len(batch), len(answer.Results))
		return nil
	}
	var left []*publication
	for i, result := range answer.Results {
		switch {
		case result.At != "":
			a.stored(batch[i], result.At, result.Duplicate)
		case result.Retry:
			left = append(left, batch[i])
		default:
			a.rec.trouble("a message of a batch was refused: %+v", result)
		}
	}
	return left
}

// publishClient publishes with the Go client, which tries again by itself. Now and then
// another one goes on in its place, as a program does that was started again.
func (a *actor) publishClient() {
	next := a.messages(InOrder)
	var p *publication
	for !a.isOver() && (p != nil || !a.isStopped()) {
		ctx, cancel := a.process()
		c := client.New(a.url("/ws"), &client.Options{Dial: &websocket.DialOptions{DialContext: a.dial}})
		for ctx.Err() == nil && (p != nil || !a.isStopped()) {
			if p == nil {
				p = next()
			}
			if a.publishWith(ctx, c, p) {
				p = nil
			}
			a.wait(a.between)
		}
		a.closeClient(c)
		cancel()
	}
}

// publishWith tells whether a message was stored. If not, it may have been.
func (a *actor) publishWith(ctx context.Context, c *client.Client, p *publication) bool {
	m := client.Message{Kind: p.kind, Data: p.body, ID: p.idem}
	if p.kind == client.JSON {
		m.Data = fmt.Appendf(nil, "%q", p.body)
	}
	receipt, err := c.Publish(ctx, p.topic, m)
	if err == nil {
		a.stored(p, receipt.At, receipt.Duplicate)
	} else if ctx.Err() == nil {
		a.rec.trouble("the Go client did not publish: %v", err)
	}
	return err == nil
}

// process returns a context that ends when a program would: after some time, and when the
// trouble is over, because the next one does not have to make up for what this one has gone
// through, and connects at once.
func (a *actor) process() (context.Context, context.CancelFunc) {
	if a.isCalm() {
		return context.WithCancel(a.ctx)
	}
	ctx, cancel := context.WithTimeout(a.ctx, 2*time.Second+time.Duration(a.rng.ExpFloat64()*float64(8*time.Second)))
	go func() {
		select {
		case <-a.calm:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// closeClient ends a client, and waits for it no longer than for anything else.
func (a *actor) closeClient(c *client.Client) {
	ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
	defer cancel()
	_ = c.Close(ctx) // what was not stored is published by the next one
}

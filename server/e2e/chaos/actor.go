package chaos

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/websocket"
)

// Bounds for one step of an actor, whose network may stand still for 3 s.
const (
	stepPatience = 6 * time.Second
	maxSize      = 48 << 10 // bytes of the largest message
)

// An actor is one client of the server. But for dial it belongs to one goroutine.
type actor struct {
	*run
	name string
	rng  *rand.Rand
	http *http.Client
	base string // of URLs
	idle func() // what it does between two messages

	mu   sync.Mutex
	luck *rand.Rand // of connections, which anybody may open
}

// actor makes one. Its decisions depend on the seed and its name.
func (r *run) actor(name string) *actor {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	a := &actor{
		run: r, name: name,
		rng:  rand.New(rand.NewPCG(r.Seed, h.Sum64())),   //nolint:gosec // a run is to be repeatable
		luck: rand.New(rand.NewPCG(r.Seed+1, h.Sum64())), //nolint:gosec // as above
	}
	a.base, a.idle = "http://"+r.proxy.Address(), a.dawdle
	a.http = &http.Client{Transport: &http.Transport{DialContext: a.dial, MaxIdleConnsPerHost: 1, DisableCompression: true}}
	return a
}

// url returns the URL of a path.
func (a *actor) url(path string) string { return a.base + path }

// dial opens a connection that the client itself may drop after some time, with and without
// a word.
func (a *actor) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || a.isCalm() {
		return c, err
	}
	a.mu.Lock()
	life, abrupt, lives := time.Duration(a.luck.ExpFloat64()*float64(3*time.Second)), a.luck.IntN(2) == 0, a.luck.IntN(3) == 0
	a.mu.Unlock()
	if lives {
		return c, nil
	}
	time.AfterFunc(life, func() {
		switch {
		case a.isCalm():
		case abrupt:
			reset(c)
		default:
			_ = c.Close()
		}
	})
	return c, nil
}

// socket opens a WebSocket.
func (a *actor) socket(path string, subprotocols ...string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(a.ctx, stepPatience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, a.url(path), &websocket.DialOptions{DialContext: a.dial, Subprotocols: subprotocols, MaxMessage: 8 << 20})
	return c, err
}

// part ends a WebSocket, mostly without a word.
func (a *actor) part(c *websocket.Conn) {
	if a.rng.IntN(3) == 0 {
		_ = c.Close(websocket.StatusNormalClosure, "")
		return
	}
	_ = c.CloseNow()
}

// isCalm tells whether the trouble is over.
func (r *run) isCalm() bool { return isClosed(r.calm) }

// isStopped tells whether nothing more is to be published.
func (r *run) isStopped() bool { return isClosed(r.stop) }

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// isOver tells whether the run is over.
func (r *run) isOver() bool { return r.ctx.Err() != nil }

// wait lets a random part of d pass.
func (a *actor) wait(d time.Duration) {
	timer := time.NewTimer(time.Duration(a.rng.Int64N(int64(d))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.ctx.Done():
	}
}

// dawdle does nothing for a while, seldom, as slow readers do.
func (a *actor) dawdle() {
	if a.isCalm() || a.rng.IntN(150) > 0 {
		return
	}
	timer := time.NewTimer(100*time.Millisecond + time.Duration(a.rng.IntN(2900))*time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.calm:
	case <-a.ctx.Done():
	}
}

// size returns the size of the next message: mostly small, and now and then more than
// what goes into one piece of anything.
func (a *actor) size() int {
	if a.rng.IntN(16) == 0 {
		return 4000 + a.rng.IntN(maxSize-4000)
	}
	return 60 + a.rng.IntN(240)
}

// topic returns one of them.
func (a *actor) topic() string { return topics[a.rng.IntN(len(topics))] }

// A source makes the next message that is to be stored.
type source func() *publication

// messages returns a source of messages to the topics of everybody.
func (a *actor) messages(o Order) source {
	s := a.sender(o, topics...)
	return func() *publication { return s.compose(a.topic(), a.size()) }
}

// A sender numbers the messages of an actor to each topic.
type sender struct {
	rec    *recorder
	names  map[string]string // by topic
	number map[string]uint32
	next   map[string]uint32
}

func (a *actor) sender(o Order, topics ...string) *sender {
	s := &sender{rec: a.rec, names: make(map[string]string), number: make(map[string]uint32), next: make(map[string]uint32)}
	for _, topic := range topics {
		s.names[topic] = a.name + "@" + topic
		s.number[topic] = a.rec.publisher(s.names[topic], topic, o)
	}
	return s
}

// A publication is a message that is to be stored.
type publication struct {
	id    ID
	topic string
	kind  client.Kind
	body  []byte // text, or what is in the quotes of JSON; nil to remove key
	idem  string
	tries int

	keyed   *Keyed // nil without a key
	key     uint32 // an index of its Keys
	keyName string
}

// path returns where to POST it.
func (p *publication) path() string {
	if p.keyed == nil {
		return topicPath(p.topic)
	}
	return topicPath(p.topic, "key", p.keyName)
}

// compose makes the next message to a topic.
func (s *sender) compose(topic string, size int) *publication {
	seq := s.next[topic]
	s.next[topic]++
	p := &publication{id: ID{s.number[topic], seq}, topic: topic, body: payload(s.names[topic], seq, size)}
	p.kind = []client.Kind{client.Text, client.JSON, client.Binary}[seq%3]
	p.idem = fmt.Sprintf("%s/%d", s.names[topic], seq)
	return p
}

// stored takes the answer to a publication.
func (a *actor) stored(p *publication, at string, duplicate bool) {
	c, err := ParseCursor(at)
	if err != nil {
		a.rec.trouble("%s was told that %s is stored at %q: %v", a.name, p.idem, at, err)
		return
	}
	if p.keyed != nil {
		a.rec.changed(p.keyed, Change{p.key, p.id.Seq, c})
		return
	}
	a.rec.ack(Ack{Entry{p.id, c}, p.tries, duplicate})
}

// topicPath returns the path of a topic with parameters.
func topicPath(topic string, parameters ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	path := "/t/" + url.PathEscape(topic)
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

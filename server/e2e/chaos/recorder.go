package chaos

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// A recorder writes the history while it happens.
type recorder struct {
	start time.Time

	mu     sync.Mutex
	h      *History
	names  map[string]uint32 // of publishers
	places map[ID]Cursor     // of messages that somebody was told of; nil if they do not last
	last   map[string]Cursor // of the last message of each topic, when it is there
	keys   map[string]uint32 // of all topics with keys
	quiet  bool              // what is told of presence is not of interest any more

}

func newRecorder(h *History) *recorder {
	r := &recorder{start: time.Now(), h: h, names: make(map[string]uint32), last: make(map[string]Cursor), keys: make(map[string]uint32)}
	if h.Durable {
		r.places = make(map[ID]Cursor)
	}
	return r
}

func (r *recorder) now() time.Duration { return time.Since(r.start) }

// publisher adds a publisher, whose name must not have blanks.
func (r *recorder) publisher(name, topic string, o Order) uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := uint32(len(r.h.Publishers)) //nolint:gosec // there are not so many
	r.names[name] = n
	r.h.Publishers = append(r.h.Publishers, Publisher{name, topic, o})
	return n
}

// subscriber adds a subscriber.
func (r *recorder) subscriber(s Subscriber) *Subscriber {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Subscribers = append(r.h.Subscribers, &s)
	return &s
}

// ack takes what a publisher was told.
func (r *recorder) ack(a Ack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Acks = append(r.h.Acks, a)
	if r.places != nil {
		r.places[a.ID] = a.At
	}
}

// acks returns how often a publisher was told that its message is stored.
func (r *recorder) acks() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.h.Acks)
}

// killed takes the time of a kill.
func (r *recorder) killed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Kills = append(r.h.Kills, r.now())
}

// farewell takes what the server says when it ends something.
func (r *recorder) farewell(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Farewells[text]++
}

// trouble takes what must not happen.
func (r *recorder) trouble(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(format, args...)
}

// note is trouble for those who hold mu.
func (r *recorder) note(format string, args ...any) {
	if len(r.h.Trouble) < 100 {
		r.h.Trouble = append(r.h.Trouble, fmt.Sprintf("%v: ", r.now().Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// connected takes a connection of s that goes on behind a position.
func (r *recorder) connected(s *Subscriber, at Cursor) {
	s.Events = append(s.Events, Event{What: Resumed, At: at, When: r.now()})
}

// gap takes a gap that s was told of.
func (r *recorder) gap(s *Subscriber, at Cursor) {
	s.Events = append(s.Events, Event{What: Gap, At: at, When: r.now()})
}

// received takes a message that s got, and tells whether it was the last of its topic.
func (r *recorder) received(s *Subscriber, payload []byte, at Cursor) (id ID, last bool) {
	name, seq, ok := parsePayload(payload)
	if !ok {
		r.trouble("%s received what nobody sent: %.100q", s.Name, payload)
		return ID{}, false
	}
	r.mu.Lock()
	n, known := r.names[name]
	if known && r.places != nil && !at.IsZero() {
		r.places[ID{n, seq}] = at
	}
	r.mu.Unlock()
	if !known {
		r.trouble("%s received what nobody sent: %s", s.Name, name)
		return ID{}, false
	}
	id = ID{n, seq}
	s.Events = append(s.Events, Event{What: Received, Size: uint32(len(payload)), ID: id, At: at, When: r.now()}) //nolint:gosec // a message is not so large
	return id, bytes.HasPrefix(payload, []byte(lastPrefix)) || bytes.HasPrefix(payload, []byte(`"`+lastPrefix))
}

// place returns the cursor of a message, if anybody was told and it lasts.
func (r *recorder) place(id ID) (Cursor, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.places[id]
	return at, ok
}

// lastPrefix begins the names of publishers of a last message.
const lastPrefix = "last@"

// payload returns the text of a message of about size bytes: who it is from, its number,
// and its length, so that one that was cut or mixed up is noticed.
func payload(publisher string, seq uint32, size int) []byte {
	head := fmt.Sprintf("%s %d ", publisher, seq)
	size = max(size, len(head)+12)
	p := append(make([]byte, 0, size), head...)
	p = strconv.AppendInt(p, int64(size), 10)
	p = append(p, ' ')
	for i := len(p); i < size; i++ {
		p = append(p, 'a'+byte(i%23))
	}
	return p
}

// parsePayload is the reverse of payload, of a JSON string with it too.
func parsePayload(p []byte) (publisher string, seq uint32, ok bool) {
	if inner, found := bytes.CutPrefix(p, []byte(`"`)); found {
		if p, found = bytes.CutSuffix(inner, []byte(`"`)); !found {
			return "", 0, false
		}
	}
	fields := bytes.SplitN(p, []byte(" "), 4)
	if len(fields) != 4 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(string(fields[1]), 10, 32)
	size, err2 := strconv.Atoi(string(fields[2]))
	if err != nil || err2 != nil || size != len(p) || !bytes.Equal(p, payload(string(fields[0]), uint32(n), size)) {
		return "", 0, false
	}
	return string(fields[0]), uint32(n), true
}

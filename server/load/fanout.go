package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// An Own says whether a server sends a message back to the connection that published
// it, beside all others.
type Own uint8

// What a server does with a publisher's own messages.
const (
	OwnDetect  Own = iota // the first FanOut of a Set finds out
	OwnSent               // they come back
	OwnNotSent            // they do not; if they do, they are ignored
)

// A FanOut is work for a server that sends every message to all connections.
type FanOut struct {
	Message // of at least 12 bytes, or 24 of text, for the stamp

	// Publishers is how many connections publish, the first ones of the Set. They
	// are subscribers like all others. Default 1.
	Publishers int

	// Own says whether publishers get their own messages. Default: OwnDetect.
	Own Own

	// Outstanding is how many messages a publisher sends at once before it waits
	// until every subscriber has got them all. Default 1.
	Outstanding int

	// Rate, if not 0, is how many messages are published each second by all
	// publishers together, whether or not they arrive (an open loop).
	// Outstanding is not used then.
	Rate float64

	// Duration is how long to publish.
	Duration time.Duration

	// Each, if not 0, ends the work after so many messages of each publisher.
	// Duration may be 0 then. It cannot be joined with Rate.
	Each int64
}

// A publisher is a connection that publishes.
type publisher struct {
	id     uint32
	conn   *conn
	issued atomic.Uint64 // the number of the next message
	end    atomic.Uint64 // one more than the last of the burst; unknown while a schedule runs
}

// A turn is a publisher in one slice. The mutex of the job guards owed and active.
type turn struct {
	*publisher
	times  []atomic.Int64 // when messages were sent, by number modulo the size of a burst
	base   uint64         // issued when the slice began
	slot   int            // its place in the slice
	owed   int            // connections that do not have the whole burst
	active bool           // it takes part in the slice and is not done
	over   chan struct{}  // closed when it is not active any more
}

// unknown is the end of a burst that is not over.
const unknown = math.MaxUint64

// A mark is how far a connection has got with one publisher.
type mark struct {
	track
	finished uint64 // the end of the latest burst that it has all of
}

// FanOut publishes messages and checks what every connection gets, until the time is
// over and everything has arrived. Result.Sent counts what was published, and
// Result.Messages what was delivered. Errors are those of Echo.
func (s *Set) FanOut(ctx context.Context, f *FanOut) (*Result, error) {
	if err := s.validate(f); err != nil {
		return nil, err
	}
	first, err := s.join(ctx, f)
	if err != nil {
		return first, err
	}
	d := f.Duration
	if d == 0 {
		d = forever
	}
	j, err := s.newFan(f.Message, s.publishers[:max(f.Publishers, 1)], max(f.Outstanding, 1))
	if err != nil {
		return nil, err
	}
	j.own, j.each = s.own == OwnSent, uint64(f.Each)
	if f.Rate > 0 {
		j.pace = newPace(f.Rate)
	}
	r, err := j.run(ctx, d)
	if j.pace != nil {
		j.pace.report(r)
	}
	r.Problems = mergeProblems(first.Problems, r.Problems)
	return r, err
}

func (s *Set) validate(f *FanOut) error {
	form, err := f.form()
	switch {
	case err != nil:
		return err
	case !form.whole:
		return fmt.Errorf("load: FanOut needs messages of at least %d bytes of text or %d binary ones", textStamp, binaryStamp)
	case f.Publishers > len(s.conns):
		return fmt.Errorf("load: %d connections cannot have %d publishers", len(s.conns), f.Publishers)
	case f.Rate < 0, f.Publishers < 0, f.Outstanding < 0, f.Each < 0, f.Duration < 0, f.Duration == 0 && f.Each == 0:
		return errors.New("load: FanOut needs a Duration, or Each, and nothing may be negative")
	case f.Rate > 0 && f.Each > 0:
		return errors.New("load: FanOut at a Rate ends after a Duration, not after Each")
	default:
		return nil
	}
}

// addPublishers makes sure that there are n publishers, if there are as many
// connections.
func (s *Set) addPublishers(n int) {
	for len(s.publishers) < min(n, len(s.conns)) {
		id := len(s.publishers)
		s.publishers = append(s.publishers, &publisher{id: uint32(id), conn: s.conns[id]})
	}
	for _, c := range s.conns {
		c.lane.mu.Lock()
		for len(c.marks) < len(s.publishers) {
			c.marks = append(c.marks, mark{})
		}
		c.lane.mu.Unlock()
	}
}

// join waits, before the first FanOut, until every connection gets what is published: a
// server may take its time to subscribe a connection whose handshake is done. It also
// finds out whether publishers get their own messages. When everybody has the message of
// one publisher, another one publishes. The messages of a connection come in order: if
// the second is there and the first is not, it will never be.
func (s *Set) join(ctx context.Context, f *FanOut) (*Result, error) {
	s.addPublishers(max(f.Publishers, 2))
	all := &Result{}
	if s.joined {
		return all, nil
	}
	probe := func(publishers []*publisher, own, repeats bool) error {
		j, err := s.newFan(f.Message, publishers, 1)
		if err != nil {
			return err
		}
		j.own, j.joining, j.repeats, j.each = own, true, repeats, 1
		r, err := j.run(ctx, s.target.Timeout)
		all.Add(r)
		return err
	}
	alone := len(s.conns) == 1
	if err := probe(s.publishers[:1], alone, true); err != nil {
		return all, err
	}
	if s.own = f.Own; f.Own == OwnDetect {
		if !s.hasOwn() {
			if err := probe(s.publishers[1:2], false, false); err != nil {
				return all, err
			}
		}
		if s.own = OwnNotSent; s.hasOwn() {
			s.own = OwnSent
		}
	}
	s.joined = true
	if s.own == OwnSent && !alone {
		return all, probe(s.publishers[:2], true, false) // so that nothing is on its way any more
	}
	return all, nil
}

// hasOwn tells whether the first publisher has got a message of its own.
func (s *Set) hasOwn() bool {
	c := s.conns[0]
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	return c.marks[0].next > 0
}

// A fan is the job of FanOut.
type fan struct {
	*slice
	pubs  []*turn
	byID  []*turn // nil for publishers that do not take part
	own   bool
	burst int
	each  uint64
	pace  *pace // nil: a burst follows another

	joining bool // connections may miss what is published before they are subscribed
	repeats bool // so it is published again

	mu   sync.Mutex // taken after that of a lane
	live int        // connections that are open
}

func (s *Set) newFan(m Message, pubs []*publisher, burst int) (*fan, error) {
	sl, err := s.newSlice(m)
	if err != nil {
		return nil, err
	}
	j := &fan{slice: sl, burst: burst, byID: make([]*turn, len(s.publishers))}
	for i, p := range pubs {
		t := &turn{publisher: p, times: make([]atomic.Int64, burst), base: p.issued.Load(), slot: i, over: make(chan struct{})}
		j.pubs, j.byID[p.id] = append(j.pubs, t), t
	}
	sl.job = j
	return j, nil
}

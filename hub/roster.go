package hub

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// rosterShards is how many parts a roster has, so that topics seldom wait for each other.
const rosterShards = 64

// announceAtOnce is how many names are announced to other nodes in one piece.
const announceAtOnce = 1000

// A roster knows who is present in each topic, and tells who listens of changes.
//
// What it costs follows the changes, not the members: nothing looks at all of them, and
// topics without any cost nothing. After quiet, the first change waits for as long as those
// that follow: so one who leaves and is back at once is not told at all, and when a
// thousand come together they are told once.
//
// A topic that has changes to be told, or members that may come back, has one timer.
type roster struct {
	settingsOf func(topic string) *Settings
	engine     Engine
	tell       func(c *PresenceChange)
	seed       maphash.Seed
	shards     [rosterShards]rosterShard
	telling    sync.WaitGroup
}

type rosterShard struct {
	mu     sync.Mutex
	topics map[string]*attendance
	closed bool
}

// newRoster makes a roster. It calls tell without a lock, for one topic never twice at
// once, and in order.
func newRoster(settingsOf func(topic string) *Settings, e Engine, tell func(c *PresenceChange)) *roster {
	r := &roster{settingsOf: settingsOf, engine: e, tell: tell, seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].topics = make(map[string]*attendance)
	}
	return r
}

func (r *roster) shard(topic string) *rosterShard {
	return &r.shards[maphash.String(r.seed, topic)%rosterShards]
}

// join counts one subscription of this node under a name.
func (r *roster) join(topic, name string) {
	r.change(topic, true, func(a *attendance, now time.Time) { a.join(name, now) })
}

// leave takes back one join.
func (r *roster) leave(topic, name string) {
	r.change(topic, false, func(a *attendance, now time.Time) { a.leave(name, now) })
}

// present takes what another node announced.
func (r *roster) present(node, topic string, joined, left []string) {
	r.change(topic, len(joined) > 0, func(a *attendance, now time.Time) { a.present(node, joined, left, now) })
}

// change calls f with the attendance of a topic, which is made if there is none and create
// is set, and sees to what follows.
func (r *roster) change(topic string, create bool, f func(a *attendance, now time.Time)) {
	sh := r.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return
	}
	a := sh.topics[topic]
	if a == nil {
		if !create {
			return
		}
		topic = strings.Clone(topic)
		a = &attendance{topic: topic, settings: r.settingsOf(topic)}
		sh.topics[topic] = a
	}
	now := time.Now()
	f(a, now)
	r.arm(sh, a, now)
}

// full returns who is present, for one who begins to listen, with a sample of the names.
// What is told from then on is all that it may not have. Those who come at the same
// time share it.
func (r *roster) full(topic string) *PresenceChange {
	sh := r.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a := sh.topics[topic]; a != nil {
		return a.all()
	}
	return &PresenceChange{Topic: topic, Full: true}
}

// page returns up to limit names of those present, from the first behind after.
func (r *roster) page(topic, after string, limit int) PresencePage {
	sh := r.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a := sh.topics[topic]; a != nil {
		return a.page(after, limit)
	}
	return PresencePage{}
}

// count returns how many are present.
func (r *roster) count(topic string) int {
	sh := r.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if a := sh.topics[topic]; a != nil {
		return a.count
	}
	return 0
}

// arm starts the timer of a topic for what is to be done next, or drops the topic if that
// is nothing and nobody is left. A timer that runs too early finds nothing to do.
func (r *roster) arm(sh *rosterShard, a *attendance, now time.Time) {
	next := a.next()
	switch {
	case a.isOver():
		if sh.topics[a.topic] == a {
			delete(sh.topics, a.topic)
		}
	case next.IsZero() || a.telling || !a.armed.IsZero() && !next.Before(a.armed):
	case a.timer == nil:
		a.armed = next
		a.timer = time.AfterFunc(next.Sub(now), func() { r.run(sh, a) })
	default:
		a.armed = next
		a.timer.Reset(next.Sub(now))
	}
}

// run does what is due in a topic.
func (r *roster) run(sh *rosterShard, a *attendance) {
	n, ok := r.begin(sh, a)
	if !ok {
		return
	}
	defer r.telling.Done()
	r.spread(a.topic, n)

	sh.mu.Lock()
	defer sh.mu.Unlock()
	a.telling = false
	if !sh.closed {
		r.arm(sh, a, time.Now())
	}
}

// begin returns what is to be told, ok if there is something. Nothing else of this topic is
// told until a.telling is reset.
func (r *roster) begin(sh *rosterShard, a *attendance) (n news, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed || a.telling {
		return news{}, false
	}
	now := time.Now()
	a.armed = time.Time{}
	a.depart(now)
	if a.due.IsZero() || a.due.After(now) {
		r.arm(sh, a, now)
		return news{}, false
	}
	a.telling = true
	r.telling.Add(1)
	return a.take(), true
}

// spread tells the news to those who listen, and to other nodes.
func (r *roster) spread(topic string, n news) {
	for len(n.joined)+len(n.left) > 0 {
		joined := n.joined[:min(len(n.joined), announceAtOnce)]
		left := n.left[:min(len(n.left), announceAtOnce-len(joined))]
		r.engine.Announce(topic, joined, left)
		n.joined, n.left = n.joined[len(joined):], n.left[len(left):]
	}
	if n.change != nil {
		r.tell(n.change)
	}
}

// close ends the roster: when it returns nothing is told any more. It must not be called
// by tell.
func (r *roster) close() {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		sh.closed = true
		for _, a := range sh.topics {
			if a.timer != nil {
				a.timer.Stop()
			}
		}
		sh.mu.Unlock()
	}
	r.telling.Wait()
}

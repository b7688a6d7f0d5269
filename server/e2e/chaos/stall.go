package chaos

import "time"

// How a subscriber is slow: it reads nothing while so many messages are published as go
// neither into its window nor into what its topic allows it to be behind, and until the
// server may have noticed, which looks for slow ones now and then.
const (
	stallEvery    = 25 // times the longest pause of a publisher
	stallFor      = 1200 * time.Millisecond
	stallMessages = 24
	stallSize     = maxSize / 3 // bytes of each
)

// straight makes an actor that does not go through the bad network.
func (r *run) straight(name string) *actor {
	a := r.actor(name)
	a.base = "http://" + r.Address
	return a
}

// stallWith makes a slow subscriber of a. What it does not read comes from next, and burst
// publishes it. When the trouble is over it is as fast as any.
func (a *actor) stallWith(burst *actor, next source) {
	last := time.Now()
	a.idle = func() {
		if a.isCalm() || time.Since(last) < stallEvery*a.between {
			return
		}
		a.bursts.RLock()
		if !a.isCalm() { // it does not become so any more
			burst.publishMany(stallMessages, next, 50*time.Millisecond)
		}
		a.bursts.RUnlock()
		timer := time.NewTimer(stallFor)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.calm:
		case <-a.ctx.Done():
		}
		last = time.Now()
	}
}

// subscribeSlow starts the subscribers of the topics that show what becomes of slow ones.
func (r *run) subscribeSlow() {
	for _, topic := range slowTopics {
		start := func(form string, f func(a *actor, s *Subscriber)) {
			s := r.rec.subscriber(Subscriber{Name: form + "-" + topic, Form: form, Filter: topic, Drops: topic == dropTopic})
			a := r.actor(s.Name)
			burst := r.straight(s.Name + "-burst")
			sent := burst.sender(AnyOrder, topic)
			a.stallWith(burst, func() *publication { return sent.compose(topic, stallSize) })
			r.attached.Add(1)
			r.subscribers.Go(func() { f(a, s) })
		}
		start("slow-json", func(a *actor, s *Subscriber) { a.subscribeJSON([]*Subscriber{s}) })
		start("slow-after", (*actor).subscribeAfter)
	}
}

// trickle is a source of small messages to the topics with slow subscribers.
func (a *actor) trickle() source {
	s := a.sender(InOrder, slowTopics...)
	return func() *publication { return s.compose(slowTopics[a.rng.IntN(len(slowTopics))], 100) }
}

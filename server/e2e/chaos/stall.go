package chaos

import "time"

// How a subscriber is slow: it reads nothing while so many messages are published as go
// neither into its window nor into what its topic allows it to be behind, and until the
// server may have noticed, which looks for slow ones now and then.
const (
	stallEvery    = 25          // times the longest pause of a publisher
	stallCalm     = time.Second // in the calm: who has not caught up is not slow yet
	stallFor      = 1200 * time.Millisecond
	stallMessages = 32
	stallSize     = maxSize / 3 // bytes of each
)

// goStraight has an actor not go through the bad network.
func (a *actor) goStraight() { a.base = "http://" + a.Address }

// stallWith makes a slow subscriber of a. What it does not read comes from next, and burst
// publishes it. It is slow once more when the trouble is over, for then nothing comes between,
// and from then on as fast as any.
func (a *actor) stallWith(burst *actor, next source) {
	burst.goStraight()
	a.bursts.Add(1)
	var calmAt time.Time
	last, over := time.Now(), false
	a.idle = func() {
		calm := a.isCalm()
		if calm && calmAt.IsZero() {
			calmAt = time.Now()
		}
		if over || calm && time.Since(calmAt) < stallCalm || !calm && time.Since(last) < stallEvery*a.between {
			return
		}
		burst.publishMany(stallMessages, next, 50*time.Millisecond)
		if calm {
			over = true
			a.bursts.Done()
		}
		timer := time.NewTimer(stallFor)
		defer timer.Stop()
		select {
		case <-timer.C:
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
			burst := r.actor(s.Name + "-burst")
			sent := burst.sender(AnyOrder, topic)
			a.stallWith(burst, func() *publication { return sent.compose(topic, stallSize) })
			r.attached.Add(1)
			r.subscribers.Go(func() { f(a, s) })
		}
		start("slow-json", func(a *actor, s *Subscriber) { a.subscribeJSON([]*Subscriber{s}) })
		start("slow-after", func(a *actor, s *Subscriber) {
			a.goStraight() // few connections of the others live for as long as they are slow
			a.subscribeAfter(s)
		})
	}
}

// trickle is a source of small messages to the topics with slow subscribers.
func (a *actor) trickle() source {
	s := a.sender(InOrder, slowTopics...)
	return func() *publication { return s.compose(slowTopics[a.rng.IntN(len(slowTopics))], 100) }
}

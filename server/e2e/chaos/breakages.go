package chaos

import (
	"math/rand/v2"
	"slices"
)

// A Breakage is a history in which something went wrong.
type Breakage struct {
	Name    string
	Kind    Kind // of the problem that Check has to find
	History *History
}

// Breakages spoils a history that is good in every way that must be noticed, each time
// somewhere else. They share what is the same, and leave out what has nothing to do with it.
func Breakages(h *History, seed uint64) (list []Breakage) {
	logs := *h
	logs.Keyed, logs.Room = nil, nil
	b := &breaker{&logs, rand.New(rand.NewPCG(seed, 2))} //nolint:gosec // a run is to be repeatable
	add := func(name string, kind Kind, spoiled *History) {
		if spoiled != nil {
			list = append(list, Breakage{name, kind, spoiled})
		}
	}
	for _, form := range []string{"session", "after", "client", "sse", "poll", "json", "slow-after", "slow-json"} {
		add(form+": a message is left out", Missing, b.inMessages(form, func(e []Event, i int) []Event { return slices.Delete(e, i, i+1) }))
	}
	for _, form := range []string{"client", "sse", "poll", "json"} {
		add(form+": a message comes again", Again, b.inMessages(form, func(e []Event, i int) []Event { return slices.Insert(e, i, e[i]) }))
		add(form+": two messages change places", Late, b.inMessages(form, func(e []Event, i int) []Event {
			e[i], e[i-1] = e[i-1], e[i]
			return e
		}))
		add(form+": a gap where there is none", FalseGap, b.inMessages(form, func(e []Event, i int) []Event {
			return slices.Insert(e, i, Event{What: Gap, At: e[i-1].At, When: e[i].When})
		}))
	}
	add("nobody is told of gaps", Missing, b.withoutGaps(func(*Subscriber) bool { return true }))
	add("slow ones are not told of gaps", Missing, b.withoutGaps(func(s *Subscriber) bool { return s.Drops }))
	add("an end is never reached", Behind, b.inSubscriber("client", func(s *Subscriber) { s.Caught = false }))
	if h.Durable {
		add("what was acknowledged is not in the log", Lost, b.withoutAcknowledged())
		add("a message is stored twice", Twice, b.storedTwice())
	}
	b.h = &History{Durable: h.Durable, Keyed: h.Keyed, Room: h.Room}
	b.spoilKeyed(add)
	b.spoilRoom(add)
	return list
}

type breaker struct {
	h   *History
	rng *rand.Rand
}

// anywhere returns one of n places that suit, -1 if there is none.
func (b *breaker) anywhere(n int, suits func(i int) bool) int {
	var at []int
	for i := range n {
		if suits(i) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return -1
	}
	return at[b.rng.IntN(len(at))]
}

// inSubscriber returns the history with one subscriber of a form changed by f, nil if there
// is none.
func (b *breaker) inSubscriber(form string, f func(s *Subscriber)) *History {
	var of []int
	for i, s := range b.h.Subscribers {
		if s.Form == form {
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return nil
	}
	i := of[b.rng.IntN(len(of))]
	s := *b.h.Subscribers[i]
	s.Events = slices.Clone(s.Events)
	f(&s)
	out := *b.h
	out.Subscribers = slices.Clone(out.Subscribers)
	out.Subscribers[i] = &s
	return &out
}

// inMessages returns the history with a change at one message, which came once, right behind
// another one and before a third one. Where nobody but those who were told no cursor knows
// of it, its loss is not to be noticed, so it is one that was acknowledged, and at this place.
func (b *breaker) inMessages(form string, f func(e []Event, i int) []Event) *History {
	found := false
	out := b.inSubscriber(form, func(s *Subscriber) {
		acked, placed := make(map[ID]bool), make(map[place]bool)
		for _, a := range b.h.Acks {
			acked[a.ID] = true
			placed[placeOf(a.At)] = true
		}
		once := sentOnce(b.h)
		count := make(map[ID]int)
		for _, e := range s.Events {
			if e.What == Received {
				count[e.ID]++
			}
		}
		suits := func(e Event) bool { return e.What == Received && count[e.ID] == 1 && acked[e.ID] }
		var at []int
		for i := 1; i+1 < len(s.Events); i++ {
			e := s.Events[i]
			known := once[e.ID] || b.h.Durable || placed[placeOf(e.At)]
			if suits(s.Events[i-1]) && suits(e) && known && suits(s.Events[i+1]) {
				at = append(at, i)
			}
		}
		if found = len(at) > 0; found {
			s.Events = f(s.Events, at[b.rng.IntN(len(at))])
		}
	})
	if !found {
		return nil
	}
	return out
}

// withoutGaps returns the history with no gap told to some of those who were told of cursors, nil
// if none was.
func (b *breaker) withoutGaps(of func(s *Subscriber) bool) *History {
	out, found := *b.h, false
	out.Subscribers = slices.Clone(out.Subscribers)
	for i, s := range out.Subscribers {
		changed := *s
		changed.Events = slices.DeleteFunc(slices.Clone(s.Events), func(e Event) bool {
			gone := e.What == Gap && of(s)
			found = found || gone
			return gone
		})
		out.Subscribers[i] = &changed
	}
	if !found {
		return nil
	}
	return &out
}

// withoutAcknowledged returns the history with a log that has lost a message.
func (b *breaker) withoutAcknowledged() *History {
	if len(b.h.Acks) == 0 {
		return nil
	}
	lost := b.h.Acks[b.rng.IntN(len(b.h.Acks))].ID
	out := *b.h
	out.Log = slices.DeleteFunc(slices.Clone(out.Log), func(e Entry) bool { return e.ID == lost })
	return &out
}

// storedTwice returns the history with a message once more at the end of the log.
func (b *breaker) storedTwice() *History {
	if len(b.h.Log) == 0 {
		return nil
	}
	again := b.h.Log[b.rng.IntN(len(b.h.Log))]
	again.At = Cursor{Epoch: again.At.Epoch, Offset: b.h.Log[len(b.h.Log)-1].At.Offset + 1000, Time: again.At.Time}
	out := *b.h
	out.Log = append(slices.Clone(out.Log), again)
	return &out
}

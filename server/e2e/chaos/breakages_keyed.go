package chaos

import "slices"

// spoilKeyed spoils what was received on topics with keys.
func (b *breaker) spoilKeyed(add func(name string, kind Kind, spoiled *History)) {
	for i, k := range b.h.Keyed {
		name := k.Topic + ": "
		add(name+"a change comes again", Again, b.inKeeper(i, func(s *Keeper) bool {
			at := b.anywhere(len(s.Events), func(i int) bool { return s.Events[i].What == Received })
			if at >= 0 {
				s.Events = slices.Insert(s.Events, at, s.Events[at])
			}
			return at >= 0
		}))
		add(name+"two changes change places", Late, b.inKeeper(i, func(s *Keeper) bool {
			e := s.Events
			at := b.anywhere(len(e), func(i int) bool {
				return i > 0 && e[i-1].What == Received && e[i].What == Received && e[i-1].At.Epoch == e[i].At.Epoch
			})
			if at >= 0 {
				e[at], e[at-1] = e[at-1], e[at]
			}
			return at >= 0
		}))
		add(name+"the last message of a key is left out", Missing, b.withoutLatest(i, false))
		add(name+"a removal is left out", Missing, b.withoutLatest(i, true))
		add(name+"the end is never reached", Behind, b.inKeeper(i, func(s *Keeper) bool {
			s.Caught = false
			return true
		}))
		if !k.Conflates {
			add(name+"a change is left out", Missing, b.withoutChange(i))
		} else {
			add(name+"a gap where there is none", FalseGap, b.inKeeper(i, func(s *Keeper) bool {
				at := b.anywhere(len(s.Events), func(i int) bool { return s.Events[i].What == Received })
				if at >= 0 {
					s.Events = slices.Insert(s.Events, at+1, KeyEvent{What: Gap, Change: Change{At: s.Events[at].At}})
				}
				return at >= 0
			}))
		}
		if !b.h.Durable {
			add(name+"the end of a life is not told", Missing, b.inKeeper(i, silenceLives))
		}
	}
}

// inKeeper returns the history with a keeper of a topic changed by f, the first one of which f
// says that it has done so, nil if there is none.
func (b *breaker) inKeeper(topic int, f func(s *Keeper) bool) *History {
	k := *b.h.Keyed[topic]
	for _, i := range b.rng.Perm(len(k.Keepers)) {
		s := *k.Keepers[i]
		s.Events = slices.Clone(s.Events)
		if !f(&s) {
			continue
		}
		k.Keepers = slices.Clone(k.Keepers)
		k.Keepers[i] = &s
		return &History{Durable: b.h.Durable, Keyed: []*Keyed{&k}}
	}
	return nil
}

// stretch returns the changes of the key of event i that came right before it and behind it,
// with no gap nor new beginning between, -1 for none.
func (s *Keeper) stretch(i int) (before, behind int) {
	before, behind = -1, -1
	for j := i - 1; j >= 0 && before < 0 && s.Events[j].goesOn(); j-- {
		if e := s.Events[j]; e.What == Received && e.Key == s.Events[i].Key {
			before = j
		}
	}
	for j := i + 1; j < len(s.Events) && behind < 0 && s.Events[j].goesOn(); j++ {
		if e := s.Events[j]; e.What == Received && e.Key == s.Events[i].Key {
			behind = j
		}
	}
	return before, behind
}

// goesOn tells whether nothing is left out at e.
func (e *KeyEvent) goesOn() bool {
	return e.What == Received || e.What == Resumed && !e.At.IsZero()
}

// withoutChange returns the history with a change left out among others of its key.
func (b *breaker) withoutChange(topic int) *History {
	return b.inKeeper(topic, func(s *Keeper) bool {
		at := b.anywhere(len(s.Events), func(i int) bool {
			if s.Events[i].What != Received || !b.isKnown(topic, s.Events[i].Change) {
				return false
			}
			before, behind := s.stretch(i)
			return before >= 0 && behind >= 0 && s.Events[before].At.Epoch == s.Events[behind].At.Epoch
		})
		if at >= 0 {
			s.Events = slices.Delete(s.Events, at, at+1)
		}
		return at >= 0
	})
}

// isKnown tells whether a change was acknowledged where it came from: where nobody else
// knows of it, its loss is not to be noticed.
func (b *breaker) isKnown(topic int, c Change) bool {
	return slices.ContainsFunc(b.h.Keyed[topic].Changes, func(a Change) bool { return placeOf(a.At) == placeOf(c.At) })
}

// withoutLatest returns the history with the last change of a key left out, which is a
// removal or not.
func (b *breaker) withoutLatest(topic int, removal bool) *History {
	return b.inKeeper(topic, func(s *Keeper) bool {
		at := b.anywhere(len(s.Events), func(i int) bool {
			e := s.Events[i]
			if e.What != Received || (e.Seq == Removal) != removal || e.At.Epoch != b.h.Keyed[topic].Last.At.Epoch || !b.isKnown(topic, e.Change) {
				return false
			}
			if slices.ContainsFunc(s.Events[i+1:], func(l KeyEvent) bool { return !l.goesOn() || l.What == Received && l.Key == e.Key }) {
				return false
			}
			before, _ := s.stretch(i)
			return !removal || before >= 0 && s.Events[before].Seq != Removal && s.Events[before].At.Epoch == e.At.Epoch
		})
		if at >= 0 {
			s.Events = slices.Delete(s.Events, at, at+1)
		}
		return at >= 0
	})
}

// silenceLives leaves out what tells that messages come from another life of the server.
func silenceLives(s *Keeper) bool {
	var epoch uint64
	from := -1
	for i, e := range s.Events {
		switch {
		case e.What == Resumed && e.At.IsZero():
			epoch = 0
		case e.What == Received && epoch != 0 && e.At.Epoch != epoch:
			s.Events = append(s.Events[:from+1], slices.DeleteFunc(s.Events[from+1:], func(e KeyEvent) bool { return e.What == Gap })...)
			return true
		case e.What == Received:
			epoch, from = e.At.Epoch, i
		}
	}
	return false
}

package chaos

import (
	"fmt"
	"time"
)

// A keeping goes along what a keeper received. A gap leaves open which keys were removed
// meanwhile, and nothing else: what has changed comes.
type keeping struct {
	k       *Keyed
	durable bool
	t       *keyTruth
	s       *Keeper
	c       *complaints

	now     time.Duration
	view    map[uint32]Change
	sure    map[uint32]Change // the last change of each key since there was a gap, and removals
	last    Cursor            // of the last message, zero if the next one may be anywhere
	gap     bool              // one was told since
	skipped int
}

// checkKeyed looks at a topic with keys.
func checkKeyed(h *History, k *Keyed, c *complaints) {
	t := newKeyTruth(k)
	for _, a := range k.Changes {
		if there := t.at[placeOf(a.At)]; there.Key != a.Key || there.Seq != a.Seq {
			c.add(Moved, k.Topic, fmt.Sprintf("%s was acknowledged at %s, where %s is", k.name(a), a.At, k.name(there)))
		}
	}
	for _, s := range k.Keepers {
		f := &keeping{k: k, durable: h.Durable, t: t, s: s, c: c}
		f.follow()
		f.compare()
	}
}

func (f *keeping) complain(kind Kind, format string, args ...any) {
	f.c.add(kind, f.s.Name, fmt.Sprintf("at %v: ", f.now.Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// follow takes all events.
func (f *keeping) follow() {
	f.view, f.sure = make(map[uint32]Change), make(map[uint32]Change)
	for _, e := range f.s.Events {
		f.now = e.When
		switch {
		case e.What == Received:
			f.receive(e.Change)
		case e.What == Gap:
			f.tellGap(e.At)
		case e.At.IsZero():
			clear(f.view)
			clear(f.sure)
			f.last, f.gap = Cursor{}, false
		}
	}
}

// tellGap takes a gap. What conflates has all of its log.
func (f *keeping) tellGap(at Cursor) {
	if f.k.Conflates && (f.durable || at.Epoch == f.last.Epoch) {
		f.complain(FalseGap, "it was told of a gap at %s", at)
	}
	clear(f.sure)
	f.gap = true
}

// receive takes a message.
func (f *keeping) receive(c Change) {
	if there := f.t.at[placeOf(c.At)]; there.Key != c.Key || there.Seq != c.Seq {
		f.complain(Moved, "%s came as %s, where %s is", f.k.name(c), c.At, f.k.name(there))
	}
	switch {
	case f.last.IsZero():
	case c.At.Epoch != f.last.Epoch && !f.gap:
		f.complain(Missing, "%s came from another life of the server, without a gap", f.k.name(c))
	case c.At.Epoch == f.last.Epoch && c.At.Offset == f.last.Offset:
		f.complain(Again, "%s came again", f.k.name(c))
	case c.At.Epoch == f.last.Epoch && c.At.Offset < f.last.Offset:
		f.complain(Late, "%s at %s came behind %s", f.k.name(c), c.At, f.last)
	}
	if before, ok := f.sure[c.Key]; ok {
		if n := f.t.between(before, c); n > 0 {
			f.skipped += n
			if !f.k.Conflates {
				f.complain(Missing, "%d changes between %s and %s, without a gap", n, f.k.name(before), f.k.name(c))
			}
		}
	}
	f.last, f.gap = c.At, false
	f.sure[c.Key] = c
	f.view[c.Key] = c
}

// compare looks at what the keeper has at the end.
func (f *keeping) compare() {
	if !f.s.Caught {
		f.complain(Behind, "it did not get to the last change")
		return
	}
	for key := range f.k.Keys {
		got := f.view[uint32(key)] //nolint:gosec // there are not so many
		_, sure := f.sure[uint32(key)]
		has := got.Seq != Removal && !got.At.IsZero()
		want, is := f.t.latest(uint32(key), f.k.Last.At.Epoch)
		switch {
		case is && !has:
			f.complain(Missing, "at the end it does not have %s at %s", f.k.name(want), want.At)
		case is && placeOf(got.At) != placeOf(want.At):
			f.complain(Missing, "at the end it has %s at %s, which is %s at %s", f.k.name(got), got.At, f.k.name(want), want.At)
		case !is && has && sure:
			f.complain(Missing, "at the end it has %s, which is removed, without a gap", f.k.name(got))
		}
	}
}

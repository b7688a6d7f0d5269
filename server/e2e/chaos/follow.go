package chaos

import (
	"fmt"
	"slices"
	"time"
)

// forgetful is how old a position of a session may be when the server is killed: it is
// saved once in a second, and then there is a network that holds pongs back.
const forgetful = 15 * time.Second

// A follower goes along the truth with a subscriber. A form that does not tell cursors
// leaves open where a message is that was stored by two lives of a server; so there may
// be several positions at which the subscriber can be, until all but one prove wrong. And if
// nobody else told of its place in the first of them, which lost its memory, only the second
// place is known.
type follower struct {
	h    *History
	t    *truth
	once map[ID]bool // messages that were sent once
	s    *Subscriber
	c    *complaints

	now   time.Duration // of the event
	began bool
	next  []int // indexes in the truth, one of which comes next
	gap   bool  // and any other further on, because a gap was told
	back  bool  // and any other further back, because a session goes on

	high  int             // behind the furthest message
	seen  []time.Duration // when the messages of the truth were received first, 0 if they were not
	epoch uint64          // of the last position
	again int             // bytes that came again over this connection
}

// follow checks what a subscriber received.
func follow(h *History, t *truth, once map[ID]bool, s *Subscriber, c *complaints) {
	f := &follower{h: h, t: t, once: once, s: s, c: c, seen: make([]time.Duration, len(t.items))}
	for i := range s.Events {
		e := &s.Events[i]
		f.now = e.When
		switch {
		case e.What == Resumed:
			f.resume(e)
		case !f.began:
			f.complain(Late, "something came before there was a connection")
			f.began, f.next = true, []int{0}
		case e.What == Gap:
			f.tellGap(e)
		default:
			f.receive(e)
		}
	}
	end := h.endOf(t, s.Filter)
	switch {
	case !s.Caught:
		f.complain(Behind, fmt.Sprintf("it did not get to the end; it has %d of %d", f.high, len(t.items)))
	case !end.IsZero() && (!f.began || slices.Max(f.next) < t.rank(end)):
		f.complain(Missing, "the last message")
	}
}

func (f *follower) complain(kind Kind, text string) {
	f.c.add(kind, f.s.Name, fmt.Sprintf("at %v: %s", f.now.Round(time.Millisecond), text))
}

// resume takes a new connection.
func (f *follower) resume(e *Event) {
	if e.At.IsZero() {
		f.back = f.began
		f.again = 0
		if !f.began {
			f.complain(Late, "it began nowhere")
		}
		return
	}
	f.epoch = e.At.Epoch
	rank := f.t.rank(e.At)
	if !f.t.knows(e.At) && f.gap {
		return // behind a gap, into a life in which nothing was stored
	}
	if f.began && !f.gap {
		// It may have gone back to what it knew the place of, and know one further on by now.
		from := slices.Max(f.next)
		for from < rank && f.seen[from] > 0 {
			from++
		}
		if from < rank {
			f.missing(from, rank, "it was to go on behind them at "+e.At.String())
		}
	}
	f.began, f.gap, f.next = true, false, []int{rank}
	f.high = max(f.high, rank)
}

// tellGap takes a gap. A durable server tells none, nor does any within one life: all it
// has it keeps, and gives it to all but those who are too slow for their topic. A session may be
// told once more if it could not answer.
func (f *follower) tellGap(e *Event) {
	switch {
	case f.s.Drops: // it may be too slow at any time
	case f.h.Durable:
		f.complain(FalseGap, fmt.Sprintf("it was told of a gap behind %s", f.last()))
	case !f.s.Session && e.At.Epoch != 0 && e.At.Epoch == f.epoch:
		f.complain(FalseGap, fmt.Sprintf("it was told of a gap behind %s in one life of the server", f.last()))
	}
	f.back = false
	if !f.t.knows(e.At) { // nothing was stored in that life of the server, or it is not said
		f.gap, f.epoch = true, e.At.Epoch
		return
	}
	rank := f.t.rank(e.At)
	if rank < slices.Min(f.next) {
		f.complain(Late, fmt.Sprintf("the gap behind %s leads back to %s", f.last(), e.At))
	}
	f.gap, f.next, f.epoch = false, []int{rank}, e.At.Epoch
	f.high = max(f.high, rank)
}

// last names the message before the next one.
func (f *follower) last() string {
	if n := slices.Max(f.next); n > 0 {
		return f.h.name(f.t.items[n-1].ID)
	}
	return "the beginning"
}

// receive takes a message.
func (f *follower) receive(e *Event) {
	at := f.places(e)
	if len(at) == 0 {
		return
	}
	var fits []int
	for _, i := range at {
		if f.suits(i) {
			fits = append(fits, i)
		}
	}
	elsewhere := f.mayBeElsewhere(e, at)
	if len(fits) == 0 {
		if !elsewhere {
			f.misfit(e, at)
		}
		return
	}
	for _, i := range fits {
		f.note(i, e)
	}
	switch {
	case elsewhere && (f.gap || f.back):
		return // these leave more open than one place more
	case !elsewhere:
		f.gap, f.back = false, false
		f.next = f.next[:0]
	}
	for _, i := range fits {
		f.next = append(f.next, i+1)
	}
	if !elsewhere {
		f.epoch = f.t.items[fits[0]].At.Epoch
	}
}

// mayBeElsewhere tells whether a message may have come from a place in the life of the server
// where the subscriber is, and only its places in other lives are known. For that it must
// have been sent twice.
func (f *follower) mayBeElsewhere(e *Event, at []int) bool {
	if f.h.Durable || !e.At.IsZero() || f.once[e.ID] || f.h.Publishers[e.ID.Publisher].Order == Prefix {
		return false
	}
	return !slices.ContainsFunc(at, func(i int) bool { return f.t.items[i].At.Epoch == f.epoch })
}

// places returns where a message is in the truth. A memory that was lost has places that
// nobody knows any more.
func (f *follower) places(e *Event) []int {
	at := f.t.places[e.ID]
	if !e.At.IsZero() {
		all := at
		at = nil
		for _, i := range all {
			if placeOf(f.t.items[i].At) == placeOf(e.At) {
				at = []int{i}
			}
		}
		if len(all) > 0 && len(at) == 0 {
			f.complain(Moved, fmt.Sprintf("%s came as %s, and is at %s", f.h.name(e.ID), e.At, f.t.items[all[0]].At))
			return nil
		}
	}
	if len(at) == 0 && f.h.Durable && !f.late(e.At) {
		f.complain(Vanished, fmt.Sprintf("%s came, and is not in the log", f.h.name(e.ID)))
	}
	return at
}

// late tells whether a message may have been stored when the log was read already.
func (f *follower) late(at Cursor) bool {
	n := len(f.t.items)
	return !at.IsZero() && (n == 0 || f.t.compare(at, f.t.items[n-1].At) > 0)
}

// suits tells whether the message at i may come now.
func (f *follower) suits(i int) bool {
	switch {
	case slices.Contains(f.next, i):
		return true
	case f.gap:
		return i >= slices.Min(f.next)
	case f.back:
		return i <= slices.Max(f.next)
	}
	return false
}

// note takes a message that may come, and looks whether it comes again for too long.
func (f *follower) note(i int, e *Event) {
	first := f.seen[i]
	again := first > 0
	if !again {
		f.seen[i] = e.When
	}
	f.high = max(f.high, i+1)
	if !again || !f.s.Session {
		return
	}
	if f.h.killedBetween(first, first+forgetful) {
		return // that it had come may not have been saved
	}
	f.again += int(e.Size) + MessageCost
	if f.again > f.h.Window {
		f.complain(Again, fmt.Sprintf("%s came again %v after it came first, and with it %d bytes", f.h.name(e.ID), e.When-first, f.again))
	}
}

// misfit takes a message that must not come now.
func (f *follower) misfit(e *Event, at []int) {
	i := at[0]
	for _, place := range at {
		if place > slices.Max(f.next) { // of several places the one that says what is missing
			i = place
			break
		}
	}
	switch {
	case i > slices.Max(f.next):
		f.missing(slices.Max(f.next), i, "then came "+f.h.name(e.ID))
	case f.seen[i] > 0:
		f.complain(Again, fmt.Sprintf("%s came again behind %s", f.h.name(e.ID), f.last()))
	default:
		f.complain(Late, fmt.Sprintf("%s came behind %s", f.h.name(e.ID), f.last()))
	}
	f.seen[i] = e.When
	f.gap, f.back = false, false
	f.next = []int{max(i+1, slices.Max(f.next))}
	f.high = max(f.high, i+1)
}

// missing complains of the messages from one index to another.
func (f *follower) missing(from, to int, why string) {
	f.complain(Missing, fmt.Sprintf("%d messages from %s at %s on, without a gap; %s",
		to-from, f.h.name(f.t.items[from].ID), f.t.items[from].At, why))
}

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"
)

// A truth is the one order in which messages were stored, of one filter.
type truth struct {
	items  []Entry      // in order
	places map[ID][]int // in items; one for each life of the server
	epochs map[uint64]int
}

// epochOrder returns the place of each life of the server among all in which something was
// stored. The number of an epoch says nothing, but the times of its messages do; those of
// other positions may be older, as a position behind a gap is.
func epochOrder(all []Entry) map[uint64]int {
	first := make(map[uint64]int64)
	for _, e := range all {
		if t, ok := first[e.At.Epoch]; !ok || e.At.Time < t {
			first[e.At.Epoch] = e.At.Time
		}
	}
	list := make([]uint64, 0, len(first))
	for epoch := range first {
		list = append(list, epoch)
	}
	slices.SortFunc(list, func(a, b uint64) int { return cmp.Compare(first[a], first[b]) })
	order := make(map[uint64]int)
	for i, epoch := range list {
		order[epoch] = i
	}
	return order
}

// A place is a cursor without its time, which is no part of the position.
type place struct{ epoch, offset uint64 }

func placeOf(c Cursor) place { return place{c.Epoch, c.Offset} }

// known returns all messages whose places are known, in no order, and complains of those
// that have several names. With a durable server that is the log.
func known(h *History, c *complaints) []Entry {
	at := make(map[place]ID)
	var list []Entry
	add := func(e Entry, who string) {
		if id, ok := at[placeOf(e.At)]; !ok {
			at[placeOf(e.At)] = e.ID
			list = append(list, e)
		} else if id != e.ID {
			c.add(Moved, who, fmt.Sprintf("%s is at %s, where %s is", h.name(e.ID), e.At, h.name(id)))
		}
	}
	for _, e := range h.Log {
		add(e, "log")
	}
	if h.Durable {
		return list
	}
	for _, a := range h.Acks {
		add(a.Entry, "acknowledgement")
	}
	for _, s := range h.Subscribers {
		for _, e := range s.Events {
			if e.What == Received && !e.At.IsZero() {
				add(Entry{e.ID, e.At}, s.Name)
			}
		}
	}
	return list
}

// newTruth returns the truth of the topics that filter matches.
func newTruth(h *History, all []Entry, epochs map[uint64]int, filter string) *truth {
	t := &truth{places: make(map[ID][]int), epochs: epochs}
	for _, e := range all {
		if topic := h.topic(e.ID); match(filter, topic) {
			t.items = append(t.items, e)
		}
	}
	slices.SortFunc(t.items, func(a, b Entry) int { return t.compare(a.At, b.At) })
	for i, e := range t.items {
		t.places[e.ID] = append(t.places[e.ID], i)
	}
	return t
}

// compare orders positions.
func (t *truth) compare(a, b Cursor) int {
	return cmp.Or(cmp.Compare(t.epochs[a.Epoch], t.epochs[b.Epoch]), cmp.Compare(a.Offset, b.Offset))
}

// rank returns how many messages are not behind a position: the index of the next one.
func (t *truth) rank(c Cursor) int {
	return sort.Search(len(t.items), func(i int) bool { return t.compare(t.items[i].At, c) > 0 })
}

// knows tells whether the life of the server that a position is in is known.
func (t *truth) knows(c Cursor) bool {
	_, ok := t.epochs[c.Epoch]
	return ok
}

// killedBetween tells whether the server was killed in a time.
func (h *History) killedBetween(from, to time.Duration) bool {
	return slices.ContainsFunc(h.Kills, func(k time.Duration) bool { return from <= k && k <= to })
}

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Keyed is what happened on a topic whose messages have keys, of which the server keeps
// the latest of each.
type Keyed struct {
	Topic string

	// Conflates tells that who is slow gets only the latest of each key. Else everything
	// comes, but for what is lost in a gap.
	Conflates bool

	Keys    []string // each has one publisher, who sends when the change before is stored
	Changes []Change // that were acknowledged
	Last    Change   // the one that everybody has to get to
	Keepers []*Keeper
}

// A Change is a message with a key, at its place.
type Change struct {
	Key uint32 // an index of Keyed.Keys
	Seq uint32 // Removal if it removes the key
	At  Cursor
}

// Removal is the number of all messages that remove their key.
const Removal = ^uint32(0)

// A Keeper is a subscriber that keeps the latest message of each key.
type Keeper struct {
	Name   string
	Form   string // of the wire
	Events []KeyEvent
	Caught bool // it has received the last change
}

// A KeyEvent is what happened to a keeper. A connection without a cursor begins with the
// latest message of each key; what was known before does not count any more.
type KeyEvent struct {
	What   What
	Change // the message, or At alone
	When   time.Duration
}

// name returns a change as people read it.
func (k *Keyed) name(c Change) string {
	if c.Seq == Removal {
		return k.Keys[c.Key] + " removed"
	}
	return fmt.Sprintf("%s#%d", k.Keys[c.Key], c.Seq)
}

// A KeyCount is how many events of a keeper there were. Skipped are those that came
// without the one of the same key before them.
type KeyCount struct{ Messages, Removals, Connections, Anew, Gaps, Skipped int }

// Count counts the events of s.
func (k *Keyed) Count(s *Keeper) KeyCount { return newKeyTruth(k).count(k, s) }

func (t *keyTruth) count(k *Keyed, s *Keeper) (n KeyCount) {
	f := &keeping{k: k, t: t, s: s, c: &complaints{}}
	f.follow()
	n.Skipped = f.skipped
	for _, e := range s.Events {
		switch {
		case e.What == Gap:
			n.Gaps++
		case e.What == Resumed:
			n.Connections++
			if e.At.IsZero() {
				n.Anew++
			}
		case e.Seq == Removal:
			n.Removals++
		default:
			n.Messages++
		}
	}
	return n
}

// String sums up what happened.
func (k *Keyed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d keys, %d changes acknowledged\n", k.Topic, len(k.Keys), len(k.Changes))
	t := newKeyTruth(k)
	for _, s := range k.Keepers {
		n := t.count(k, s)
		fmt.Fprintf(&b, "%-16s %6d messages, %3d removals, %4d connections, %3d anew, %3d gaps, %4d left out\n",
			s.Name, n.Messages, n.Removals, n.Connections, n.Anew, n.Gaps, n.Skipped)
	}
	return b.String()
}

// A keyTruth is all changes whose places are known, of each key in each life of the server
// in their order.
type keyTruth struct {
	of map[keyLife][]Change
	at map[place]Change
}

type keyLife struct {
	key   uint32
	epoch uint64
}

func newKeyTruth(k *Keyed) *keyTruth {
	t := &keyTruth{make(map[keyLife][]Change), make(map[place]Change)}
	add := func(c Change) {
		if _, ok := t.at[placeOf(c.At)]; !ok {
			t.at[placeOf(c.At)] = c
			life := keyLife{c.Key, c.At.Epoch}
			t.of[life] = append(t.of[life], c)
		}
	}
	for _, c := range k.Changes { // first: they are right
		add(c)
	}
	for _, s := range k.Keepers {
		for _, e := range s.Events {
			if e.What == Received {
				add(e.Change)
			}
		}
	}
	for _, list := range t.of {
		slices.SortFunc(list, byOffset)
	}
	return t
}

// latest returns what a key has at the end, ok if there is something.
func (t *keyTruth) latest(key uint32, epoch uint64) (c Change, ok bool) {
	list := t.of[keyLife{key, epoch}]
	if len(list) == 0 || list[len(list)-1].Seq == Removal {
		return Change{}, false
	}
	return list[len(list)-1], true
}

// between returns how many changes of a key there are between two of them, -1 if that is not
// known.
func (t *keyTruth) between(a, b Change) int {
	list := t.of[keyLife{b.Key, b.At.Epoch}]
	i, ok := slices.BinarySearchFunc(list, a, byOffset)
	j, ok2 := slices.BinarySearchFunc(list, b, byOffset)
	if a.At.Epoch != b.At.Epoch || !ok || !ok2 {
		return -1
	}
	return j - i - 1
}

// byOffset orders changes of one life of the server.
func byOffset(a, b Change) int { return cmp.Compare(a.At.Offset, b.At.Offset) }

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Room is who came to a topic, and what those were told who watched.
type Room struct {
	Topic     string
	Members   []string // who is there at the end
	Guests    []string // who was there before, and is not
	Observers []*Observer
}

// An Observer is told who is present.
type Observer struct {
	Name   string
	Frames []Presence
}

// A Presence is what an observer was told. The first over each connection is all that there
// is.
type Presence struct {
	First bool // over this connection
	Full  bool // Here is set, Join and Leave are not

	Count             int
	Here, Join, Leave []string
	More              bool
	When              time.Duration
}

// apply makes a view what it is after p, as duplex.js does.
func (p *Presence) apply(view map[string]bool) {
	if p.Full {
		clear(view)
	}
	for _, name := range slices.Concat(p.Here, p.Join) {
		view[name] = true
	}
	for _, name := range p.Leave {
		delete(view, name)
	}
}

// view returns who is present, as the observer knows.
func (o *Observer) view() map[string]bool {
	view := make(map[string]bool)
	for i := range o.Frames {
		o.Frames[i].apply(view)
	}
	return view
}

// isRight tells whether an observer knows who is there.
func (r *Room) isRight(o *Observer) bool {
	want := make(map[string]bool)
	for _, name := range r.Members {
		want[name] = true
	}
	n := len(o.Frames)
	return n > 0 && o.Frames[n-1].Count == len(want) && maps.Equal(o.view(), want)
}

// checkRoom looks at what observers were told.
func checkRoom(r *Room, c *complaints) {
	for _, o := range r.Observers {
		checkObserver(r, o, c)
		if !r.isRight(o) {
			c.add(Behind, o.Name, fmt.Sprintf("at the end %s are there, and it knows of %s", r.Members, names(o.view())))
		}
	}
}

// checkObserver looks at each frame. A name may come to the others again that one of them had
// among those who are here, and so may one that left; and the first change behind that
// may have been on its way before. But behind the second there are as many names as are present.
func checkObserver(r *Room, o *Observer, c *complaints) {
	view, changes := make(map[string]bool), 0
	for i := range o.Frames {
		p := &o.Frames[i]
		complain := func(kind Kind, format string, args ...any) {
			c.add(kind, o.Name, fmt.Sprintf("at %v: ", p.When.Round(time.Millisecond))+fmt.Sprintf(format, args...))
		}
		if p.First && !p.Full {
			complain(Late, "a change comes before it is told who is here")
		}
		if changes++; p.Full {
			changes = 0
		}
		p.apply(view)
		for name := range view {
			if !slices.Contains(r.Members, name) && !slices.Contains(r.Guests, name) {
				complain(Vanished, "%s is nobody", name)
			}
		}
		if (p.Full || changes > 1) && !p.More && p.Count != len(view) {
			complain(Missing, "%d are present, and it was told of %s", p.Count, names(view))
		}
		for _, name := range p.Join {
			if slices.Contains(p.Leave, name) {
				complain(Again, "%s comes and leaves at once", name)
			}
		}
	}
}

func names(view map[string]bool) []string { return slices.Sorted(maps.Keys(view)) }

// String sums up what happened.
func (r *Room) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d members and %d guests\n", r.Topic, len(r.Members), len(r.Guests))
	for _, o := range r.Observers {
		n := o.Count()
		fmt.Fprintf(&b, "%-16s %4d connections, %3d times told all, %4d changes with %d who came and %d who left\n",
			o.Name, n.Connections, n.Full, n.Changes, n.Joins, n.Leaves)
	}
	return b.String()
}

// A PresenceCount is how many frames and names there were.
type PresenceCount struct{ Connections, Full, Changes, Joins, Leaves int }

// Count counts what an observer was told.
func (o *Observer) Count() (n PresenceCount) {
	for i := range o.Frames {
		p := &o.Frames[i]
		if p.First {
			n.Connections++
		}
		if p.Full {
			n.Full++
		} else {
			n.Changes++
		}
		n.Joins += len(p.Join)
		n.Leaves += len(p.Leave)
	}
	return n
}

package chaos

import (
	"fmt"
	"slices"
)

// A Kind is a promise that was broken.
type Kind string

// The kinds of problems.
const (
	Lost     Kind = "lost"      // it was acknowledged and is not in the log
	Moved    Kind = "moved"     // it is not where it was said to be
	Twice    Kind = "twice"     // it was stored more than once
	Shuffled Kind = "shuffled"  // a publisher's messages are not in its order
	Missing  Kind = "missing"   // a subscriber did not get it and was told of no gap
	Late     Kind = "late"      // a subscriber got it too late
	Again    Kind = "again"     // a subscriber got it again
	FalseGap Kind = "false gap" // a subscriber was told of a gap where none may be
	Vanished Kind = "vanished"  // a subscriber got it and it is not in the log
	Behind   Kind = "behind"    // a subscriber did not get to the end
	Receipt  Kind = "receipt"   // a publisher was told nonsense
	Trouble  Kind = "trouble"   // see History.Trouble
)

// A Problem is a promise that was broken.
type Problem struct {
	Kind Kind
	Who  string
	Text string
}

// String returns the problem as a line.
func (p Problem) String() string { return fmt.Sprintf("%s: %s: %s", p.Kind, p.Who, p.Text) }

// complaints collects problems, not too many of one kind from one side: one fault has many
// consequences.
type complaints struct {
	list  []Problem
	count map[[2]string]int
}

// maxComplaints is how many problems of a kind somebody has.
const maxComplaints = 5

func (c *complaints) add(kind Kind, who, text string) {
	if c.count == nil {
		c.count = make(map[[2]string]int)
	}
	key := [2]string{string(kind), who}
	if c.count[key]++; c.count[key] <= maxComplaints {
		c.list = append(c.list, Problem{kind, who, text})
	}
}

// Check returns what was promised and not kept, nil if there is nothing.
func Check(h *History) []Problem {
	var c complaints
	for _, text := range h.Trouble {
		c.add(Trouble, "run", text)
	}
	all := known(h, &c)
	epochs := epochOrder(all)
	truths := make(map[string]*truth)
	of := func(filter string) *truth {
		if truths[filter] == nil {
			truths[filter] = newTruth(h, all, epochs, filter)
		}
		return truths[filter]
	}
	everything := of(">")
	checkLog(h, everything, &c)
	checkOrder(h, everything, &c)
	checkAcks(h, everything, &c)
	once := sentOnce(h)
	for _, s := range h.Subscribers {
		follow(h, of(s.Filter), once, s, &c)
	}
	for _, k := range h.Keyed {
		checkKeyed(h, k, &c)
	}
	if h.Room != nil {
		checkRoom(h.Room, &c)
	}
	return c.list
}

// sentOnce returns the messages that are known to have been sent once.
func sentOnce(h *History) map[ID]bool {
	once := make(map[ID]bool)
	for _, a := range h.Acks {
		if a.Tries == 1 {
			once[a.ID] = true
		}
	}
	return once
}

// checkLog looks for messages that are stored more than once: in all the time of a durable
// server, in one life of another one.
func checkLog(h *History, t *truth, c *complaints) {
	for id, places := range t.places {
		for i, at := range places[1:] {
			first, second := t.items[places[i]].At, t.items[at].At
			if h.Durable || first.Epoch == second.Epoch {
				c.add(Twice, "log", fmt.Sprintf("%s is at %s and at %s", h.name(id), first, second))
			}
		}
	}
}

// checkOrder looks at the messages of each publisher.
func checkOrder(h *History, t *truth, c *complaints) {
	type progress struct {
		epoch uint64
		next  uint32
	}
	reached := make(map[uint32]progress)
	for i, e := range t.items {
		if t.places[e.ID][0] != i {
			continue // checkLog says so
		}
		p, was := h.Publishers[e.ID.Publisher], reached[e.ID.Publisher]
		if was.epoch != e.At.Epoch {
			was = progress{epoch: e.At.Epoch}
		}
		switch {
		case p.Order != AnyOrder && e.ID.Seq < was.next:
			c.add(Shuffled, p.Name, fmt.Sprintf("%s is behind number %d", h.name(e.ID), was.next-1))
		case p.Order == Prefix && h.Durable && e.ID.Seq > was.next:
			c.add(Shuffled, p.Name, fmt.Sprintf("%s is there, and not number %d of the same connection", h.name(e.ID), was.next))
		}
		reached[e.ID.Publisher] = progress{e.At.Epoch, max(was.next, e.ID.Seq+1)}
	}
}

// checkAcks looks for what publishers were told is stored.
func checkAcks(h *History, t *truth, c *complaints) {
	for _, a := range h.Acks {
		places := t.places[a.ID]
		there := slices.ContainsFunc(places, func(i int) bool { return placeOf(t.items[i].At) == placeOf(a.At) })
		switch {
		case len(places) == 0:
			c.add(Lost, "log", fmt.Sprintf("%s was acknowledged at %s", h.name(a.ID), a.At))
		case !there:
			c.add(Moved, "log", fmt.Sprintf("%s was acknowledged at %s, and is at %s", h.name(a.ID), a.At, t.items[places[0]].At))
		}
		if a.Duplicate && a.Tries == 1 {
			c.add(Receipt, "acknowledgement", fmt.Sprintf("%s is called a duplicate, and was sent once", h.name(a.ID)))
		}
	}
}

// endOf returns the position that a subscriber has to reach.
func (h *History) endOf(t *truth, filter string) (end Cursor) {
	for topic, at := range h.Ends {
		if (match(filter, topic)) && (end.IsZero() || t.compare(at, end) > 0) {
			end = at
		}
	}
	return end
}

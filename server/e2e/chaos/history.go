package chaos

import (
	"fmt"
	"strings"
	"time"
)

// A History is all that happened in a run.
type History struct {
	// Durable tells that the server kept what it acknowledged across restarts.
	Durable bool

	// Window is how many bytes a raw session may get again after a connection that
	// was lost, each message counted with [MessageCost] more.
	Window int

	Publishers  []Publisher
	Acks        []Ack
	Subscribers []*Subscriber
	Kills       []time.Duration // when the server was killed, since the start of the run
	Terms       int             // how often it was ended in order
	Farewells   map[string]int  // what the server said at the ends of connections and subscriptions

	// Log is what the topics had at the end, in order, from where all subscribers
	// began.
	Log []Entry

	// Ends are the positions of the last message of each topic.
	Ends map[string]Cursor

	// Keyed are the topics whose messages have keys, and Room the one where it is told who
	// is present; nil if there is none.
	Keyed []*Keyed
	Room  *Room

	// Trouble is what went wrong that is no matter of messages: a server that did not
	// start, an answer that nobody may give.
	Trouble []string
}

// LateForm is the form of subscribers that came when all was over.
const LateForm = "late"

// MessageCost is what a message counts in a window beside its payload, in bytes.
const MessageCost = 48

// A Publisher numbers its messages to one topic from 0 on.
type Publisher struct {
	Name  string
	Topic string
	Order Order
}

// An Order is what a publisher may expect of the places of its messages.
type Order uint8

// The orders.
const (
	AnyOrder Order = iota // several are under way at once and tried again alone
	InOrder               // each is sent when the one before is stored
	Prefix                // all go over one connection, and end with it
)

// An ID names a message: its publisher, as an index of History.Publishers, and its number.
type ID struct{ Publisher, Seq uint32 }

// An Entry is a message at its place.
type Entry struct {
	ID ID
	At Cursor
}

// An Ack is what a publisher was told.
type Ack struct {
	Entry
	Tries     int // how often it was sent, 0 if that is not known
	Duplicate bool
}

// A Subscriber is one subscription, over all its connections.
type Subscriber struct {
	Name   string
	Form   string // of the wire
	Filter string

	// Session tells that the server remembers the position, and knows it only from
	// what was answered: so messages may come again.
	Session bool

	// Drops tells that the topic leaves out the oldest for those who are slow, and says so
	// with a gap.
	Drops bool

	Events []Event
	Caught bool // it has received the last message of each topic
}

// A What says what kind of Event it is.
type What uint8

// The kinds of events.
const (
	// Resumed is a connection that goes on behind At, or where the server says if At
	// is zero.
	Resumed What = iota

	// Received is a message. At is its cursor, zero if the form does not tell.
	Received

	// Gap says that messages are lost up to At, or up to the next message if that is
	// zero.
	Gap
)

// An Event is what happened to a subscriber.
type Event struct {
	What What
	Size uint32 // of the payload, in bytes
	ID   ID
	At   Cursor
	When time.Duration // since the start of the run
}

// name returns a message as people read it.
func (h *History) name(id ID) string {
	if int(id.Publisher) >= len(h.Publishers) {
		return fmt.Sprintf("message %d of nobody", id.Seq)
	}
	return fmt.Sprintf("%s#%d", h.Publishers[id.Publisher].Name, id.Seq)
}

// topic returns the topic of a message.
func (h *History) topic(id ID) string {
	if int(id.Publisher) >= len(h.Publishers) {
		return ""
	}
	return h.Publishers[id.Publisher].Topic
}

// String sums up what happened, to see that enough did.
func (h *History) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d kills, %d orderly restarts, %d messages in the log, %d acknowledged",
		len(h.Kills), h.Terms, len(h.Log), len(h.Acks))
	again := 0
	for _, a := range h.Acks {
		if a.Duplicate {
			again++
		}
	}
	fmt.Fprintf(&b, ", %d of them on a retry that was not stored again\nthe server's farewells: %v\n", again, h.Farewells)
	for _, s := range h.Subscribers {
		n := s.Count()
		fmt.Fprintf(&b, "%-12s %-10s %6d messages, %4d connections, %3d gaps, %4d again, until %v\n",
			s.Name, s.Filter, n.Messages, n.Connections, n.Gaps, n.Again, n.Until.Round(time.Millisecond))
	}
	for _, k := range h.Keyed {
		b.WriteString(k.String())
	}
	if h.Room != nil {
		b.WriteString(h.Room.String())
	}
	return b.String()
}

// A Count is how many events of each kind there were, and when the last one was.
type Count struct {
	Messages, Connections, Gaps, Again int
	Until                              time.Duration
}

// Count counts the events of s.
func (s *Subscriber) Count() (n Count) {
	seen := make(map[ID]bool)
	for _, e := range s.Events {
		n.Until = e.When
		switch e.What {
		case Resumed:
			n.Connections++
		case Gap:
			n.Gaps++
		case Received:
			n.Messages++
			if seen[e.ID] {
				n.Again++
			}
			seen[e.ID] = true
		}
	}
	return n
}

package chaos_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/e2e/chaos"
)

// In these histories message 203 is the third one of the second life of a server: a
// number is an ID and a cursor. Where a message was stored by two lives, 101=202 is message
// 101 at the place of 202.
func cursor(n int) chaos.Cursor {
	return chaos.Cursor{Epoch: uint64(n / 100), Offset: uint64(n % 100), Time: int64(n)}
}

func id(n int) chaos.ID { return chaos.ID{Seq: uint32(n)} }

// entries reads a list of messages.
func entries(t *testing.T, text string) (list []chaos.Entry) {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		n, at, ok := strings.Cut(word, "=")
		if !ok {
			at = n
		}
		list = append(list, chaos.Entry{ID: id(number(t, n)), At: cursor(number(t, at))})
	}
	return list
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	assert.NoError(t, err)
	return n
}

// events reads what a subscriber received: @100 is a connection that goes on behind a
// cursor, @ one that the server knows where to, !200 a gap up to a cursor and ! one up to
// the next message, 101 a message, 101? one without its cursor.
func events(t *testing.T, text string) (list []chaos.Event) {
	t.Helper()
	for i, word := range strings.Fields(text) {
		e := chaos.Event{When: time.Duration(i+1) * time.Second}
		switch word[0] {
		case '@', '!':
			e.What = map[byte]chaos.What{'@': chaos.Resumed, '!': chaos.Gap}[word[0]]
			if len(word) > 1 {
				e.At = cursor(number(t, word[1:]))
			}
		default:
			e.What, e.Size = chaos.Received, 52
			bare, hidden := strings.CutSuffix(word, "?")
			entry := entries(t, bare)[0]
			e.ID, e.At = entry.ID, entry.At
			if hidden {
				e.At = chaos.Cursor{}
			}
		}
		list = append(list, e)
	}
	return list
}

// kinds returns the kinds of problems, each once.
func kinds(problems []chaos.Problem) string {
	var list []string
	for _, p := range problems {
		if !slices.Contains(list, string(p.Kind)) {
			list = append(list, string(p.Kind))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// history returns one with a publisher and nothing else.
func history(durable bool) *chaos.History {
	return &chaos.History{
		Durable:    durable,
		Window:     200,
		Publishers: []chaos.Publisher{{Name: "ann", Topic: "t"}},
		Ends:       map[string]chaos.Cursor{},
	}
}

func TestFollow(t *testing.T) {
	const six = "101 102 103 104 105 106"
	for _, c := range []struct {
		name   string
		events string
		kinds  string
	}{
		{"everything", "@100 " + six, ""},
		{"everything over two connections", "@100 101 102 @102 103 104 105 106", ""},
		{"a connection without a message", "@100 101 @101 @101 102 103 104 105 106", ""},
		{"asked for again, it comes again", "@100 101 102 103 @101 102 103 104 105 106", ""},
		{"begun in the middle", "@103 104 105 106", ""},
		{"a message is lost", "@100 101 102 104 105 106", "missing"},
		{"the first is lost", "@100 102 103 104 105 106", "missing"},
		{"the last is lost", "@100 101 102 103 104 105", "missing"},
		{"all are lost", "@100", "missing"},
		{"nothing at all", "", "missing"},
		{"lost between connections", "@100 101 102 @102 104 105 106", "missing"},
		{"goes on further ahead", "@100 101 102 @104 105 106", "missing"},
		{"goes back, and ahead again", "@100 101 102? @101 @102 103 104 105 106", ""},
		{"goes back, and too far ahead", "@100 101 102? @101 @103 104 105 106", "missing"},
		{"two change places", "@100 101 103 102 104 105 106", "late, missing"},
		{"again", "@100 101 102 102 103 104 105 106", "again"},
		{"again over a new connection", "@100 101 102 @102 102 103 104 105 106", "again"},
		{"told of a gap", "@100 101 102 !102 103 104 105 106", "false gap"},
		{"told of a gap that is one", "@100 101 102 !104 105 106", "false gap"},
		{"with another cursor", "@100 101 102=103 103 104 105 106", "missing, moved"},
		{"what nobody stored", "@100 101 102 190? 103 104 105 106", "vanished"},
		{"what came when the log was read", "@100 " + six + " 107", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history(true)
			h.Log = entries(t, six)
			h.Ends["t"] = cursor(106)
			h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Events: events(t, c.events), Caught: true}}
			assert.Equal(t, kinds(chaos.Check(h)), c.kinds)
		})
	}
}

func TestFollowSession(t *testing.T) {
	for _, c := range []struct {
		name   string
		kills  []time.Duration
		events string
		kinds  string
	}{
		{"everything", nil, "@100 101? 102? 103? 104? 105? 106?", ""},
		{"some again", nil, "@100 101? 102? 103? @ 102? 103? 104? 105? 106?", ""},
		{"some again, twice", nil, "@100 101? 102? 103? @ 102? @ 102? 103? 104? @ 104? 105? 106?", ""},
		{"goes on exactly", nil, "@100 101? 102? 103? @ 104? 105? 106?", ""},
		{"nothing on the first connection", nil, "@100 @ 101? 102? 103? 104? 105? 106?", ""},
		{"a message is lost", nil, "@100 101? 102? 103? @ 105? 106?", "missing"},
		{"a message is lost among those that come again", nil, "@100 101? 102? 103? @ 101? 103? 104? 105? 106?", "missing"},
		{"again without a new connection", nil, "@100 101? 102? 102? 103? 104? 105? 106?", "again"},
		{"more again than the window", nil, "@100 101? 102? 103? 104? @ 101? 102? 103? 104? 105? 106?", "again"},
		{"more again after a kill", []time.Duration{6 * time.Second}, "@100 101? 102? 103? 104? @ 101? 102? 103? 104? 105? 106?", ""},
		{"and over the connection behind that", []time.Duration{6 * time.Second}, "@100 101? 102? 103? 104? @ 101? @ 101? 102? 103? 104? 105? 106?", ""},
		{"more again, and a kill was before that", []time.Duration{time.Second}, "@100 101? 102? 103? 104? @ 101? 102? 103? 104? 105? 106?", "again"},
		{"more again than what came before a kill", []time.Duration{25 * time.Second},
			"@100 101? 102? 103? 104?" + strings.Repeat(" @101", 20) + " @ 102? 103? 104? 105? 106?", "again"},
		{"told of a gap", nil, "@100 101? !104 @ 105? 106?", "false gap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history(true)
			h.Kills = c.kills
			h.Log = entries(t, "101 102 103 104 105 106")
			h.Ends["t"] = cursor(106)
			h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Session: true, Events: events(t, c.events), Caught: true}}
			assert.Equal(t, kinds(chaos.Check(h)), c.kinds)
		})
	}
}

// A server that keeps nothing has lives, and between them there is a gap for whoever missed
// something.
func TestFollowLives(t *testing.T) {
	for _, c := range []struct {
		name    string
		session bool
		events  string
		kinds   string
	}{
		{"everything of the first life", false, "@100 101 102 103 201 202 203", ""},
		{"told of the gap", false, "@100 101 !200 201 202 203", ""},
		{"told of the gap, not where it ends", false, "@100 101 ! 202 203", ""},
		{"told of the gap over a new connection", false, "@100 101 @101 !200 201 202 203", ""},
		{"told of a gap that was none", false, "@100 101 102 103 !200 201 202 203", ""},
		{"not told", false, "@100 101 201 202 203", "missing"},
		{"not told, without cursors", false, "@100 101? 201? 202? 203?", "missing"},
		{"told, and more is missing", false, "@100 101 !200 202 203", "missing"},
		{"told of a gap in one life", false, "@100 101 !102 103 201 202 203", "false gap"},
		{"the gap leads back", false, "@100 101 102 103 201 !102 103 201 202 203", "late"},
		{"the first life comes behind the second", false, "@100 101 !200 201 102 202 203", "late"},
		{"a life in which nothing was stored", false, "@100 101 !300 !200 201 202 203", ""},
		{"without its cursor", false, "@100 101 102 103? 201 202 203", ""},
		{"of the first life, behind the second", false, "@100 101? !200 201? 202? 103? 203?", "late"},
		{"the session is told twice", true, "@100 101? !200 @ !200 @ 201? 202? 203?", ""},
		{"the session is not told", true, "@100 101? @ 201? 202? 203?", "missing"},
		{"what nobody knows any more", false, "@100 101? 190? !200 201? 202? 203?", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history(false)
			h.Log = entries(t, "201 202 203")
			for _, e := range entries(t, "101 102 103 201 202 203") {
				h.Acks = append(h.Acks, chaos.Ack{Entry: e, Tries: 1})
			}
			h.Ends["t"] = cursor(203)
			h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Session: c.session, Events: events(t, c.events), Caught: true}}
			assert.Equal(t, kinds(chaos.Check(h)), c.kinds)
		})
	}
}

// A message whose acknowledgement was lost with the server is stored by the next life too.
// Who is not told cursors may be at either place.
func TestFollowBothPlaces(t *testing.T) {
	h := history(false)
	h.Log = entries(t, "201 103=202 203")
	for _, e := range entries(t, "101 102 201 203") {
		h.Acks = append(h.Acks, chaos.Ack{Entry: e, Tries: 1})
	}
	h.Acks = append(h.Acks, chaos.Ack{Entry: entries(t, "103")[0], Tries: 2})
	for received, want := range map[string]string{
		"@100 101? 102? 103? !200 201? 103? 203?": "",
		"@100 101? !200 201? 103? 203?":           "",
		"@100 101? ! 103? 203?":                   "",
		"@100 101? 102? 103? 203?":                "missing",
		"@100 101? !200 103? 203?":                "missing",
	} {
		h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Events: events(t, received), Caught: true}}
		assert.Equal(t, fmt.Sprint(received, ": ", kinds(chaos.Check(h))), fmt.Sprint(received, ": ", want))
	}
}

// What only those know who are told no cursors, and what was stored once more by the next
// life, has a place that is known there alone. Such a message is 202, and was sent twice.
func TestFollowPlaceThatIsForgotten(t *testing.T) {
	h := history(false)
	h.Log = entries(t, "201 202 203 204")
	for _, e := range entries(t, "101 102 103 201 203 204") {
		h.Acks = append(h.Acks, chaos.Ack{Entry: e, Tries: 1})
	}
	for received, want := range map[string]string{
		"@100 101? 202? 102? 103? !200 201? 202? 203? 204?": "", // in the middle of the first life
		"@100 101? 202? @101 102? !200 201? 202? 203? 204?": "",
		"@100 101? 202? !200 201? 202? 203? 204?":           "",
		"@100 101? 102? 103? 202? !200 201? 202? 203? 204?": "", // at its end
		"@100 101? 202? 103? !200 201? 202? 203? 204?":      "missing",
		"@100 101? 202? 203? 204?":                          "missing", // nobody was told of the next life
		"@100 101? 102? 103? 202? 203? 204?":                "missing",
		"@100 101? !200 202? 203? 204?":                     "missing", // in the life where it is known
		"@100 101? !200 201? 203? 202? 204?":                "late, missing",
	} {
		h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Events: events(t, received), Caught: true}}
		assert.Equal(t, fmt.Sprint(received, ": ", kinds(chaos.Check(h))), fmt.Sprint(received, ": ", want))
	}
	h.Log, h.Acks = entries(t, "202 203"), h.Acks[:3] // the first of its life
	h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Events: events(t, "@100 101? 102? 103? 202? !200 202? 203?"), Caught: true}}
	assert.Equal(t, kinds(chaos.Check(h)), "")
}

// With wildcards the order is that of all topics together.
func TestFollowFilter(t *testing.T) {
	for received, want := range map[string]string{
		"@100 101 102 103 104": "",
		"@100 101 103 104":     "missing",
		"@100 102 101 103 104": "late, missing",
	} {
		h := history(true)
		h.Publishers = append(h.Publishers, chaos.Publisher{Name: "cid", Topic: "u"})
		h.Log = entries(t, "101 102 103 104")
		h.Log[1].ID.Publisher, h.Log[2].ID.Publisher = 1, 1
		h.Ends["t"], h.Ends["u"] = cursor(104), cursor(103)
		s := &chaos.Subscriber{Name: "bob", Filter: "*", Events: events(t, received), Caught: true}
		for i := range s.Events {
			if o := s.Events[i].At.Offset; o == 2 || o == 3 {
				s.Events[i].ID.Publisher = 1
			}
		}
		h.Subscribers = []*chaos.Subscriber{s}
		assert.Equal(t, kinds(chaos.Check(h)), want)
	}
}

func TestPublishers(t *testing.T) {
	for _, c := range []struct {
		name    string
		durable bool
		order   chaos.Order
		log     string
		acks    string
		kinds   string
	}{
		{"all in order", true, chaos.InOrder, "0=101 1=102 2=103", "0=101 1=102 2=103", ""},
		{"not acknowledged and stored", true, chaos.InOrder, "0=101 1=102", "0=101", ""},
		{"acknowledged and not stored", true, chaos.InOrder, "0=101 1=102", "0=101 2=103", "lost"},
		{"acknowledged elsewhere", true, chaos.InOrder, "0=101 1=102", "0=101 1=103", "moved"},
		{"two at one place", true, chaos.InOrder, "0=101 1=101", "", "moved"},
		{"stored twice", true, chaos.AnyOrder, "0=101 1=102 0=103", "0=101", "twice"},
		{"stored by two lives", false, chaos.InOrder, "0=201", "0=101", ""},
		{"stored twice by one life", false, chaos.InOrder, "0=201 0=202", "", "twice"},
		{"out of order", true, chaos.InOrder, "1=101 0=102", "", "shuffled"},
		{"out of order, as allowed", true, chaos.AnyOrder, "1=101 0=102", "", ""},
		{"not all, in order", true, chaos.InOrder, "0=101 2=102", "", ""},
		{"not all of one connection", true, chaos.Prefix, "0=101 2=102", "", "shuffled"},
		{"the beginning of one connection", true, chaos.Prefix, "0=101 1=102", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history(c.durable)
			h.Publishers[0].Order = c.order
			h.Log = entries(t, c.log)
			for _, e := range entries(t, c.acks) {
				h.Acks = append(h.Acks, chaos.Ack{Entry: e, Tries: 1})
			}
			assert.Equal(t, kinds(chaos.Check(h)), c.kinds)
		})
	}
}

func TestCheckRest(t *testing.T) {
	h := history(true)
	h.Log = entries(t, "101")
	h.Acks = []chaos.Ack{{Entry: h.Log[0], Tries: 1, Duplicate: true}}
	h.Trouble = []string{"the server did not start"}
	h.Subscribers = []*chaos.Subscriber{{Name: "bob", Filter: "t", Events: events(t, "@100 101")}}
	assert.Equal(t, kinds(chaos.Check(h)), "behind, receipt, trouble")

	h.Acks[0].Tries = 2
	h.Trouble, h.Subscribers[0].Caught = nil, true
	assert.Equal(t, kinds(chaos.Check(h)), "")
}

package conformance

import (
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// ideal returns the outcome c demands, in memory of its own.
func ideal(c *Case) Outcome {
	return Outcome{Saw: slices.Clone(c.Sees), Answers: slices.Clone(c.Answers), Ended: c.Ends}
}

// damages returns every way of this test to spoil the ideal outcome of c.
func damages(c *Case) map[string]Outcome {
	spoilt := map[string]Outcome{}
	spoil := func(how string, do func(*Outcome)) {
		o := ideal(c)
		do(&o)
		spoilt[how] = o
	}
	spoil("one event more", func(o *Outcome) { o.Saw = append(o.Saw, Event{Text, "more"}) })
	spoil("one event more in front", func(o *Outcome) { o.Saw = slices.Insert(o.Saw, 0, Event{Binary, "more"}) })
	spoil("one answer more", func(o *Outcome) { o.Answers = append(o.Answers, Answer{Opcode: frame.OpPong}) })
	spoil("another state", func(o *Outcome) { o.Ended.State = (o.Ended.State + 1) % 4 })
	spoil("another code", func(o *Outcome) { o.Ended.Code++ })
	spoil("another section", func(o *Outcome) { o.Ended.Section += "§" })
	for i := range c.Sees {
		spoil("an event lost", func(o *Outcome) { o.Saw = slices.Delete(o.Saw, i, i+1) })
		spoil("an event of another kind", func(o *Outcome) { o.Saw[i].Kind ^= 1 })
		spoil("an event with a byte more", func(o *Outcome) { o.Saw[i].Payload += "x" })
	}
	for i := range c.Answers {
		spoil("an answer lost", func(o *Outcome) { o.Answers = slices.Delete(o.Answers, i, i+1) })
		spoil("an answer twice", func(o *Outcome) { o.Answers = slices.Insert(o.Answers, i, o.Answers[i]) })
		spoil("an answer with another opcode", func(o *Outcome) { o.Answers[i].Opcode ^= 1 })
		spoil("an answer with another code", func(o *Outcome) { o.Answers[i].Code++ })
		if c.Answers[i].Opcode != frame.OpClose {
			spoil("a pong with another payload", func(o *Outcome) { o.Answers[i].Payload += "x" })
		}
	}
	return spoilt
}

// TestEveryCaseCanFail shows of each case that a wrong outcome is noticed.
func TestEveryCaseCanFail(t *testing.T) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			assert.NoError(t, c.Check(ideal(&c)))
			for how, o := range damages(&c) {
				assert.True(t, c.Check(o) != nil, "not noticed: "+how)
			}
		})
	}
}

func TestCheckExplains(t *testing.T) {
	c := breaks("§5.2 example", "§5.2", sends(ping("1"), ping("2")), Event{Ping, "1"}, Event{Ping, "2"})
	tests := []struct {
		name string
		do   func(*Outcome)
		want string
	}{
		{"event differs", func(o *Outcome) { o.Saw[1].Payload = "3" },
			`the application saw ping "3" as number 2, want ping "2"`},
		{"event missing", func(o *Outcome) { o.Saw = o.Saw[:1] },
			`the application saw nothing as number 2, want ping "2"`},
		{"event too many", func(o *Outcome) { o.Saw = append(o.Saw, Event{Text, "t"}) },
			`the application saw text "t" as number 3, want no more than 2`},
		{"answers swapped", func(o *Outcome) { o.Answers[0], o.Answers[1] = o.Answers[1], o.Answers[0] },
			`the peer was answered pong "2" as number 1, want pong "1"`},
		{"end differs", func(o *Outcome) { o.Ended = End{} },
			"the connection is open, want failed with 1002 protocol error (§5.2)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := ideal(&c)
			test.do(&o)
			err := c.Check(o)
			assert.True(t, err != nil, "not noticed")
			assert.Equal(t, err.Error(), test.want)
		})
	}
	both := c.Check(Outcome{})
	assert.Contains(t, both.Error(), "the application saw nothing")
	assert.Contains(t, both.Error(), "\nthe peer was answered nothing")
	assert.Contains(t, both.Error(), "\nthe connection is open")
}

func TestCheckIgnoresTheReasonOfAClose(t *testing.T) {
	c := closes("§7.4 example", 1000, sends(bye(1000, "")))
	o := ideal(&c)
	o.Answers[0].Payload = "thank you"
	assert.NoError(t, c.Check(o))
}

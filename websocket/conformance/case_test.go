package conformance

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
)

// TestTable holds the table to its own form: each case is named by a section
// and unlike all others.
func TestTable(t *testing.T) {
	cases := Cases()
	assert.True(t, len(cases) >= 300, "the table has shrunk below 300 cases")
	section := regexp.MustCompile(`^(RFC \d+ )?§\d+(\.\d+)* \S`)
	names, wires := map[string]bool{}, map[string]string{}
	for _, c := range cases {
		assert.True(t, section.MatchString(c.Name), c.Name+": does not begin with a section")
		assert.True(t, !names[c.Name], c.Name+": there are two of this name")
		names[c.Name] = true
		key := fmt.Sprintf("%d %t %v %x %x", c.MaxMessage, c.EOF, c.Deflate, c.AppendWire(nil, Client, 1), c.AppendWire(nil, Server, 0))
		if other, ok := wires[key]; ok {
			t.Errorf("%s: sends the same bytes as %s", c.Name, other)
		}
		wires[key] = c.Name
	}
}

// TestCasesAreConsistent checks what must be true of any case, however it was
// written: the answers follow from what is seen and from the end.
func TestCasesAreConsistent(t *testing.T) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			want := pongs(c.Sees)
			if c.Ends.State == Closed || c.Ends.State == GaveUp {
				want = append(want, Answer{Opcode: frame.OpClose, Code: c.Ends.Code})
			}
			assert.Equal(t, c.Answers, want)
			assert.Equal(t, c.Ends.State == Lost, c.EOF && !slices.Contains([]State{Closed, GaveUp}, c.Ends.State))
			named := c.Ends.Section != ""
			assert.Equal(t, named, c.Ends.State == GaveUp && c.Ends.Code != frame.StatusMessageTooBig)
			if c.Ends.State == GaveUp {
				assert.True(t, c.Ends.Code.Sendable(), "fails with a code that cannot be sent")
			}
			for _, e := range c.Sees {
				sayable := c.MaxMessage == 0 || int64(len(e.Payload)) <= c.MaxMessage
				assert.True(t, sayable || e.Kind > Binary, "sees more than the limit")
			}
		})
	}
}

// TestCasesAreFresh shows that whoever changes the result harms nobody else.
func TestCasesAreFresh(t *testing.T) {
	first, want := Cases(), Cases()
	for i, c := range want {
		want[i].Sends, want[i].Sees, want[i].Answers = slices.Clone(c.Sends), slices.Clone(c.Sees), slices.Clone(c.Answers)
	}
	for i := range first {
		clear(first[i].Sends)
		clear(first[i].Sees)
		clear(first[i].Answers)
	}
	for i, c := range Cases() {
		assert.True(t, reflect.DeepEqual(c, want[i]), c.Name+": shares memory with another call")
	}
}

// TestEveryAreaIsThere names what the table must not lose.
func TestEveryAreaIsThere(t *testing.T) {
	count := map[string]int{}
	for _, c := range Cases() {
		count[regexp.MustCompile(`^§\d+(\.\d+)+`).FindString(c.Name)]++
	}
	for section, least := range map[string]int{
		"§5.1": 10, "§5.2": 100, "§5.4": 80, "§5.5": 40, "§5.5.1": 50, "§5.5.2": 10, "§5.5.3": 10, "§5.6": 30,
		"§5.7": 6, "§7.1.5": 20, "§7.1.7": 3, "§7.4": 80, "§8.1": 150, "§10.4": 30,
	} {
		assert.True(t, count[section] >= least, fmt.Sprintf("%s has %d cases, want %d", section, count[section], least))
	}
}

func TestStrings(t *testing.T) {
	long := letters(50)
	for _, test := range []struct {
		got  fmt.Stringer
		want string
	}{
		{Must, "MUST"},
		{Should, "SHOULD"},
		{Client, "client"},
		{Client.Other(), "server"},
		{Server.Other(), "client"},
		{Event{Text, "a\n"}, `text "a\n"`},
		{Event{Binary, long}, fmt.Sprintf("binary %q… (50 bytes)", long[:40])},
		{Event{Pong, ""}, `pong ""`},
		{Answer{Opcode: frame.OpPong, Payload: "p"}, `pong "p"`},
		{Answer{Opcode: frame.OpClose, Code: 1001, Payload: "why"}, "close 1001 going away"},
		{End{}, "open"},
		{End{State: Lost}, "lost"},
		{End{State: Closed, Code: 4000}, "closed with 4000"},
		{End{State: GaveUp, Code: 1002, Section: "§5.2"}, "failed with 1002 protocol error (§5.2)"},
	} {
		assert.Equal(t, test.got.String(), test.want)
	}
}

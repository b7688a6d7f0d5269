package proto_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

var update = flag.Bool("update", false, "write the table of transitions into DESIGN.md")

// ways bring a fresh machine into each state, by what is called and received.
var ways = map[proto.State]func(*testing.T, *driver){
	proto.Open: func(*testing.T, *driver) {},
	proto.Closing: func(t *testing.T, d *driver) {
		_, err := d.m.AppendClose(nil, frame.StatusNormalClosure, "")
		assert.NoError(t, err)
	},
	proto.Closed: func(t *testing.T, d *driver) { d.feed(closeBytes(d.role), whole().next) },
	proto.Failed: func(t *testing.T, d *driver) { d.feed(faultBytes(d.role), whole().next) },
	proto.Lost:   func(t *testing.T, d *driver) { d.eof(nil) },
}

// closeBytes is a close frame for a machine with this role.
func closeBytes(role proto.Role) []byte {
	h := frame.Header{Fin: true, Opcode: frame.OpClose, Masked: role == proto.Server, Length: 2}
	return append(frame.AppendHeader(nil, h), 0x03, 0xE8)
}

// faultBytes is a frame that no machine accepts.
func faultBytes(role proto.Role) []byte {
	return frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: 3, Masked: role == proto.Server})
}

// eventFor returns the event that in is, by what a receiving half makes of real
// bytes. It is another machine's half: that of a closed or failed connection
// returns nothing more, and a driver that hands over an event late or twice is
// what the lower rows of the table are for.
func eventFor(role proto.Role, in string) proto.Event {
	m := machine(role)
	switch in {
	case "peer's close frame":
		m.Receive(closeBytes(role))
	case "peer's fault":
		m.Receive(faultBytes(role))
	case "transport ends":
		return m.EOF(nil)
	}
	return m.Next()
}

// TestEveryTransition reaches each cell of the table in both roles.
func TestEveryTransition(t *testing.T) {
	for _, c := range proto.Cells() {
		for _, role := range bothRoles {
			t.Run(fmt.Sprintf("%v/%v/%v", c.From, c.Input, role), func(t *testing.T) {
				d := drive(role, 0)
				ways[c.From](t, d)
				assert.Equal(t, d.m.State(), c.From)
				var out []byte
				if c.Input == "we close" {
					var err error
					out, err = d.m.AppendClose(nil, frame.StatusGoingAway, "")
					assert.Equal(t, err == nil, c.Sends)
				} else {
					var action proto.Transport
					out, action = d.m.Reply(nil, eventFor(role, c.Input))
					assert.Equal(t, action, map[proto.Role]proto.Transport{proto.Server: c.Server, proto.Client: c.Client}[role])
				}
				assert.Equal(t, d.m.State(), c.Next)
				frames := sent(t, role, out)
				assert.Equal(t, len(frames) == 1, c.Sends)
				for _, f := range frames {
					assert.Equal(t, f.Opcode, frame.OpClose)
				}
			})
		}
	}
}

// TestTransitionsMakeSense holds for any table of this kind: at most one close
// frame goes out, an ended connection stays as it is, and the transport's end
// always drops it.
func TestTransitionsMakeSense(t *testing.T) {
	cells := proto.Cells()
	assert.Equal(t, len(cells), 5*4)
	for _, c := range cells {
		where := fmt.Sprintf("%v, %s", c.From, c.Input)
		assert.True(t, !c.Sends || c.From == proto.Open, where+": a second close frame")
		assert.True(t, c.From <= proto.Closing || c.Next == c.From, where+": leaves an ending")
		assert.True(t, c.Next != proto.Open, where+": stays open")
		assert.True(t, c.Input != "transport ends" || c.Server == proto.Drop && c.Client == proto.Drop, where+": keeps a dead transport")
		kept := c.Server == proto.Keep || c.Client == proto.Keep
		assert.Equal(t, kept, c.Next == proto.Closing)
	}
}

// The table stands in DESIGN.md between these two lines.
const (
	design     = "DESIGN.md"
	tableBegin = "<!-- transitions: written by go test -run TestDesign -update -->\n"
	tableEnd   = "<!-- transitions end -->\n"
)

// table returns the transitions as they stand in DESIGN.md.
func table() string {
	var b strings.Builder
	b.WriteString("| state | input | next state | sends a close frame | server's transport | client's transport |\n")
	b.WriteString("|---|---|---|---|---|---|\n")
	for _, c := range proto.Cells() {
		sends := ""
		if c.Sends {
			sends = "yes"
		}
		fmt.Fprintf(&b, "| %v | %s | %v | %s | %v | %v |\n", c.From, c.Input, c.Next, sends, c.Server, c.Client)
	}
	return b.String()
}

func TestDesignShowsTheTransitions(t *testing.T) {
	b, err := os.ReadFile(design)
	assert.NoError(t, err)
	before, rest, ok := strings.Cut(string(b), tableBegin)
	shown, after, ok2 := strings.Cut(rest, tableEnd)
	assert.True(t, ok && ok2, "the lines around the table are missing")
	if *update {
		assert.NoError(t, os.WriteFile(design, []byte(before+tableBegin+table()+tableEnd+after), 0o644))
		return
	}
	assert.True(t, shown == table(), "DESIGN.md shows another table: run go test -run TestDesign -update")
}

func TestNamesOfStates(t *testing.T) {
	var names []string
	for s := proto.Open; s <= proto.Lost; s++ {
		names = append(names, s.String())
	}
	for tr := proto.Keep; tr <= proto.Drop; tr++ {
		names = append(names, tr.String())
	}
	for k := proto.None; k <= proto.End; k++ {
		names = append(names, k.String())
	}
	assert.Equal(t, strings.Join(names, ", "), "open, closing, closed, failed, lost, "+
		"keep, shut, await end, drop, none, data, ping, pong, close, failure, end")
}

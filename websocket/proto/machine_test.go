package proto_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
	"github.com/duplexhq/duplex/websocket/frame"
	"github.com/duplexhq/duplex/websocket/proto"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the random chunkings, 0 for a new one")

// seed returns the seed of the random chunkings and prints it.
func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("repeat with -seed=%d", s)
	return s
}

// maxSplits is the size in bytes up to which a wire is split at every byte.
const maxSplits = 200

// A chunking is a way to cut a wire.
type chunking struct {
	name string
	next func(left int) int
}

func whole() chunking {
	return chunking{"whole", func(left int) int { return left }}
}

func fixed(n int) chunking {
	return chunking{fmt.Sprintf("chunks of %d", n), func(left int) int { return min(n, left) }}
}

func splitAt(n int) chunking {
	first := true
	return chunking{fmt.Sprintf("split at %d", n), func(left int) int {
		if first {
			first = false
			return n
		}
		return left
	}}
}

// random cuts into chunks of 0 to most bytes.
func random(r *rand.Rand, most int) chunking {
	return chunking{fmt.Sprintf("random chunks of up to %d", most), func(left int) int {
		return r.IntN(min(most, left) + 1)
	}}
}

// chunkings returns every way in which a wire of n bytes is cut.
func chunkings(n int, r *rand.Rand) []chunking {
	all := []chunking{whole(), fixed(1), random(r, 4), random(r, 30), random(r, 3000)}
	if n > maxSplits {
		return append(all, fixed(2), fixed(3), fixed(7), fixed(16), fixed(997))
	}
	for i := range n - 1 {
		all = append(all, splitAt(i+1))
	}
	return all
}

// raced says that the tests run under the race detector, for which a machine, that nobody uses
// at the same time, has nothing to show.
var raced bool

// TestConformance runs every case of the table in both roles and in every
// chunking, or in a quarter of them under the race detector.
func TestConformance(t *testing.T) {
	source := seed(t)
	for _, role := range bothRoles {
		for _, c := range conformance.Cases() {
			t.Run(role.String()+"/"+c.Name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(source, 0))
				n := len(c.AppendWire(nil, peerOf(role), 0))
				for i, cut := range chunkings(n, r) {
					if raced && i%4 != int(source%4) {
						continue
					}
					wire := c.AppendWire(nil, peerOf(role), uint32(i)*0x3D21FA37)
					d := driveCase(role, &c)
					d.feed(wire, cut.next)
					if err := judge(&c, d); err != nil {
						t.Fatalf("%s, seed %d: %v", cut.name, source, err)
					}
				}
			})
		}
	}
}

// TestConformanceWhileClosing runs every case against a machine that has sent a
// close frame. It sees the same and ends the same, but it says nothing more.
func TestConformanceWhileClosing(t *testing.T) {
	for _, role := range bothRoles {
		for _, c := range conformance.Cases() {
			t.Run(role.String()+"/"+c.Name, func(t *testing.T) {
				c.Answers = nil
				for _, cut := range []chunking{whole(), fixed(5)} {
					d := driveCase(role, &c)
					_, err := d.m.AppendClose(nil, frame.StatusGoingAway, "bye")
					assert.NoError(t, err)
					d.feed(c.AppendWire(nil, peerOf(role), 99), cut.next)
					assert.NoError(t, judge(&c, d))
					assert.Equal(t, *d.m.Ending().Sent, proto.CloseFrame{Code: frame.StatusGoingAway, Reason: "bye"})
				}
			})
		}
	}
}

// judge compares everything that came of a case, after the end of the transport
// if the case has one.
func judge(c *conformance.Case, d *driver) error {
	if c.EOF {
		d.eof(nil)
	}
	o, err := d.outcome()
	return errors.Join(err, c.Check(o), judgeActions(c, d), judgeEnding(c, d.m))
}

// judgeActions checks what the machine demanded of the transport.
func judgeActions(c *conformance.Case, d *driver) error {
	var want []proto.Transport
	switch {
	case c.Ends.State == conformance.Closed && d.role == proto.Client:
		want = append(want, proto.AwaitEnd)
	case c.Ends.State == conformance.Closed || c.Ends.State == conformance.GaveUp:
		want = append(want, proto.Shut)
	}
	if c.EOF {
		want = append(want, proto.Drop)
	}
	if !slices.Equal(d.actions, want) {
		return fmt.Errorf("transport: %v, want %v", d.actions, want)
	}
	return nil
}

// judgeEnding checks the close frames, their order and the cause.
func judgeEnding(c *conformance.Case, m *proto.Machine) error {
	e, closed := m.Ending(), len(c.Answers) > 0 && c.Answers[len(c.Answers)-1].Opcode == frame.OpClose
	if e == nil {
		if c.Ends.State != conformance.Open || m.State() != proto.Open {
			return errors.New("there is no Ending")
		}
		return nil
	}
	switch {
	case c.Ends.State == conformance.Open && m.State() != proto.Closing:
		return fmt.Errorf("open, but there is an Ending: %v", e)
	case closed && e.Sent.Code != c.Ends.Code:
		return fmt.Errorf("Sent is %v, want %v", e.Sent, c.Ends.Code)
	case (e.Received != nil) != (c.Ends.State == conformance.Closed):
		return fmt.Errorf("Received is %v", e.Received)
	case e.Received != nil && (e.Received.Code != c.Ends.Code || e.ReceivedFirst != closed):
		return fmt.Errorf("Received is %v, first %t", e.Received, e.ReceivedFirst)
	case (e.Cause != nil) != (c.Ends.State == conformance.GaveUp):
		return fmt.Errorf("Cause is %v", e.Cause)
	}
	return nil
}

// TestJudgeNotices breaks what judge checks beside the case itself.
func TestJudgeNotices(t *testing.T) {
	byName := map[string]conformance.Case{}
	for _, c := range conformance.Cases() {
		byName[c.Name] = c
	}
	for _, name := range []string{
		"§5.7 a ping request",
		"§5.2 opcode 3, empty",
		"§7.4 close with 1000",
		"§7.1.5 end before any frame",
	} {
		c := byName[name]
		for _, other := range byName {
			if other.Ends.State == c.Ends.State || c.EOF && other.Ends.State == conformance.Open {
				continue // the end of the transport makes Open the same as Lost
			}
			d := driveCase(proto.Server, &other)
			d.feed(other.AppendWire(nil, conformance.Client, 7), whole().next)
			assert.True(t, judge(&c, d) != nil, other.Name+" passes for "+name)
			if other.Ends.State == conformance.Closed || other.Ends.State == conformance.GaveUp {
				assert.True(t, judgeActions(&c, d) != nil || c.Ends.State != conformance.Lost, other.Name+" acts like "+name)
				assert.True(t, judgeEnding(&c, d.m) != nil, other.Name+" ends like "+name)
			}
		}
	}
}

func TestInitForgets(t *testing.T) {
	for _, role := range bothRoles {
		m := machine(role)
		used := conformance.Case{Sends: []conformance.Piece{{Opcode: frame.OpText, Payload: "a"}, {Raw: "88"}}}
		m.Receive(used.AppendWire(nil, peerOf(role), 1))
		for m.Next().Kind != proto.None {
		}
		m.Abandon(errors.New("broken"))
		c := proto.Config{Role: role, MaxMessage: 7, MaskKeys: keys()}
		m.Init(c)
		assert.Equal(t, m, proto.New(c))
		assert.Equal(t, m.State(), proto.Open)
		assert.True(t, m.Ending() == nil && m.AtBoundary() && m.Need() == 0, "Init has not forgotten")
	}
}

// TestReplyToNothing hands over the events that need no answer.
func TestReplyToNothing(t *testing.T) {
	for _, role := range bothRoles {
		for _, ev := range []proto.Event{{}, {Kind: proto.Data, Payload: []byte("x")}, {Kind: proto.Pong}} {
			m := machine(role)
			out, action := m.Reply([]byte("before"), ev)
			assert.Equal(t, string(out), "before")
			assert.Equal(t, action, proto.Keep)
			assert.Equal(t, m.State(), proto.Open)
		}
	}
}

func TestRoleString(t *testing.T) {
	assert.Equal(t, proto.Server.String(), "server")
	assert.Equal(t, proto.Client.String(), "client")
}

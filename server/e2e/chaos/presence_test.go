package chaos_test

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/e2e/chaos"
)

// frames reads what an observer was told: =abc is a new connection, over which it is told that
// these are here, +c one who comes, -a one who leaves, each with how many are present, as
// in +c/3.
func frames(t *testing.T, text string) (list []chaos.Presence) {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		who, count, _ := strings.Cut(word, "/")
		p := chaos.Presence{Count: number(t, count)}
		names := strings.Split(who[1:], "")
		switch who[0] {
		case '=':
			p.First, p.Full, p.Here = true, true, names
		case '+':
			p.Join = names
		case '-':
			p.Leave = names
		case '!':
			p.First, p.Join = true, names
		case '*':
			p.Join, p.Leave = names, names
		}
		list = append(list, p)
	}
	return list
}

// In this room ann and bob are there at the end, and cid and dan were guests.
func TestObserver(t *testing.T) {
	for _, c := range []struct{ name, frames, kinds string }{
		{"told at once", "=ab/2", ""},
		{"one comes after the other", "=a/1 +c/2 +b/3 -c/2", ""},
		{"two at once", "=a/1 +bc/3 -c/2", ""},
		{"over two connections", "=acd/3 -c/2 =ab/2", ""},
		{"told again of one who is here", "=abc/3 +b/3 -c/2", ""},
		{"the first change was on its way before", "=ab/2 +c/2 -c/2", ""},
		{"and so may be one who leaves", "=abc/3 -d/3 -c/2", ""},
		{"one does not come", "=a/1 +c/2 -c/1", "behind"},
		{"one does not leave", "=abc/3 -d/3", "behind"},
		{"one who comes is not told", "=a/1 +c/2 +d/4 -d/3 -c/2 =ab/2", "missing"},
		{"one who leaves is not told", "=abc/3 +d/4 -d/2 =ab/2", "missing"},
		{"one who is here is not told", "=a/2 =ab/2", "missing"},
		{"a change before all", "!c/3 =ab/2", "late"},
		{"a stranger", "=ab/2 +x/3 -x/2", "vanished"},
		{"one comes and leaves at once", "=ab/2 -c/2 *c/2", "again"},
		{"nothing", "", "behind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history(true)
			h.Room = &chaos.Room{Topic: "room", Members: []string{"a", "b", "a"}, Guests: []string{"c", "d"},
				Observers: []*chaos.Observer{{Name: "eve", Frames: frames(t, c.frames)}}}
			assert.Equal(t, kinds(chaos.Check(h)), c.kinds)
		})
	}
}

// Who is told only of some does not know how many there are from their names.
func TestObserverOfASample(t *testing.T) {
	h := history(true)
	f := frames(t, "=a/3 +b/4 +c/5 =ab/2")
	for i := range f[:3] {
		f[i].More = true
	}
	h.Room = &chaos.Room{Members: []string{"a", "b"}, Guests: []string{"c"}, Observers: []*chaos.Observer{{Frames: f}}}
	assert.Equal(t, kinds(chaos.Check(h)), "")
	assert.Equal(t, h.Room.Observers[0].Count(), chaos.PresenceCount{Connections: 2, Full: 2, Changes: 2, Joins: 2})
}

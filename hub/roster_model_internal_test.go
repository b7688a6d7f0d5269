package hub

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A rosterModel is the roster of one topic once more, without any haste: at each tick it
// looks at every member.
type rosterModel struct {
	interval, grace int // in ticks
	now, due        int // due is 0 if there is nothing to tell
	members         map[string]*modelMember
	lines           []string // as of a listener, sorted
}

type modelMember struct {
	local, until int // it may come back until then, 0 if it is not gone
	nodes        map[string]bool
	told, said   bool
	early        bool // full was asked for while present and told differed
}

func (m *modelMember) here() bool    { return m.local > 0 || m.until > 0 }
func (m *modelMember) present() bool { return m.here() || len(m.nodes) > 0 }

func (r *rosterModel) get(name string) *modelMember {
	if r.members[name] == nil {
		r.members[name] = &modelMember{nodes: map[string]bool{}}
	}
	return r.members[name]
}

// change does f to a member and sees if there is something to tell.
func (r *rosterModel) change(name string, f func(m *modelMember)) {
	m := r.get(name)
	here, present := m.here(), m.present()
	f(m)
	if (m.here() != here || m.present() != present) && r.due == 0 {
		r.due = r.now + r.interval
	}
}

func (r *rosterModel) join(name string) {
	r.change(name, func(m *modelMember) { m.local++; m.until = 0 })
}

func (r *rosterModel) leave(name string) {
	r.change(name, func(m *modelMember) {
		if m.local == 0 {
			return
		}
		m.local--
		if m.local == 0 && r.grace > 0 {
			m.until = r.now + r.grace
		}
	})
}

func (r *rosterModel) present(node, name string, there bool) {
	r.change(name, func(m *modelMember) {
		if there {
			m.nodes[node] = true
		} else {
			delete(m.nodes, node)
		}
	})
}

func (r *rosterModel) tick() {
	r.now++
	for name := range r.members {
		r.change(name, func(m *modelMember) {
			if m.until == r.now {
				m.until = 0
			}
		})
	}
	if r.due != r.now {
		return
	}
	r.due = 0
	var join, leave, joined, left []string
	for name, m := range r.members {
		if m.early {
			m.told, m.early = !m.present(), false
		}
		join, leave = differ(name, m.present(), &m.told, join, leave)
		joined, left = differ(name, m.here(), &m.said, joined, left)
	}
	if len(joined)+len(left) > 0 {
		r.lines = append(r.lines, fmt.Sprint(r.now, " announce ", sorted(joined), " ", sorted(left)))
	}
	if len(join)+len(leave) > 0 {
		r.lines = append(r.lines, fmt.Sprint(r.now, " tell ", len(r.names()), " ", sorted(join), " ", sorted(leave)))
	}
}

// full returns how many are present, for one who begins to listen.
func (r *rosterModel) full() int {
	for _, m := range r.members {
		m.early = m.early || m.present() != m.told
	}
	return len(r.names())
}

// differ puts a name into one of the lists if is and was differ.
func differ(name string, is bool, was *bool, plus, minus []string) (newPlus, newMinus []string) {
	switch {
	case is && !*was:
		plus = append(plus, name)
	case !is && *was:
		minus = append(minus, name)
	}
	*was = is
	return plus, minus
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

func (r *rosterModel) names() []string {
	names := []string{}
	for name, m := range r.members {
		if m.present() {
			names = append(names, name)
		}
	}
	return sorted(names)
}

// A modelListener writes what a roster tells as the model does.
type modelListener struct{ listener }

func (l *modelListener) tell(c *PresenceChange) {
	l.write("tell %d %v %v", c.Count, sorted(c.Join), sorted(c.Leave))
}

func (l *modelListener) Announce(_ string, joined, left []string) {
	l.write("announce %v %v", sorted(joined), sorted(left))
}

// Each byte is something that happens: the upper half is the name, the lower half says what.
func FuzzPresence(f *testing.F) {
	f.Add(byte(2), byte(3), []byte("\x00\x10\x04\x04\x04\x01\x04\x04\x04\x04\x04\x04"))
	f.Add(byte(1), byte(0), []byte("\x00\x01\x04\x00\x02\x04\x01\x03\x04\x04"))
	f.Add(byte(3), byte(2), []byte("\x02\x12\x05\x00\x03\x04\x04\x04\x01\x06\x04\x04\x04\x04\x04\x04"))
	f.Fuzz(func(t *testing.T, interval, grace byte, ops []byte) {
		if len(ops) > 500 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			const tick = time.Millisecond // as the lines count it
			model := &rosterModel{interval: 1 + int(interval%4), grace: int(grace % 5), members: map[string]*modelMember{}}
			s := &Settings{
				PresenceInterval: time.Duration(model.interval) * tick,
				PresenceGrace:    time.Duration(model.grace) * tick,
				PresenceSample:   100,
			}
			l := &modelListener{listener{began: time.Now()}}
			r := newRoster(func(string) *Settings { return s }, l, l.tell)
			for _, op := range ops {
				name := strings.Repeat(string('a'+rune(op>>4)%4), 1+int(op>>6))
				node := fmt.Sprint("n", op&1)
				switch op % 8 {
				case 0, 7:
					r.join("room", name)
					model.join(name)
				case 1:
					r.leave("room", name)
					model.leave(name)
				case 2, 3:
					r.present(node, "room", []string{name}, nil)
					model.present(node, name, true)
				case 5, 6:
					r.present(node, "room", nil, []string{name})
					model.present(node, name, false)
				default:
					model.tick()
					time.Sleep(tick)
				}
				assert.Equal(t, l.heard(), model.lines)
				model.lines = nil
				assert.Equal(t, everybody(r, "room", 2), model.names())
				assert.Equal(t, r.count("room"), len(model.names()))
				if op&8 != 0 {
					assert.Equal(t, r.full("room").Count, model.full())
				}
			}
			r.close()
		})
	})
}

// Two bytes put a name in or take it out.
func FuzzMembers(f *testing.F) {
	var many []byte
	for i := range 2000 {
		many = append(many, byte(i*7), byte(i>>8))
	}
	for i := range 2000 {
		many = append(many, byte(i*11), 0x80|byte(i>>8))
	}
	f.Add(many)
	f.Add([]byte("\x00\x00\x01\x00\x00\x80\x00\x80"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		var list members
		model := map[string]bool{}
		for ; len(ops) >= 2; ops = ops[2:] {
			name := fmt.Sprint(int(ops[1]&0x7f)<<8 | int(ops[0]))
			assert.Equal(t, list.get(name) != nil, model[name])
			if ops[1] < 0x80 {
				assert.Equal(t, list.enter(name).name, name)
				model[name] = true
			} else {
				list.remove(name)
				delete(model, name)
			}
		}
		want := []string{}
		for name := range model {
			want = append(want, name)
		}
		slices.Sort(want)
		for _, after := range []string{"", "3", "300", "x"} {
			at, _ := slices.BinarySearch(want, after)
			if at < len(want) && want[at] == after {
				at++
			}
			got := []string{}
			for m := range list.after(after) {
				got = append(got, m.name)
			}
			assert.Equal(t, got, append([]string{}, want[at:]...))
		}
		for _, c := range list.chunks {
			assert.True(t, 0 < len(c) && len(c) <= chunkSize, "a chunk is empty or too long")
		}
		assert.True(t, len(list.chunks) <= 1+8*len(want)/chunkSize, "few members lie in many chunks")
	})
}

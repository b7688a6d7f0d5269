package hub

import (
	"container/list"
	"slices"
	"strings"
	"time"
)

// An attendance is who is present in one topic. Its methods are called with the lock of
// its part of the roster.
type attendance struct {
	topic    string
	settings *Settings
	members  members
	count    int       // of those that are present
	leaving  list.List // of departures, the first one first

	changed []*member // since changes were last told, each once
	due     time.Time // when they are to be told; zero if there are none
	telling bool      // they are being told just now

	timer *time.Timer
	armed time.Time // when it runs; zero if it does not

	full  *PresenceChange // to be told to those who begin to listen; may be nil
	stale bool            // it is not exact any more
}

// A departure is a member that has left and may come back until then.
type departure struct {
	*member
	until time.Time
}

func (a *attendance) join(name string, now time.Time) {
	// The name may be a part of something larger, such as the head of a request.
	m := a.members.get(name)
	if m == nil {
		m = a.members.enter(strings.Clone(name))
	}
	was := *m
	m.local++
	if m.grace != nil {
		a.leaving.Remove(m.grace)
		m.grace = nil
	}
	a.note(m, &was, now)
}

func (a *attendance) leave(name string, now time.Time) {
	m := a.members.get(name)
	if m == nil || m.local == 0 {
		return
	}
	was := *m
	m.local--
	if m.local == 0 && a.settings.PresenceGrace > 0 {
		m.grace = a.leaving.PushBack(departure{m, now.Add(a.settings.PresenceGrace)})
	}
	a.note(m, &was, now)
}

// depart lets those go who have not come back in time.
func (a *attendance) depart(now time.Time) {
	for front := a.leaving.Front(); front != nil; front = a.leaving.Front() {
		d := front.Value.(departure)
		if d.until.After(now) {
			return
		}
		was := *d.member
		a.leaving.Remove(front)
		d.grace = nil
		a.note(d.member, &was, now)
	}
}

// present takes what another node announced. That node has waited for those who might
// come back.
func (a *attendance) present(node string, joined, left []string, now time.Time) {
	for _, name := range joined {
		m := a.members.enter(name)
		was := *m
		if !slices.Contains(m.nodes, node) {
			m.nodes = append(m.nodes, node)
		}
		a.note(m, &was, now)
	}
	for _, name := range left {
		m := a.members.get(name)
		if m == nil {
			continue
		}
		was := *m
		m.nodes = without(m.nodes, node)
		a.note(m, &was, now)
	}
}

// note sees to it that a change of a member is told.
func (a *attendance) note(m, was *member, now time.Time) {
	if m.present() != was.present() {
		a.stale = true
		if m.present() {
			a.count++
		} else {
			a.count--
		}
	} else if m.here() == was.here() {
		return
	}
	if !m.changed {
		m.changed = true
		a.changed = append(a.changed, m)
	}
	if a.due.IsZero() {
		a.due = now.Add(a.settings.PresenceInterval)
	}
}

// news is what there is to tell at once. change is nil if there is nothing to tell to those
// who listen on this node.
type news struct {
	change       *PresenceChange
	joined, left []string // to be announced to other nodes
}

// take returns the news, which are none any more from then on. What was undone in between
// is not among them, unless somebody has seen it.
func (a *attendance) take() news {
	var n news
	var join, leave []string
	for _, m := range a.changed {
		m.changed = false
		if m.present() != m.told || m.early {
			m.told, m.early = m.present(), false
			if m.told {
				join = append(join, m.name)
			} else {
				leave = append(leave, m.name)
			}
		}
		if m.here() != m.announced {
			m.announced = m.here()
			if m.announced {
				n.joined = append(n.joined, m.name)
			} else {
				n.left = append(n.left, m.name)
			}
		}
		if !m.present() {
			a.members.remove(m.name)
		}
	}
	a.changed, a.due = nil, time.Time{}
	if a.stale {
		a.full = nil
	}
	if len(join)+len(leave) > 0 {
		n.change = a.change(join, leave)
	}
	return n
}

// change makes the change to be told, with no more names than the topic allows. If there
// are too many, those who came and those who left share the room.
func (a *attendance) change(join, leave []string) *PresenceChange {
	c := &PresenceChange{Topic: a.topic, Count: a.count}
	sample := a.settings.PresenceSample
	joins := min(len(join), max(sample-len(leave), (sample+1)/2))
	leaves := min(len(leave), sample-joins)
	c.More = joins < len(join) || leaves < len(leave)
	c.Join, c.Leave = slices.Clone(join[:joins]), slices.Clone(leave[:leaves])
	return c
}

// all returns who is present, for one who begins to listen. When many do so at once they
// share it: of a large audience it may be as old as the last change that was told,
// and what came later is told to all.
func (a *attendance) all() *PresenceChange {
	sample := a.settings.PresenceSample
	if a.full != nil && (!a.stale || a.count > sample) {
		return a.full
	}
	for _, m := range a.changed {
		m.early = m.early || m.present() != m.told
	}
	page := a.page("", sample)
	a.full = &PresenceChange{Topic: a.topic, Full: true, Count: page.Count, Names: page.Names, More: page.More}
	a.stale = false
	return a.full
}

// page returns up to limit names behind after.
func (a *attendance) page(after string, limit int) PresencePage {
	p := PresencePage{Count: a.count}
	if limit > 0 {
		p.Names = make([]string, 0, min(limit, a.count))
	}
	for m := range a.members.after(after) {
		if !m.present() {
			continue
		}
		if len(p.Names) >= limit {
			p.More = true
			break
		}
		p.Names = append(p.Names, m.name)
	}
	return p
}

// next returns when there is something to do, or zero.
func (a *attendance) next() time.Time {
	next := a.due
	if front := a.leaving.Front(); front != nil {
		until := front.Value.(departure).until
		if next.IsZero() || until.Before(next) {
			next = until
		}
	}
	return next
}

// isOver tells whether there is nothing to remember.
func (a *attendance) isOver() bool {
	return len(a.members.chunks) == 0 && a.due.IsZero() && !a.telling
}

package hub

import "slices"

// An audience is the live subscriptions of one topic or filter. Whoever owns it holds
// its lock while he uses it.
type audience struct {
	groups []group
	held   []*Subscription // scratch
	some   []*Subscription // scratch
}

// A group is the live subscriptions with one Fan, or without one.
type group struct {
	fan     Fan
	subs    []*Subscription
	choosey int // how many of them leave something out
}

// add makes s one of the audience.
func (a *audience) add(s *Subscription) {
	i := 0
	for i < len(a.groups) && a.groups[i].fan != s.fan {
		i++
	}
	if i == len(a.groups) {
		a.groups = append(a.groups, group{fan: s.fan})
	}
	g := &a.groups[i]
	s.place = len(g.subs)
	g.subs = append(g.subs, s)
	if s.choosey {
		g.choosey++
	}
}

// remove takes s out of the audience.
func (a *audience) remove(s *Subscription) {
	for i := range a.groups {
		g := &a.groups[i]
		if g.fan != s.fan {
			continue
		}
		last := len(g.subs) - 1
		g.subs[s.place] = g.subs[last]
		g.subs[s.place].place = s.place
		g.subs[last] = nil
		g.subs = g.subs[:last]
		if s.choosey {
			g.choosey--
		}
		if last == 0 {
			a.groups = slices.Delete(a.groups, i, i+1)
		}
		return
	}
}

// appendAll appends the audience, and those who were and are slow.
func (a *audience) appendAll(list []*Subscription, slow map[*Subscription]struct{}) []*Subscription {
	for i := range a.groups {
		list = append(list, a.groups[i].subs...)
	}
	for s := range slow {
		list = append(list, s)
	}
	return list
}

// deliver gives m to all of them, and returns those that want no more, which are removed.
// The list is good until the next call.
func (a *audience) deliver(m *Message) []*Subscription {
	a.held = a.held[:0]
	for i := range a.groups {
		g := &a.groups[i]
		subs := g.subs
		if g.choosey > 0 {
			subs = a.choose(subs, m)
		}
		if g.fan != nil {
			a.held = g.fan.DeliverAll(subs, m, a.held)
		} else {
			for _, s := range subs {
				if !s.sink.Deliver(s, m) {
					a.held = append(a.held, s)
				}
			}
		}
		clear(a.some)
		a.some = a.some[:0]
	}
	for _, s := range a.held {
		s.pos, s.seen = m.At, m.At
		a.remove(s)
	}
	return a.held
}

// choose returns those of subs that want m.
func (a *audience) choose(subs []*Subscription, m *Message) []*Subscription {
	for _, s := range subs {
		if s.wants(m) {
			a.some = append(a.some, s)
		}
	}
	return a.some
}

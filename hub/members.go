package hub

import (
	"cmp"
	"container/list"
	"iter"
	"slices"
)

// A member is a name in a topic, while it is present or something about it is to be told.
type member struct {
	name  string
	local int           // subscriptions of this node that have it
	grace *list.Element // of a departure, if the last of these is gone but may come back
	nodes []string      // other nodes that have it

	told      bool // those who listen were told that it is present
	announced bool // other nodes were told that this one has it
	changed   bool // it is in the list of those to look at when changes are told
	early     bool // who began to listen was told of the change before the others
}

// here tells whether this node has the member.
func (m *member) here() bool { return m.local > 0 || m.grace != nil }

func (m *member) present() bool { return m.here() || len(m.nodes) > 0 }

// chunkSize is how many members lie in one piece of the list at most. To put one more into
// it moves half of them, that is a kilobyte.
const chunkSize = 256

// members is a list of members in order of their names. It is a list of short lists, so
// that a member is found, put in and taken out in logarithmic time, or nearly so for
// any number that fits into memory, and neighbours lie side by side.
type members struct {
	chunks [][]*member // none of them is empty
}

// find returns where a name is, or would be.
func (l *members) find(name string) (chunk, i int, found bool) {
	// The last chunk that does not begin behind it.
	chunk, first := slices.BinarySearchFunc(l.chunks, name, func(c []*member, name string) int {
		return cmp.Compare(c[0].name, name)
	})
	if first || len(l.chunks) == 0 {
		return chunk, 0, first
	}
	chunk = max(chunk-1, 0)
	i, found = slices.BinarySearchFunc(l.chunks[chunk], name, func(m *member, name string) int {
		return cmp.Compare(m.name, name)
	})
	return chunk, i, found
}

// get returns the member of a name, or nil.
func (l *members) get(name string) *member {
	if at, i, found := l.find(name); found {
		return l.chunks[at][i]
	}
	return nil
}

// enter returns the member of a name, a new one if there was none.
func (l *members) enter(name string) *member {
	at, i, found := l.find(name)
	if found {
		return l.chunks[at][i]
	}
	m := &member{name: name}
	if len(l.chunks) == 0 {
		l.chunks = [][]*member{{m}}
		return m
	}
	c := slices.Insert(l.chunks[at], i, m)
	if len(c) > chunkSize {
		half := len(c) / 2
		l.chunks = slices.Insert(l.chunks, at+1, slices.Clone(c[half:]))
		clear(c[half:]) // for the garbage collector
		c = c[:half]
	}
	l.chunks[at] = c
	return m
}

// remove takes a name out, if it is there.
func (l *members) remove(name string) {
	at, i, found := l.find(name)
	if !found {
		return
	}
	l.chunks[at] = slices.Delete(l.chunks[at], i, i+1)
	l.merge(at)
	if at > 0 {
		l.merge(at - 1)
	}
}

// merge joins a chunk with the one behind it when both are small, and drops it if it is
// empty, so that few members do not take the memory of many.
func (l *members) merge(at int) {
	c := l.chunks[at]
	if len(c) == 0 {
		l.chunks = slices.Delete(l.chunks, at, at+1)
		return
	}
	if at+1 < len(l.chunks) && len(c)+len(l.chunks[at+1]) <= chunkSize/4 {
		l.chunks[at] = slices.Concat(c, l.chunks[at+1])
		l.chunks = slices.Delete(l.chunks, at+1, at+2)
	}
}

// after returns the members whose names are behind name, in order. The list must not be
// changed meanwhile.
func (l *members) after(name string) iter.Seq[*member] {
	return func(yield func(*member) bool) {
		at, i, found := l.find(name)
		if found {
			i++
		}
		for ; at < len(l.chunks); at, i = at+1, 0 {
			for _, m := range l.chunks[at][i:] {
				if !yield(m) {
					return
				}
			}
		}
	}
}

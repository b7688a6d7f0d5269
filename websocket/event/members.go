package event

import (
	"math"
	"slices"
	"sync"
)

// members is a list of connections with the tick at which each must be looked at. A
// sweep reads only the ticks, 4 bytes for each connection.
type members struct {
	mu   sync.Mutex
	list []*Conn
	due  []uint32
}

// A member is what a Conn has for the list that it stands in.
type member struct {
	index int32 // in members.list, guarded by members.mu; -1 once removed
}

// never is the tick of a connection that need not be looked at.
const never = math.MaxUint32

// add adds c, to be looked at when due.
func (m *members) add(c *Conn, due uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.index = int32(len(m.list))
	m.list = append(m.list, c)
	m.due = append(m.due, due)
}

// remove takes c out.
func (m *members) remove(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, last := c.index, int32(len(m.list)-1)
	if i < 0 {
		return
	}
	m.list[i], m.due[i] = m.list[last], m.due[last]
	m.list[i].index = i
	m.list[last] = nil
	m.list, m.due = m.list[:last], m.due[:last]
	c.index = -1
}

// hurry has c looked at when due, if that is earlier than before.
func (m *members) hurry(c *Conn, due uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := c.index; i >= 0 {
		m.due[i] = min(m.due[i], due)
	}
}

// expired appends those to into who are due, and has none of them looked at again unless
// hurry says so.
func (m *members) expired(now uint32, into []*Conn) []*Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, due := range m.due {
		if due <= now {
			m.due[i] = never
			into = append(into, m.list[i])
		}
	}
	return into
}

// all appends all members to into.
func (m *members) all(into []*Conn) []*Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(into, m.list...)
}

// sweep looks at those who are due at now. scratch is memory for the list of them, which
// is returned for the next sweep.
func (m *members) sweep(now uint32, scratch []*Conn) []*Conn {
	scratch = m.expired(now, scratch[:0])
	for _, c := range scratch {
		if due := c.examine(now); due != never {
			m.hurry(c, due)
		}
	}
	clear(scratch)
	return slices.Clip(scratch)[:0]
}

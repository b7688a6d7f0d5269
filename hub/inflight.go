package hub

import (
	"sync"
	"sync/atomic"
)

// inflight gives messages their offsets and knows which of them were not received yet, so
// that those who follow many topics can have their messages in one order.
type inflight struct {
	settle func([]*Message)

	settled atomic.Uint64 // changed with mu held
	newest  atomic.Uint64 // the last offset given; changed with mu held

	mu     sync.Mutex
	follow bool
	slots  []flight // of the offsets behind settled; the length is a power of two
	first  int      // slot of settled+1

	ready   []*Message // to be settled next
	spare   []*Message
	calling bool // somebody calls settle
}

// A flight is one message between begin and end.
type flight struct {
	m    *Message
	done bool
}

// begin returns the next offset.
func (f *inflight) begin() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.newest.Load() + 1
	if n := int(next - f.settled.Load()); n > len(f.slots) {
		slots := make([]flight, max(64, 2*len(f.slots)))
		for i := range n - 1 {
			slots[i] = f.slots[(f.first+i)&(len(f.slots)-1)]
		}
		f.slots, f.first = slots, 0
	}
	f.newest.Store(next)
	return next
}

// end says that the message with an offset was received, or that there will be none if m
// is nil. It settles what can be settled; if somebody else is doing that, he goes on
// with it.
func (f *inflight) end(offset uint64, m *Message) {
	f.mu.Lock()
	settled := f.settled.Load()
	f.slots[(f.first+int(offset-settled-1))&(len(f.slots)-1)] = flight{m, true}
	for settled < f.newest.Load() && f.slots[f.first].done {
		if m := f.slots[f.first].m; m != nil && f.follow {
			f.ready = append(f.ready, m)
		}
		f.slots[f.first] = flight{}
		f.first = (f.first + 1) & (len(f.slots) - 1)
		settled++
	}
	f.settled.Store(settled)
	if f.calling {
		f.mu.Unlock()
		return
	}
	f.calling = true
	for len(f.ready) > 0 {
		list := f.ready
		f.ready = f.spare[:0]
		f.mu.Unlock()
		f.settle(list)
		clear(list)
		f.mu.Lock()
		f.spare = list
	}
	f.calling = false
	f.mu.Unlock()
}

// setFollow says whether settle is to be called for what is settled from now on.
func (f *inflight) setFollow(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follow = on
}

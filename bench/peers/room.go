package peers

import "sync"

// fanPath is where a message of any client goes to every client of that path,
// the sender too. Everywhere else a message comes back to its sender.
const fanPath = "/fan"

// A room is the connections of one fan-out. The lock is held while a message goes
// to all of them, so that everybody gets all messages in the same order, as a
// connection of most libraries must not be written to concurrently anyway. That
// is the cheapest fan-out there is; an application that must live with slow
// clients would put a queue and a goroutine before each.
type room[C comparable] struct {
	mu      sync.Mutex
	members []C
	index   map[C]int // into members
}

func (r *room[C]) join(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.index == nil {
		r.index = make(map[C]int)
	}
	r.index[c] = len(r.members)
	r.members = append(r.members, c)
}

// leave does nothing if c is not in the room.
func (r *room[C]) leave(c C) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.index[c]
	if !ok {
		return
	}
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[i] = moved
	r.index[moved] = i
	delete(r.index, c)
	clear(r.members[last:])
	r.members = r.members[:last]
}

// each calls send for all that are in the room. What comes of it is not looked
// at: a connection that broke leaves by itself.
func (r *room[C]) each(send func(C)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.members {
		send(c)
	}
}

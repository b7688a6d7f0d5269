package hub

import (
	"slices"
	"sort"
)

// warm is how many of the newest messages of a log keep their encodings.
const warm = 128

// A ring is the newest messages of one topic in memory, oldest first. Without a store
// it is the log; with one it is what need not be read from it.
type ring struct {
	slots []*Message // the length is a power of two, or 0
	first int        // slot of the oldest
	n     int
	bytes int64

	// floor is the offset behind which everything is here that was received.
	floor uint64

	// lost is the offset of the newest message that is not here and that the latest of each
	// key do not stand for: it had no key, removed it, or nothing keeps them.
	lost uint64
}

// at returns message i, 0 for the oldest.
func (r *ring) at(i int) *Message { return r.slots[(r.first+i)&(len(r.slots)-1)] }

// push appends m.
func (r *ring) push(m *Message) {
	if r.n == len(r.slots) {
		r.grow(max(4, 2*r.n))
	}
	r.slots[(r.first+r.n)&(len(r.slots)-1)] = m
	r.n++
	r.bytes += m.size()
	if r.n > warm {
		r.at(r.n - 1 - warm).forget()
	}
}

// extend puts older messages before the others; what was received behind floor is then
// all here.
func (r *ring) extend(older []*Message, floor uint64) {
	size := max(4, len(r.slots))
	for size < r.n+len(older) {
		size *= 2
	}
	r.grow(size)
	for _, m := range slices.Backward(older) {
		r.first = (r.first - 1) & (len(r.slots) - 1)
		r.slots[r.first] = m
		r.bytes += m.size()
	}
	r.n += len(older)
	r.floor = floor
	for i := 0; i < len(older) && i < r.n-warm; i++ {
		older[i].forget()
	}
}

// grow moves the messages into size slots.
func (r *ring) grow(size int) {
	slots := make([]*Message, size)
	for i := range r.n {
		slots[i] = r.at(i)
	}
	r.slots, r.first = slots, 0
}

// drop removes the oldest message.
func (r *ring) drop() *Message {
	m := r.slots[r.first]
	r.slots[r.first] = nil
	r.first = (r.first + 1) & (len(r.slots) - 1)
	r.n--
	r.bytes -= m.size()
	r.floor = max(r.floor, m.At.Offset)
	if r.n == 0 {
		r.slots, r.first = nil, 0
	}
	return m
}

// trim removes what is too much or too old, and returns how many bytes that were. now is
// Unix milliseconds.
func (r *ring) trim(maxMessages int, maxBytes int64, s *Settings, now int64) (freed int64) {
	for r.n > 0 && (r.n > maxMessages || maxBytes >= 0 && r.bytes > maxBytes ||
		s.MaxAge >= 0 && now-r.at(0).At.Time >= s.MaxAge.Milliseconds()) {
		m := r.drop()
		if !s.Latest || m.Key == "" || len(m.Payload) == 0 {
			r.lost = max(r.lost, m.At.Offset)
		}
		freed += m.size() + overhead
	}
	return freed
}

// after returns the place of the first message behind an offset, n if there is none.
func (r *ring) after(offset uint64) int {
	if r.n == 0 || r.at(r.n-1).At.Offset <= offset {
		return r.n // most ask for what is new
	}
	return sort.Search(r.n, func(i int) bool { return r.at(i).At.Offset > offset })
}

// page appends messages behind an offset to dst.
func (r *ring) page(dst []*Message, offset uint64, limit int, maxBytes int64) []*Message {
	for i := r.after(offset); i < r.n && limit > 0; i++ {
		m := r.at(i)
		if maxBytes -= m.size(); maxBytes < 0 && len(dst) > 0 {
			break
		}
		dst = append(dst, m)
		limit--
	}
	return dst
}

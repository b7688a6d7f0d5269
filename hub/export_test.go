package hub

import "testing"

// CheckInvariants fails the test unless what the hub counts is what there is, while nothing
// else happens.
func (h *Hub) CheckInvariants(t testing.TB) {
	t.Helper()
	var memory int64
	h.eachTopic(func(name string, tp *topic, _ meta) {
		if tp == nil {
			memory += metaSize
			return
		}
		tp.mu.Lock()
		defer tp.mu.Unlock()
		memory += topicSize
		for _, m := range tp.latest {
			memory += m.size() + overhead
		}
		var bytes int64
		last := tp.ring.floor
		for i := range tp.ring.n {
			m := tp.ring.at(i)
			bytes += m.size()
			memory += overhead
			if m.At.Offset <= last {
				t.Errorf("%s: message %d stands behind %d", name, m.At.Offset, last)
			}
			last = m.At.Offset
		}
		if bytes != tp.ring.bytes {
			t.Errorf("%s: the ring has %d bytes and counts %d", name, bytes, tp.ring.bytes)
		}
		memory += bytes
	})
	if got := h.memory.Load(); got != memory {
		t.Errorf("the logs take %d bytes, and %d are counted", memory, got)
	}
}

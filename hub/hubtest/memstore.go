package hubtest

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/duplexhq/duplex/hub"
)

// A MemStore is a [hub.Store] that keeps everything in maps, for tests of what stands
// on a store: it does what the interface says in the simplest way, trims exactly,
// and fails when it is told to. Tests of a hub begin the next life of one with
// Reopen.
type MemStore struct {
	mu     sync.Mutex
	disk   *memDisk
	state  hub.StoreState // as it was found
	closed bool
	fail   error
	held   chan struct{} // Append waits for it; nil if it need not
	waits  chan struct{} // gets an element from each Append that waits
}

// A memDisk is what outlives a MemStore.
type memDisk struct {
	epoch, last uint64
	torn        bool
	forgotten   uint64 // the greatest Last of a LogInfo that was removed
	logs        map[string]*memLog
	ids         []hub.StoredID
	sessions    map[string]hub.SessionRecord
}

type memLog struct {
	info     hub.LogInfo
	messages []*hub.Message
	latest   map[string]*hub.Message
}

// NewMemStore returns a store with nothing in it.
func NewMemStore() *MemStore {
	return openDisk(&memDisk{logs: map[string]*memLog{}, sessions: map[string]hub.SessionRecord{}})
}

func openDisk(d *memDisk) *MemStore {
	return &MemStore{disk: d, state: hub.StoreState{Epoch: d.epoch, Last: d.last, Torn: d.torn}}
}

// Reopen returns a store with what is in this one, which is closed by it: what the
// next process finds.
func (s *MemStore) Reopen() *MemStore {
	s.Close()
	return openDisk(s.disk)
}

// Tear is Reopen after a loss of power: nothing behind the offset last is there any
// more, and the store is torn.
func (s *MemStore) Tear(last uint64) *MemStore {
	s.Close()
	d := s.disk
	d.torn = true
	d.last = min(d.last, last)
	d.ids = slices.DeleteFunc(d.ids, func(id hub.StoredID) bool { return id.At.Offset > last })
	lost := func(m *hub.Message) bool { return m.At.Offset > last }
	for name, l := range d.logs {
		l.messages = slices.DeleteFunc(l.messages, lost)
		maps.DeleteFunc(l.latest, func(_ string, m *hub.Message) bool { return lost(m) })
		l.recount(name)
	}
	return openDisk(d)
}

// recount makes the LogInfo anew after messages were torn off.
func (l *memLog) recount(name string) {
	trimmed := l.info.Trimmed
	l.info = hub.LogInfo{Topic: name, Last: trimmed, Trimmed: trimmed}
	for _, m := range l.messages {
		l.info.Messages++
		l.info.Bytes += sizeOf(m)
		l.info.Last, l.info.LastTime = m.At.Offset, m.At.Time
	}
}

// FailAppend lets the next Append write nothing and return err.
func (s *MemStore) FailAppend(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// HoldAppend lets each Append wait until release is called. waits gets an element
// whenever one begins to wait; it is the same channel for the life of the store.
func (s *MemStore) HoldAppend() (waits <-chan struct{}, release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	if s.waits == nil {
		s.waits = make(chan struct{}, 1024)
	}
	return s.waits, sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(held)
		if s.held == held {
			s.held = nil
		}
	})
}

// wait returns when no hold is on.
func (s *MemStore) wait() {
	s.mu.Lock()
	held, waits := s.held, s.waits
	s.mu.Unlock()
	if held != nil {
		waits <- struct{}{}
		<-held
	}
}

// State implements hub.Store.
func (s *MemStore) State() hub.StoreState { return s.state }

// Restart implements hub.Store.
func (s *MemStore) Restart(epoch uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	s.disk.epoch, s.disk.torn = epoch, false
	return nil
}

func (s *MemStore) usable() error {
	if s.closed {
		return hub.ErrClosed
	}
	return nil
}

var errOrder = errors.New("hubtest: the offsets of a batch must grow, from behind the last one")

// Append implements hub.Store.
func (s *MemStore) Append(batch []hub.Entry) error {
	s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.fail, s.usable()); err != nil {
		s.fail = nil
		return err
	}
	last := s.disk.last
	for _, e := range batch {
		if e.At.Offset <= last {
			return errOrder
		}
		last = e.At.Offset
	}
	for _, e := range batch {
		s.disk.append(e)
	}
	return nil
}

func (d *memDisk) append(e hub.Entry) {
	l := d.logs[e.Topic]
	if l == nil {
		l = &memLog{info: hub.LogInfo{Topic: e.Topic, Trimmed: d.forgotten}, latest: map[string]*hub.Message{}}
		d.logs[e.Topic] = l
	}
	m := copyOf(e.Message, 0)
	l.messages = append(l.messages, m)
	l.info.Messages++
	l.info.Bytes += sizeOf(m)
	l.info.Last, l.info.LastTime = m.At.Offset, m.At.Time
	d.last = m.At.Offset
	if e.Latest {
		if l.latest[m.Key] = m; len(m.Payload) == 0 {
			delete(l.latest, m.Key)
		}
	}
	if e.ID != "" && e.Remember > 0 {
		d.ids = append(d.ids, hub.StoredID{Topic: m.Topic, ID: m.ID, At: m.At})
	}
}

// Read implements hub.Store.
func (s *MemStore) Read(ctx context.Context, topic string, r hub.Range) (hub.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(ctx.Err(), s.usable()); err != nil {
		return hub.Page{}, err
	}
	l := s.disk.logs[topic]
	if l == nil {
		return hub.Page{Trimmed: s.disk.forgotten}, nil
	}
	found := l.messages
	if r.Newest {
		found = slices.Clone(found)
		slices.Reverse(found)
	} else {
		found = slices.DeleteFunc(slices.Clone(found), func(m *hub.Message) bool { return m.At.Offset <= r.After })
	}
	n := within(found, r)
	page := hub.Page{Trimmed: l.info.Trimmed, More: n < len(found) && !r.Newest}
	for _, m := range found[:n] {
		page.Messages = append(page.Messages, copyOf(m, s.disk.epoch))
	}
	if r.Newest {
		slices.Reverse(page.Messages)
	}
	return page, nil
}

// within returns how many messages from the front are within the limits of r.
func within(found []*hub.Message, r hub.Range) (n int) {
	var bytes int64
	for n < len(found) && n < r.Limit {
		if bytes += int64(len(found[n].Payload)); n > 0 && bytes > r.MaxBytes {
			break
		}
		n++
	}
	return n
}

// copyOf returns a message as it comes from a store: with the epoch of the store and
// without what its publisher keeps in it.
func copyOf(m *hub.Message, epoch uint64) *hub.Message {
	at := hub.Cursor{Epoch: epoch, Offset: m.At.Offset, Time: m.At.Time}
	return &hub.Message{Topic: m.Topic, Kind: m.Kind, Payload: slices.Clone(m.Payload),
		Key: m.Key, By: m.By, From: m.From, ID: m.ID, At: at}
}

// sizeOf counts as Settings.MaxBytes does.
func sizeOf(m *hub.Message) int64 {
	return int64(len(m.Payload) + len(m.Key) + len(m.By) + len(m.From) + len(m.ID))
}

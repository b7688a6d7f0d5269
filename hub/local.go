package hub

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// stripes is how many locks keep the messages of topics in order. Two topics with the
// same lock wait for each other while a message is delivered, so they are many.
const stripes = 1024

// local is the engine of a single node.
type local struct {
	node   Node
	memory Memory
	store  Store // nil: the hub's memory is all there is
	epoch  uint64
	torn   bool
	seed   maphash.Seed

	flight inflight
	ids    idTable
	commit *committer // nil without a store

	// While the last batch is one that could not be stored, positions end with the
	// greatest offset that is: those behind may be given again after a restart.
	stored   atomic.Uint64
	unstored atomic.Bool

	closing sync.RWMutex // held for reading while something is appended
	closed  bool

	order [stripes]sync.Mutex
}

// NewLocal returns the engine of a single node. Without a store the messages are kept in
// memory only, and each start is a new epoch: cursors of the one before are gaps. The
// engine closes the store when it is closed.
func NewLocal(s Store) Engine {
	return &local{store: s, seed: maphash.MakeSeed()}
}

func (l *local) Start(n Node, m Memory) error {
	l.node, l.memory = n, m
	l.flight.settle = n.Settle
	l.ids.init()
	l.epoch = newEpoch()
	if l.store == nil {
		return nil
	}
	state := l.store.State()
	if state.Epoch == 0 || state.Torn {
		if err := l.store.Restart(l.epoch); err != nil {
			return err
		}
	} else {
		l.epoch = state.Epoch
	}
	l.torn = state.Torn
	l.flight.settled.Store(state.Last)
	l.flight.newest.Store(state.Last)
	l.stored.Store(state.Last)
	known, err := l.store.IDs(time.Now().Add(-m.IDs))
	if err != nil {
		return err
	}
	for _, k := range known {
		k.At.Epoch = l.epoch
		l.ids.remember(k.Topic, k.ID, k.At, k.At.When().Add(n.Settings(k.Topic).Idempotency))
	}
	l.commit = newCommitter(l, runtime.GOMAXPROCS(0))
	return nil
}

// newEpoch returns a number that no epoch before had, in all likelihood: 40 bits, which are
// eight characters of a cursor.
func newEpoch() uint64 { return 1 + rand.Uint64N(1<<40-1) } // seeded by the system

func (l *local) Epoch() uint64  { return l.epoch }
func (l *local) Durable() bool  { return l.store != nil }
func (l *local) Newest() uint64 { return l.flight.newest.Load() }
func (l *local) Follow(on bool) { l.flight.setFollow(on) }

func (l *local) Settled() uint64 {
	settled := l.flight.settled.Load()
	if l.unstored.Load() {
		return min(settled, l.stored.Load())
	}
	return settled
}

// Forgotten is always true without a store, whose sessions end with the process.
func (l *local) Forgotten() bool { return l.store == nil || l.torn }

func (l *local) Append(m *Message, s *Settings, done func(Receipt, error)) {
	// It fails only when Close has come. To wait for that would be for ever if this is called by
	// done of a message that Close waits for.
	if !l.closing.TryRLock() {
		answer(done, Receipt{}, ErrClosed)
		return
	}
	defer l.closing.RUnlock()
	if l.closed {
		answer(done, Receipt{}, ErrClosed)
		return
	}
	if m.ID != "" {
		var known bool
		if done, known = l.ids.claim(m, s, done); known {
			return
		}
	}
	lock := &l.order[maphash.String(l.seed, m.Topic)%stripes]
	lock.Lock()
	if l.commit != nil {
		taken := l.commit.add(m, s, done)
		lock.Unlock()
		if !taken {
			answer(done, Receipt{}, ErrBusy)
		}
		return
	}
	m.At = l.next()
	l.node.Receive(m)
	lock.Unlock()
	l.flight.end(m.At.Offset, m)
	answer(done, Receipt{At: m.At}, nil)
}

// next returns the position of the next message.
func (l *local) next() Cursor {
	return Cursor{Epoch: l.epoch, Offset: l.flight.begin(), Time: time.Now().UnixMilli()}
}

// entryOf returns m as a store has it.
func entryOf(m *Message, s *Settings) Entry {
	e := Entry{Message: m, Latest: s.Latest && m.Key != ""}
	if m.ID != "" {
		e.Remember = s.Idempotency
	}
	return e
}

func answer(done func(Receipt, error), r Receipt, err error) {
	if done != nil {
		done(r, err)
	}
}

func (l *local) Read(ctx context.Context, topic string, r Range) (Page, error) {
	p, err := l.store.Read(ctx, topic, r)
	l.renew(p.Messages)
	return p, err
}

func (l *local) Latest(ctx context.Context, topic string) ([]*Message, error) {
	list, err := l.store.Latest(ctx, topic)
	l.renew(list)
	return list, err
}

// renew gives messages from before a torn end the epoch of now: what is left has the same
// offsets, and a cursor to it is good.
func (l *local) renew(list []*Message) {
	for i, m := range list {
		if m.At.Epoch == l.epoch {
			continue
		}
		at := m.At
		at.Epoch = l.epoch
		list[i] = &Message{Topic: m.Topic, Kind: m.Kind, Payload: m.Payload, Key: m.Key, By: m.By, From: m.From, ID: m.ID, At: at}
	}
}

func (l *local) Info(topic string) (LogInfo, error) { return l.store.Info(topic) }

func (l *local) Logs(ctx context.Context, after string, limit int) ([]LogInfo, error) {
	return l.store.Logs(ctx, after, limit)
}

func (l *local) SaveSessions(list []SessionRecord) error { return l.store.SaveSessions(list) }

func (l *local) Session(id string) (SessionRecord, bool, error) { return l.store.Session(id) }

func (l *local) Announce(string, []string, []string) {} // there is nobody else

// Close answers what was appended, and closes the store.
func (l *local) Close() error {
	l.closing.Lock()
	again := l.closed
	l.closed = true
	l.closing.Unlock()
	if again || l.store == nil {
		return nil
	}
	l.commit.stop()
	if err := l.store.Close(); err != nil {
		return fmt.Errorf("hub: closing the store: %w", err)
	}
	return nil
}

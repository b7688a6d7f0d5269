package pebble

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

// A Store is a [hub.Store] in a directory. All its methods may be called at the same time,
// within what hub.Store says of Append, Trim and Restart.
type Store struct {
	db   *lsm.DB
	lock io.Closer // of the directory
	o    Options
	dir  string
	lazy *lazyFS // nil with SyncAlways

	state hub.StoreState // as it was found
	epoch atomic.Uint64

	// readable is the greatest offset whose Append has returned. The database shows what
	// is written before it is on the disk, but whoever got a message that is lost
	// afterwards would not be told: the offset may be given again.
	readable atomic.Uint64

	infos   infoCache
	unsaved unsaved
	space   space

	// key and value are for Append alone.
	key, value []byte
	nextMinute uint64 // IDs that expire before it are removed, see dropIDs

	sessions sync.Mutex // held while sessions are written

	writing sync.Mutex            // held while a batch enters the database
	failing chan error            // gets what first fails in the background; for the one who opens
	stuck   bool                  // the database panicked, and keeps its locks
	broken  atomic.Pointer[error] // why nothing more is written

	closing sync.RWMutex // held for reading while the database is used
	closed  bool
}

var _ hub.Store = (*Store)(nil)

// State implements hub.Store.
func (s *Store) State() hub.StoreState { return s.state }

// enter must return nil before the database is used, leave must be called afterwards.
func (s *Store) enter() error {
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return hub.ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.closing.RUnlock() }

// failure returns why nothing more is written, or nil.
func (s *Store) failure() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// fail makes err the answer to whoever writes from now on, and returns what to answer.
func (s *Store) fail(err error) error {
	err = fmt.Errorf("pebble: nothing more is stored in %s until it is opened again: %w", s.dir, err)
	if s.broken.CompareAndSwap(nil, &err) {
		s.o.Log.Error(err.Error())
	}
	return s.failure()
}

// apply writes a batch. With sync it waits until the batch is as durable as Options.Sync
// says; without, the next one that does so brings this one along.
func (s *Store) apply(b *lsm.Batch, sync bool) error {
	if err := s.write(b, sync); err != nil {
		return err
	}
	if sync {
		if err := b.SyncWait(); err != nil {
			return s.fail(err)
		}
		if s.o.Sync == SyncInterval {
			s.unsaved.note()
		}
	}
	// A failure that the database tells only its logger about counts too.
	return s.failure()
}

// applyForGood writes a batch that is on the disk when it returns, whatever Options.Sync
// says.
func (s *Store) applyForGood(b *lsm.Batch) error {
	if err := s.apply(b, true); err != nil || s.lazy == nil {
		return err
	}
	if err := s.lazy.sync(); err != nil {
		return s.fail(err)
	}
	return nil
}

// release gives a batch back, unless something has failed: then the database may still look at
// one that it has taken, and the next batch would be made of the same memory.
func (s *Store) release(b *lsm.Batch) {
	if s.failure() == nil {
		_ = b.Close()
	}
}

// write lets a batch enter the database. The database panics, with its locks held, when
// its log cannot be written: then it must not be touched again.
func (s *Store) write(b *lsm.Batch, sync bool) (err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.failure(); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			s.stuck = true
			err = s.fail(fmt.Errorf("%v", r))
		}
	}()
	if sync {
		err = s.db.ApplyNoSyncWait(b, lsm.Sync)
	} else {
		err = s.db.Apply(b, lsm.NoSync)
	}
	if err != nil {
		return s.fail(err)
	}
	return s.failure()
}

// Restart implements hub.Store. The new epoch is on the disk when it returns.
func (s *Store) Restart(epoch uint64) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	b := s.db.NewBatch()
	defer s.release(b)
	setNumber(b, keyEpoch, epoch)
	_ = b.Delete(keyTorn, nil)
	if err := s.applyForGood(b); err != nil {
		return err
	}
	s.epoch.Store(epoch)
	return nil
}

// Close implements hub.Store. It waits for what is being read and written. When a write had
// failed the error is that one.
func (s *Store) Close() error {
	s.unsaved.stop()
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.failure()
	if err == nil {
		b := s.db.NewBatch()
		setNumber(b, keyClean, 1)
		err = s.apply(b, true)
		s.release(b)
	}
	if s.stuck { // closing it would wait forever; the directory stays locked
		return err
	}
	closeErr := s.db.Close()
	if lockErr := s.lock.Close(); closeErr == nil {
		closeErr = lockErr
	}
	if err == nil && closeErr != nil {
		err = fmt.Errorf("pebble: closing %s: %w", s.dir, closeErr)
	}
	return err
}

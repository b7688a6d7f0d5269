package pebble

import (
	"sync"
	"time"
)

// maxInterval bounds Options.Interval, in which a session may be lost when the process is
// killed.
const maxInterval = time.Minute

// unsaved sees to it that what was written without waiting for the disk reaches it within
// an interval. It costs nothing while nothing is written.
type unsaved struct {
	after time.Duration
	save  func()

	mu      sync.Mutex
	timer   *time.Timer // nil if nothing is unsaved
	stopped bool
}

func (u *unsaved) note() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.timer == nil && !u.stopped {
		u.timer = time.AfterFunc(u.after, u.run)
	}
}

// run forgets the timer first: what is written while it saves is unsaved again.
func (u *unsaved) run() {
	u.mu.Lock()
	u.timer = nil
	stopped := u.stopped
	u.mu.Unlock()
	if !stopped {
		u.save()
	}
}

func (u *unsaved) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	if u.timer != nil {
		u.timer.Stop()
	}
}

// save has the database write what it has collected of its log, and syncs it unless that is
// left to the operating system. An error stays for the next who writes.
func (s *Store) save() {
	if s.enter() != nil {
		return
	}
	defer s.leave()
	b := s.db.NewBatch()
	defer b.Close()
	_ = b.LogData(nil, nil)
	if err := s.write(b, true); err != nil {
		return
	}
	err := b.SyncWait()
	if err == nil && s.o.Sync == SyncInterval {
		err = s.lazy.sync()
	}
	if err != nil {
		_ = s.fail(err)
	}
}

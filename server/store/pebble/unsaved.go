package pebble

import (
	"sync"
	"time"
)

// unsaved sees to it that what was written reaches the disk within an interval. It costs
// nothing while nothing is written.
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

// save syncs the log. An error stays for the next who writes.
func (s *Store) save() {
	if s.enter() != nil {
		return
	}
	defer s.leave()
	if err := s.lazy.sync(); err != nil {
		_ = s.fail(err)
	}
}

package wstest

import (
	"sync"
	"time"
)

// A deadline is the moment from which on calls fail. The zero value is none.
// The lock of the condition it wakes guards all of it.
type deadline struct {
	at    time.Time
	timer *time.Timer // not nil while it may still fire
	fired bool
}

// set moves the deadline to t. When t comes, changed is woken.
func (d *deadline) set(t time.Time, changed *sync.Cond) {
	d.stop()
	d.at, d.fired = t, false
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.fired = true
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		changed.L.Lock()
		defer changed.L.Unlock()
		d.expire(timer, changed)
	})
	d.timer = timer
}

// expire is what timer does when it fires, unless it was too late to be
// stopped: then d has another one, or none, by now.
func (d *deadline) expire(timer *time.Timer, changed *sync.Cond) {
	if d.timer == timer {
		d.timer, d.fired = nil, true
		changed.Broadcast()
	}
}

// passed reports whether the moment has come. It looks at the clock too: at
// the exact moment of the deadline a caller may run before the timer does.
func (d *deadline) passed() bool {
	return d.fired || !d.at.IsZero() && !time.Now().Before(d.at)
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

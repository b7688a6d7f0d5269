package hub

import "time"

// How many sessions are known to have expired, and for how long, if there is no disk to
// remember them on.
const (
	maxExpired = 1 << 16
	expiredFor = 24 * time.Hour
)

// expiredIDs are sessions that there were: whoever comes back to one is told that
// messages may be lost. The zero value has none.
type expiredIDs struct {
	when  map[string]time.Time
	queue []expiredID // in order of time; has also what was taken
}

type expiredID struct {
	id   string
	when time.Time
}

// add remembers a session, and forgets those of long ago and those that are too many.
func (e *expiredIDs) add(id string, now time.Time) {
	for len(e.queue) > 0 && (len(e.queue) >= maxExpired || now.Sub(e.queue[0].when) >= expiredFor) {
		old := e.queue[0]
		if e.when[old.id].Equal(old.when) {
			delete(e.when, old.id)
		}
		e.queue = e.queue[1:]
	}
	if e.when == nil {
		e.when = make(map[string]time.Time)
	}
	e.when[id] = now
	e.queue = append(e.queue, expiredID{id, now})
}

// take tells whether a session has expired, and forgets that.
func (e *expiredIDs) take(id string, now time.Time) bool {
	when, ok := e.when[id]
	delete(e.when, id)
	return ok && now.Sub(when) < expiredFor
}

package load

import (
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A pace is a schedule that is fixed beforehand: message k is due k intervals after
// the beginning, whatever happens to those before it.
type pace struct {
	interval float64 // nanoseconds
	late     *hdrhistogram.Histogram
	unsent   int64
}

func newPace(rate float64) *pace {
	return &pace{interval: float64(time.Second) / rate, late: NewHistogram()}
}

// due returns when message k is due, in nanoseconds after the beginning.
func (p *pace) due(k uint64) int64 { return int64(float64(k) * p.interval) }

// nap is the longest time to sleep without looking whether all is over.
const nap = int64(20 * time.Millisecond)

// run calls send for each message of the schedule when it is due, or as soon as it
// can after that, until the end of the slice. What is due then and not sent is
// counted, not sent: the load could not keep up.
func (p *pace) run(s *slice, send func(k uint64)) {
	sleeper := newSleeper()
	defer sleeper.stop()
	end := s.end.Load()
	for k := uint64(0); ; k++ {
		due := p.due(k)
		now := s.now()
		for now < due && due < s.end.Load() {
			sleeper.sleep(time.Duration(min(due-now, nap)))
			now = s.now()
		}
		switch {
		case due >= s.end.Load():
			return
		case now >= end:
			p.unsent = int64(math.Ceil(float64(end-due) / p.interval))
			return
		}
		record(p.late, now-due)
		send(k)
	}
}

// report adds what the schedule knows to r.
func (p *pace) report(r *Result) {
	r.Late, r.Unsent = p.late, p.unsent
}

package event

import (
	"runtime"
	"sync"
)

// flushers write what is sent to connections that have a goroutine of their own, by
// others than that goroutine. There is one for each processor, as long as it has
// something to do. What is sent before it comes to a connection leaves in one write.
type flushers struct {
	once sync.Once
	all  []flusher
}

type flusher struct {
	mu      sync.Mutex
	dirty   []*Conn // in the order in which they were added
	spare   []*Conn // memory for the next list
	running bool
	work    func() // run, made once
}

// add has what waits on c written soon.
func (f *flushers) add(c *Conn) {
	f.once.Do(func() {
		f.all = make([]flusher, runtime.GOMAXPROCS(0))
		for i := range f.all {
			f.all[i].work = f.all[i].run
		}
	})
	f.all[int(c.shard)%len(f.all)].add(c)
}

func (f *flusher) add(c *Conn) {
	f.mu.Lock()
	f.dirty = append(f.dirty, c)
	start := !f.running
	f.running = true
	f.mu.Unlock()
	if start {
		go f.work()
	}
}

// run works until there is nothing to do.
func (f *flusher) run() {
	for {
		f.mu.Lock()
		list := f.dirty
		if len(list) == 0 {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.dirty, f.spare = f.spare[:0], nil
		f.mu.Unlock()
		for _, c := range list {
			c.flushDirty()
		}
		clear(list)
		f.mu.Lock()
		f.spare = list[:0]
		f.mu.Unlock()
	}
}

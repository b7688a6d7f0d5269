package pebble

import (
	"fmt"
	"sync"
	"time"
)

// spaceEvery is how often the disk is asked how much is free.
const spaceEvery = 100 * time.Millisecond

// A space knows whether there is room on the disk.
type space struct {
	mu    sync.Mutex
	asked time.Time
	err   error
}

// room returns an error if the disk is as good as full.
func (s *Store) room() error {
	if s.o.MinFree < 0 {
		return nil
	}
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	if now := time.Now(); now.Sub(s.space.asked) >= spaceEvery {
		s.space.asked = now
		s.space.err = s.checkRoom()
	}
	return s.space.err
}

// checkRoom takes a disk that does not tell for one with room.
func (s *Store) checkRoom() error {
	usage, err := s.o.fs.GetDiskUsage(s.dir)
	if err != nil || usage.AvailBytes >= uint64(s.o.MinFree) {
		return nil //nolint:nilerr // see above
	}
	return fmt.Errorf("pebble: the disk of %s is full: %d MiB are free, %d are wanted; make room", s.dir, usage.AvailBytes>>20, s.o.MinFree>>20)
}

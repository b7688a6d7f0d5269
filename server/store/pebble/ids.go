package pebble

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

// IDs implements hub.Store.
func (s *Store) IDs(since time.Time) (list []hub.StoredID, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	readable, epoch := s.readable.Load(), s.epoch.Load()
	// What expired before since was appended before it too.
	it, err := s.db.NewIter(&lsm.IterOptions{
		LowerBound: appendIDKey(nil, minuteOf(since), 0),
		UpperBound: []byte{layout, spaceID + 1},
	})
	if err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		id, err := parseID(it.Value())
		if err != nil {
			return nil, fmt.Errorf("pebble: the ID of the message at the offset %d is not readable: %w", offsetOf(it.Key()), err)
		}
		if id.At.Offset <= readable && !id.At.When().Before(since) {
			id.At.Epoch = epoch
			list = append(list, id)
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	slices.SortFunc(list, func(a, b hub.StoredID) int { return cmp.Compare(a.At.Offset, b.At.Offset) })
	return list, nil
}

// dropIDs removes the IDs that have expired when a message of this time is appended. It
// does so once a minute, by ranges that do not overlap.
func (s *Store) dropIDs(b *lsm.Batch, ms int64) {
	minute := minuteOf(time.UnixMilli(ms))
	if minute <= s.nextMinute {
		return
	}
	_ = b.DeleteRange(appendIDKey(nil, s.nextMinute, 0), appendIDKey(nil, minute, 0), nil)
	s.nextMinute = minute
}

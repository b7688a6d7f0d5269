package pebble

import (
	"cmp"
	"context"
	"fmt"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

const (
	// slack is the part of a bound by which a log may exceed it, as a divisor: so
	// Trim has something to do after many messages, and not after each.
	slack = 8

	// trimMost is how many messages one call removes, because nothing is appended
	// meanwhile.
	trimMost = 16 << 10

	// trimSingly is how many messages are removed one by one. More are removed as
	// a range, which costs readers a little until it is tidied up.
	trimSingly = 16
)

// bounds are those of a log.
type bounds struct {
	messages, bytes int64 // bytes < 0: any
	after           int64 // the time of the oldest message, Unix milliseconds
}

// boundsOf returns the bounds of settings, or those by which a log may exceed them.
func boundsOf(keep *hub.Settings, now time.Time, more bool) bounds {
	b := bounds{
		messages: int64(max(0, cmp.Or(keep.MaxMessages, hub.DefaultMaxMessages))),
		bytes:    cmp.Or(keep.MaxBytes, hub.DefaultMaxBytes),
	}
	age := cmp.Or(keep.MaxAge, hub.DefaultMaxAge)
	if more {
		b.messages += b.messages / slack
		b.bytes += b.bytes / slack
		age += age / slack
	}
	if age >= 0 {
		b.after = now.Add(-age).UnixMilli()
	} else {
		b.after = -1 << 63
	}
	return b
}

// hold tells whether a log is within its bounds.
func (b bounds) hold(in *info) bool {
	return in.Messages <= b.messages && (b.bytes < 0 || in.Bytes <= b.bytes) && (in.Messages == 0 || in.oldest >= b.after)
}

// Trim implements hub.Store. It leaves up to an eighth more than each bound, and removes at most
// 16,384 messages at a time. What it removed may be there again after a crash, as if it
// had not been called.
func (s *Store) Trim(topic string, keep hub.Settings, now time.Time) (hub.LogInfo, error) {
	if err := s.enter(); err != nil {
		return hub.LogInfo{}, err
	}
	defer s.leave()
	in, err := s.info(topic)
	if err != nil || in.Last == 0 {
		return in.LogInfo, err
	}
	b := s.db.NewBatch()
	defer s.release(b)
	if !boundsOf(&keep, now, true).hold(&in) {
		if err := s.cut(b, &in, boundsOf(&keep, now, false)); err != nil {
			return hub.LogInfo{}, err
		}
	}
	forget, err := s.mayForget(&in, &keep, now)
	if err != nil {
		return hub.LogInfo{}, err
	}
	switch {
	case forget:
		in = s.forget(b, in)
	case b.Empty():
		return in.LogInfo, nil
	default:
		_ = b.Set(nameKey(spaceInfo, topic), appendInfo(nil, &in), nil)
		s.infos.put(in) // before anything is gone, see scan
	}
	if err := s.apply(b, false); err != nil {
		return hub.LogInfo{}, err
	}
	s.infos.rotate()
	return in.LogInfo, nil
}

// cut removes the oldest messages of a log until it is within bounds. A message that is not
// readable goes too, or it would stay for ever.
func (s *Store) cut(b *lsm.Batch, in *info, keep bounds) error {
	first := appendMessageKey(nil, in.Topic, in.Trimmed+1)
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: first, UpperBound: messagesEnd(in.Topic)})
	if err != nil {
		return fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	removed := 0
	ok := it.First()
	for ; ok; ok = it.Next() {
		v, _ := s.valueAt(context.Background(), it, in.Topic)
		in.oldest = cmp.Or(v.time, in.oldest)
		if removed == trimMost || keep.hold(in) {
			break
		}
		in.Messages--
		in.Bytes -= v.size()
		in.Trimmed = offsetOf(it.Key())
		if removed++; removed <= trimSingly {
			_ = b.Delete(it.Key(), nil)
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	if !ok { // nothing is left, whatever was counted
		in.Messages, in.Bytes, in.Trimmed = 0, 0, in.Last
	}
	if removed > trimSingly || !ok {
		_ = b.DeleteRange(first, appendMessageKey(nil, in.Topic, in.Trimmed+1), nil)
	}
	return nil
}

// mayForget tells whether nothing is worth remembering of a log.
func (s *Store) mayForget(in *info, keep *hub.Settings, now time.Time) (bool, error) {
	silent := now.Sub(time.UnixMilli(in.LastTime))
	if in.Messages > 0 || silent <= cmp.Or(keep.Metadata, hub.DefaultMetadata) {
		return false, nil
	}
	if !keep.Latest {
		return true, nil
	}
	lower, upper := latestBounds(in.Topic)
	it, err := s.db.NewIter(&lsm.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return false, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	empty := !it.First()
	return empty && it.Error() == nil, it.Error()
}

// forget removes what is known of a log. From then on each topic without one is said to be
// trimmed up to there.
func (s *Store) forget(b *lsm.Batch, in info) info {
	_ = b.Delete(nameKey(spaceInfo, in.Topic), nil)
	lower, upper := latestBounds(in.Topic)
	_ = b.DeleteRange(lower, upper, nil)
	forgotten := s.infos.forget(in)
	setNumber(b, keyForgotten, forgotten)
	return absent(in.Topic, forgotten)
}

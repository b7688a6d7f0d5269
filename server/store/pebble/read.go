package pebble

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

// Read implements hub.Store. It sees what was stored when it began, and keeps nobody from
// writing.
func (s *Store) Read(ctx context.Context, topic string, r hub.Range) (page hub.Page, err error) {
	if err := s.enter(); err != nil {
		return hub.Page{}, err
	}
	defer s.leave()
	after := r.After
	if r.Newest {
		after = 0
	}
	it, in, err := s.scan(ctx, topic, after)
	if err != nil {
		return hub.Page{}, err
	}
	defer it.Close()
	page.Trimmed = in.Trimmed
	begin, next := it.First, it.Next
	if r.Newest {
		begin, next = it.Last, it.Prev
	}
	epoch, bytes := s.epoch.Load(), int64(0)
	for ok := begin(); ok; ok = next() {
		if len(page.Messages) == max(1, r.Limit) {
			page.More = !r.Newest
			break
		}
		v, err := s.valueAt(ctx, it, topic)
		if err != nil {
			return hub.Page{}, err
		}
		if bytes += int64(len(v.payload)); bytes > r.MaxBytes && len(page.Messages) > 0 {
			page.More = !r.Newest
			break
		}
		page.Messages = append(page.Messages, v.message(topic, epoch))
	}
	if r.Newest {
		slices.Reverse(page.Messages)
	}
	return page, s.ended(ctx, it)
}

// scan returns an iterator over the messages of a topic behind an offset, and what is known
// of the log at that moment: no message of it is missing that is not said to be trimmed.
func (s *Store) scan(ctx context.Context, topic string, after uint64) (*lsm.Iterator, info, error) {
	for {
		in, err := s.info(topic)
		if err != nil {
			return nil, info{}, err
		}
		first, end := max(after, in.Trimmed), s.readable.Load()
		o := &lsm.IterOptions{UpperBound: messagesEnd(topic)}
		if first < end {
			o.LowerBound = appendMessageKey(nil, topic, first+1)
		} else {
			o.LowerBound = o.UpperBound
		}
		if end+1 != 0 {
			o.UpperBound = appendMessageKey(nil, topic, max(first, end)+1)
		}
		it, err := s.db.NewIterWithContext(ctx, o)
		if err != nil {
			return nil, info{}, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
		}
		// Trim says what it will remove before it does: if that is still the same, all
		// behind it was there when the iterator began.
		again, err := s.info(topic)
		if err == nil && again.Trimmed == in.Trimmed {
			return it, in, nil
		}
		it.Close()
		if err != nil {
			return nil, info{}, err
		}
	}
}

// valueAt returns the message at an iterator, as a part of what it has.
func (s *Store) valueAt(ctx context.Context, it *lsm.Iterator, topic string) (messageValue, error) {
	if err := ctx.Err(); err != nil {
		return messageValue{}, err
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return messageValue{}, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	v, err := parseMessage(value)
	if err == nil && it.Key()[1] == spaceMessage && v.offset != offsetOf(it.Key()) {
		err = errDamaged
	}
	if err != nil {
		return messageValue{}, fmt.Errorf("pebble: the message of the topic %q at the offset %d is not readable: %w", topic, offsetOf(it.Key()), err)
	}
	return v, nil
}

// ended returns why an iterator ended, if it is not that there is nothing more.
func (s *Store) ended(ctx context.Context, it *lsm.Iterator) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	return nil
}

// Latest implements hub.Store. While a message with some key is being appended that key may
// be missing.
func (s *Store) Latest(ctx context.Context, topic string) (list []*hub.Message, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	readable := s.readable.Load()
	lower, upper := latestBounds(topic)
	it, err := s.db.NewIterWithContext(ctx, &lsm.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	epoch := s.epoch.Load()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := s.valueAt(ctx, it, topic)
		if err != nil {
			return nil, err
		}
		if v.offset <= readable {
			list = append(list, v.message(topic, epoch))
		}
	}
	slices.SortFunc(list, func(a, b *hub.Message) int { return cmp.Compare(a.At.Offset, b.At.Offset) })
	return list, s.ended(ctx, it)
}

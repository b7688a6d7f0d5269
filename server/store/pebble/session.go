package pebble

import (
	"errors"
	"fmt"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

// SaveSessions implements hub.Store. What it has returned for is as durable as messages are.
// Times are kept to the millisecond.
func (s *Store) SaveSessions(list []hub.SessionRecord) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := s.room(); err != nil {
		return err
	}
	s.sessions.Lock()
	defer s.sessions.Unlock()
	// An indexed batch, in which a session can come twice.
	b := s.db.NewIndexedBatch()
	defer s.release(b)
	for i := range list {
		if err := s.saveSession(b, &list[i]); err != nil {
			return err
		}
	}
	if b.Empty() {
		return s.failure()
	}
	return s.apply(b, true)
}

func (s *Store) saveSession(b *lsm.Batch, rec *hub.SessionRecord) error {
	key := nameKey(spaceSession, rec.ID)
	old, found, err := s.getFrom(b, key)
	if err != nil {
		return err
	}
	if found {
		was, err := s.parseSession(rec.ID, old)
		switch {
		case err == nil:
			_ = b.Delete(seenKey(was.seen, rec.ID), nil)
		case rec.Forget: // when it was seen stands in the key that led to it
			_ = b.Delete(seenKey(rec.Seen.UnixMilli(), rec.ID), nil)
		default:
			return err
		}
	}
	if rec.Forget {
		_ = b.Delete(key, nil)
		return nil
	}
	now := session{seen: rec.Seen.UnixMilli(), cursors: rec.Cursors}
	_ = b.Set(key, appendSession(nil, &now), nil)
	_ = b.Set(seenKey(now.seen, rec.ID), nil, nil)
	return nil
}

func (s *Store) parseSession(id string, value []byte) (session, error) {
	found, err := parseSession(value)
	if err != nil {
		return session{}, fmt.Errorf("pebble: the session %q is not readable: %w", id, err)
	}
	return found, nil
}

// Session implements hub.Store.
func (s *Store) Session(id string) (rec hub.SessionRecord, ok bool, err error) {
	if err := s.enter(); err != nil {
		return hub.SessionRecord{}, false, err
	}
	defer s.leave()
	return s.session(id)
}

func (s *Store) session(id string) (rec hub.SessionRecord, ok bool, err error) {
	value, found, err := s.get(nameKey(spaceSession, id))
	if err != nil || !found {
		return hub.SessionRecord{}, false, err
	}
	v, err := s.parseSession(id, value)
	if err != nil {
		return hub.SessionRecord{}, false, err
	}
	return hub.SessionRecord{ID: id, Seen: time.UnixMilli(v.seen), Cursors: v.cursors}, true, nil
}

// ExpiredSessions implements hub.Store. Those that were not seen for the longest time come
// first. One that is not readable is only its ID and its time, so that it goes like others.
func (s *Store) ExpiredSessions(before time.Time, limit int) (list []hub.SessionRecord, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	it, err := s.db.NewIter(&lsm.IterOptions{
		LowerBound: []byte{layout, spaceSeen},
		UpperBound: seenKey(before.UnixMilli(), ""),
	})
	if err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	for ok := it.First(); ok && len(list) < limit; ok = it.Next() {
		key := it.Key()
		if len(key) < seenPrefixLen {
			continue
		}
		id, seen := string(key[seenPrefixLen:]), time.UnixMilli(seenAt(key))
		rec, found, err := s.session(id)
		switch {
		case errors.Is(err, errDamaged):
			list = append(list, hub.SessionRecord{ID: id, Seen: seen})
		case err != nil:
			return nil, err
		case found && rec.Seen.Equal(seen): // or it was seen again since the iterator began
			list = append(list, rec)
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	return list, nil
}

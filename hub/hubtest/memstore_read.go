package hubtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/duplexhq/duplex/hub"
)

// Latest implements hub.Store.
func (s *MemStore) Latest(ctx context.Context, topic string) (list []*hub.Message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(ctx.Err(), s.usable()); err != nil {
		return nil, err
	}
	if l := s.disk.logs[topic]; l != nil {
		for _, m := range l.latest {
			list = append(list, copyOf(m, s.disk.epoch))
		}
	}
	slices.SortFunc(list, func(a, b *hub.Message) int { return cmp.Compare(a.At.Offset, b.At.Offset) })
	return list, nil
}

// Info implements hub.Store.
func (s *MemStore) Info(topic string) (hub.LogInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disk.info(topic), s.usable()
}

func (d *memDisk) info(topic string) hub.LogInfo {
	if l := d.logs[topic]; l != nil {
		return l.info
	}
	return hub.LogInfo{Topic: topic, Trimmed: d.forgotten}
}

// Logs implements hub.Store.
func (s *MemStore) Logs(ctx context.Context, after string, limit int) (list []hub.LogInfo, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.disk.logs)) {
		if name > after && len(list) < limit {
			list = append(list, s.disk.logs[name].info)
		}
	}
	return list, cmp.Or(ctx.Err(), s.usable())
}

// Trim implements hub.Store.
func (s *MemStore) Trim(topic string, keep hub.Settings, now time.Time) (hub.LogInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.disk.logs[topic]
	if err := s.usable(); l == nil || err != nil {
		return s.disk.info(topic), err
	}
	for len(l.messages) > 0 && l.tooMuch(keep, now) {
		oldest := l.messages[0]
		l.messages = l.messages[1:]
		l.info.Messages--
		l.info.Bytes -= sizeOf(oldest)
		l.info.Trimmed = oldest.At.Offset
	}
	silent := now.Sub(time.UnixMilli(l.info.LastTime))
	if len(l.messages) == 0 && silent > cmp.Or(keep.Metadata, hub.DefaultMetadata) && (!keep.Latest || len(l.latest) == 0) {
		s.disk.forgotten = max(s.disk.forgotten, l.info.Last)
		delete(s.disk.logs, topic)
	}
	return s.disk.info(topic), nil
}

// tooMuch tells whether the log is not within keep.
func (l *memLog) tooMuch(keep hub.Settings, now time.Time) bool {
	count := int64(max(0, cmp.Or(keep.MaxMessages, hub.DefaultMaxMessages)))
	bytes := cmp.Or(keep.MaxBytes, hub.DefaultMaxBytes)
	age := cmp.Or(keep.MaxAge, hub.DefaultMaxAge)
	return l.info.Messages > count ||
		bytes >= 0 && l.info.Bytes > bytes ||
		age >= 0 && now.Sub(l.messages[0].At.When()) > age
}

// IDs implements hub.Store. It never forgets before it must.
func (s *MemStore) IDs(since time.Time) (list []hub.StoredID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.disk.ids {
		if !id.At.When().Before(since) {
			id.At.Epoch = s.disk.epoch
			list = append(list, id)
		}
	}
	return list, s.usable()
}

// SaveSessions implements hub.Store.
func (s *MemStore) SaveSessions(list []hub.SessionRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	for _, rec := range list {
		rec.Cursors = maps.Clone(rec.Cursors)
		rec.Seen = rec.Seen.Truncate(time.Millisecond)
		if s.disk.sessions[rec.ID] = rec; rec.Forget {
			delete(s.disk.sessions, rec.ID)
		}
	}
	return nil
}

// Session implements hub.Store.
func (s *MemStore) Session(id string) (rec hub.SessionRecord, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok = s.disk.sessions[id]
	rec.Cursors = maps.Clone(rec.Cursors)
	return rec, ok, s.usable()
}

// ExpiredSessions implements hub.Store: those not seen for the longest time first.
func (s *MemStore) ExpiredSessions(before time.Time, limit int) (list []hub.SessionRecord, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rec := range s.disk.sessions {
		if rec.Seen.Before(before) {
			rec.Cursors = maps.Clone(rec.Cursors)
			list = append(list, rec)
		}
	}
	slices.SortFunc(list, func(a, b hub.SessionRecord) int {
		return cmp.Or(a.Seen.Compare(b.Seen), cmp.Compare(a.ID, b.ID))
	})
	return list[:min(limit, len(list))], s.usable()
}

// Close implements hub.Store.
func (s *MemStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

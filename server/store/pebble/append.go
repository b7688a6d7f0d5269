package pebble

import (
	"errors"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

var errOrder = errors.New("pebble: a batch is not stored whose offsets do not grow, from behind the last one stored")

// maxScratch is the largest buffer that is kept for the next message, in bytes.
const maxScratch = 64 << 10

// Append implements hub.Store. It makes one batch of the database of what it is given, with
// all that is known of it.
func (s *Store) Append(batch []hub.Entry) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if len(batch) == 0 {
		return s.failure()
	}
	last, err := s.check(batch)
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer s.release(b)
	infos := make(map[string]*info)
	for i := range batch {
		if err := s.add(b, &batch[i], infos); err != nil {
			return err
		}
	}
	for _, in := range infos {
		s.value = appendInfo(s.value[:0], in)
		s.key = appendNameKey(s.key[:0], spaceInfo, in.Topic)
		_ = b.Set(s.key, s.value, nil)
	}
	setNumber(b, keyLast, last)
	s.dropIDs(b, batch[len(batch)-1].At.Time)
	if err := s.apply(b, true); err != nil {
		return err
	}
	for _, in := range infos {
		s.infos.put(*in)
	}
	s.readable.Store(last)
	s.infos.rotate()
	return nil
}

// check returns the last offset of a batch that may be stored.
func (s *Store) check(batch []hub.Entry) (last uint64, err error) {
	last = s.readable.Load()
	for i := range batch {
		if batch[i].At.Offset <= last {
			return 0, errOrder
		}
		last = batch[i].At.Offset
	}
	return last, s.room()
}

// add adds one message to a batch, and to what is known of its log. Readers ask the cache
// first: it has of each topic what was true before, until the batch is stored.
func (s *Store) add(b *lsm.Batch, e *hub.Entry, infos map[string]*info) error {
	in := infos[e.Topic]
	if in == nil {
		known, err := s.info(e.Topic)
		if err != nil {
			return err
		}
		s.infos.put(known)
		in = &known
		infos[e.Topic] = in
	}
	if in.Messages == 0 {
		in.oldest = e.At.Time
	}
	in.Messages++
	in.Bytes += sizeOf(e.Message)
	in.Last, in.LastTime = e.At.Offset, e.At.Time

	if cap(s.value) > maxScratch {
		s.value = nil
	}
	s.value = appendMessage(s.value[:0], e.Message)
	s.key = appendMessageKey(s.key[:0], e.Topic, e.At.Offset)
	_ = b.Set(s.key, s.value, nil) // writing to a batch cannot fail
	if e.Latest {
		s.key = append(appendTopicKey(s.key[:0], spaceLatest, e.Topic), e.Key...)
		if len(e.Payload) == 0 {
			_ = b.Delete(s.key, nil)
		} else {
			_ = b.Set(s.key, s.value, nil)
		}
	}
	if e.ID != "" && e.Remember > 0 {
		expires := e.At.When().Add(e.Remember)
		s.value = appendID(s.value[:0], e.Message)
		s.key = appendIDKey(s.key[:0], minuteOf(expires)+1, e.At.Offset)
		_ = b.Set(s.key, s.value, nil)
	}
	return nil
}

// minuteOf returns the minute of a time, 0 for those before 1970.
func minuteOf(t time.Time) uint64 { return uint64(max(0, t.Unix()/60)) }

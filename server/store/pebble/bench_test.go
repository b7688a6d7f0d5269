package pebble_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/store/pebble"
)

const (
	benchTopics  = 10_000
	benchPayload = 200 // bytes
)

// A source makes the messages of a benchmark: one topic after the other.
type source struct {
	offset  uint64
	payload [benchPayload]byte
}

func (s *source) fill(batch []hub.Entry) {
	for i := range batch {
		s.offset++
		at := hub.Cursor{Offset: s.offset, Time: time.Now().UnixMilli()}
		m := &hub.Message{Topic: fmt.Sprint("room.", s.offset%benchTopics), Payload: s.payload[:], At: at}
		batch[i] = hub.Entry{Message: m}
	}
}

// BenchmarkAppend appends batches of as many messages as there are publishers that each wait
// for their own to be stored.
func BenchmarkAppend(b *testing.B) {
	for _, mode := range []pebble.SyncMode{pebble.SyncAlways, pebble.SyncInterval, pebble.SyncOff} {
		for _, publishers := range []int{1, 64, 512} {
			b.Run(fmt.Sprintf("sync=%v/publishers=%d", mode, publishers), func(b *testing.B) {
				s, err := pebble.Open(b.TempDir(), &pebble.Options{Sync: mode})
				assert.NoError(b, err)
				defer s.Close()
				var from source
				from.offset = 1 // room.0 is as long as the others
				batch := make([]hub.Entry, publishers)
				for b.Loop() {
					from.fill(batch)
					if err := s.Append(batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(publishers*b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}

// BenchmarkHistory reads the newest 100 messages of one topic out of a million: of the same
// one, and each time of another one after the store was opened anew.
func BenchmarkHistory(b *testing.B) {
	const messages = 1_000_000
	dir := b.TempDir()
	s, err := pebble.Open(dir, &pebble.Options{Sync: pebble.SyncOff})
	assert.NoError(b, err)
	var from source
	batch := make([]hub.Entry, 1000)
	for range messages / len(batch) {
		from.fill(batch)
		assert.NoError(b, s.Append(batch))
	}
	assert.NoError(b, s.Close())
	for _, c := range []struct {
		name  string
		cache int64
		topic func() string
	}{
		{"warm", 32 << 20, func() string { return "room.7" }},
		{"cold", 1, func() string { return fmt.Sprint("room.", rand.IntN(benchTopics)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := pebble.Open(dir, &pebble.Options{CacheBytes: c.cache})
			assert.NoError(b, err)
			defer s.Close()
			b.ReportAllocs()
			for b.Loop() {
				page, err := s.Read(context.Background(), c.topic(), hub.Range{Newest: true, Limit: 100, MaxBytes: 1 << 20})
				if err != nil || len(page.Messages) != 100 {
					b.Fatal(err, len(page.Messages))
				}
			}
		})
	}
}

// BenchmarkTrim appends to one topic that keeps 1,000 messages, and reads it now and then, as
// a hub does.
func BenchmarkTrim(b *testing.B) {
	s, err := pebble.Open(b.TempDir(), &pebble.Options{Sync: pebble.SyncOff})
	assert.NoError(b, err)
	defer s.Close()
	var from source
	batch := make([]hub.Entry, 100)
	for b.Loop() {
		from.fill(batch)
		for i := range batch {
			batch[i].Topic = "room"
		}
		if err := s.Append(batch); err != nil {
			b.Fatal(err)
		}
		info, err := s.Trim("room", hub.Settings{MaxMessages: 1000, MaxBytes: -1}, time.Now())
		if err != nil || info.Messages > 1125 {
			b.Fatal(err, info)
		}
		if _, err := s.Read(context.Background(), "room", hub.Range{Limit: 10, MaxBytes: 1 << 20}); err != nil {
			b.Fatal(err)
		}
	}
}

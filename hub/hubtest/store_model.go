package hubtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

// sameAsModel does the same at random to a store and to a MemStore, which must tell
// the same. Bounds below 8 messages leave no room for "somewhat more".
func sameAsModel(t *storeTest) {
	model := NewMemStore()
	rnd := rand.New(rand.NewPCG(1, 2))
	topics := []string{"a", "a.b", "b", "жук", "z"}
	t.restart(5)
	assert.NoError(t, model.Restart(5))
	for range 400 {
		topic := topics[rnd.IntN(len(topics))]
		switch rnd.IntN(10) {
		case 0:
			t.reopen()
			model = model.Reopen()
			assert.Equal(t, t.s.State(), model.State())
		case 1, 2, 3:
			keep := hub.Settings{MaxMessages: rnd.IntN(8), MaxBytes: -1, MaxAge: -1, Metadata: time.Minute, Latest: rnd.IntN(2) == 0}
			now := whenOf(t.last + rnd.Uint64N(80))
			want, _ := model.Trim(topic, keep, now)
			assert.Equal(t, t.trim(topic, keep, now), want)
		default:
			batch := t.randomBatch(rnd, topics)
			assert.NoError(t, model.Append(batch))
			t.append(batch...)
		}
		t.compare(model, topic, rnd)
	}
}

func (t *storeTest) randomBatch(rnd *rand.Rand, topics []string) (batch []hub.Entry) {
	for range 1 + rnd.IntN(8) {
		t.last += rnd.Uint64N(3)
		e := t.entry(topics[rnd.IntN(len(topics))], fmt.Sprint(rnd.Uint64N(1<<rnd.IntN(60))))
		if rnd.IntN(3) == 0 {
			e.Key, e.Latest = fmt.Sprint("k", rnd.IntN(5)), true
			if rnd.IntN(3) == 0 {
				e.Payload = nil
			}
		}
		if rnd.IntN(3) == 0 {
			e.ID, e.Remember = fmt.Sprint("id ", t.last), 1000*time.Hour
		}
		batch = append(batch, e)
	}
	return batch
}

// compare compares what two stores tell of a topic.
func (t *storeTest) compare(model *MemStore, topic string, rnd *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	r := hub.Range{After: rnd.Uint64N(t.last + 2), Newest: rnd.IntN(2) == 0, Limit: 1 + rnd.IntN(10), MaxBytes: rnd.Int64N(100)}
	want, _ := model.Read(ctx, topic, r)
	got := t.read(topic, r)
	assert.Equal(t, list(got.Messages), list(want.Messages))
	assert.True(t, got.Trimmed == want.Trimmed && got.More == want.More, fmt.Sprintf("got %+v, want %+v", got, want))
	wantLatest, _ := model.Latest(ctx, topic)
	assert.Equal(t, list(t.latest(topic)), list(wantLatest))
	wantLogs, _ := model.Logs(ctx, topic, 3)
	gotLogs, err := t.s.Logs(ctx, topic, 3)
	assert.NoError(t, err)
	assert.Equal(t, gotLogs, wantLogs)
	wantIDs, _ := model.IDs(whenOf(r.After))
	gotIDs, err := t.s.IDs(whenOf(r.After))
	assert.NoError(t, err)
	assert.Equal(t, gotIDs, wantIDs)
}

// readWhileWriting has readers that follow a topic while it grows and is trimmed:
// what they do not get, they are told of. All offsets belong to the topic, so that
// each that is left out shows.
func readWhileWriting(t *storeTest) {
	const batches = 300
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			var at uint64
			for last := false; ; {
				select {
				case <-done:
					last = true // what was appended before is there now
				default:
				}
				more := t.follow(&at, i == 0)
				if last && !more {
					break
				}
			}
			if at != batches*10 {
				t.Errorf("a reader ends at %d", at)
			}
		})
	}
	keep := unbounded
	keep.MaxMessages = 50
	for range batches {
		t.appendN("room", 10)
		t.trim("room", keep, whenOf(t.last))
	}
	close(done)
	readers.Wait()
}

// follow reads a page behind at, tells whether there was anything, and fails the test
// if something is missing that is not said to be trimmed.
func (t *storeTest) follow(at *uint64, newest bool) (found bool) {
	page, err := t.s.Read(context.Background(), "room", hub.Range{After: *at, Newest: newest, Limit: 60, MaxBytes: 1 << 20})
	if err != nil {
		t.Error(err)
		return false
	}
	next := max(*at, page.Trimmed) + 1
	for _, m := range page.Messages {
		if m.At.Offset < next && newest {
			continue
		}
		if m.At.Offset > next && !(newest && len(page.Messages) == 60) {
			t.Errorf("behind %d comes %d; trimmed up to %d", *at, m.At.Offset, page.Trimmed)
		}
		if m.At.Offset <= *at {
			t.Errorf("behind %d comes %d again", *at, m.At.Offset)
		}
		*at, next, found = m.At.Offset, m.At.Offset+1, true
	}
	return found
}

package json_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/json"
)

// TestSubscriptionIsSmall holds what a subscription costs in bytes of the heap, where
// many clients have the same topics.
func TestSubscriptionIsSmall(t *testing.T) {
	const clients, topics, bound = 200, 20, 700
	s := serveTCP(t, json.Options{}, nil)
	var all []*client
	for range clients {
		all = append(all, s.connect())
	}
	subscribe := func(first, count int) {
		for i := first; i < first+count; i++ {
			for _, c := range all {
				c.ask(fmt.Sprintf(`{"sub":"room.%d"}`, i), fmt.Sprintf(`{"sub":"room.%d","at":"CURSOR","gap":false}`, i))
			}
		}
	}
	// Sockets have what they keep for all their subscriptions after the first, and what their
	// handshakes needed is gone by then.
	subscribe(0, 3)
	before := heap()
	subscribe(3, topics)
	each := (heap() - before) / clients / topics
	t.Log(each, "bytes for each subscription")
	assert.True(t, each <= bound, fmt.Sprint(each, " bytes for each subscription"))
	runtime.KeepAlive(all)
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

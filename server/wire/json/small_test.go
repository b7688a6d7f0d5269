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
	const clients, topics, bound = 300, 20, 800
	s := serveTCP(t, json.Options{}, nil)
	var all []*client
	for range clients {
		all = append(all, s.connect())
	}
	before := heap()
	for i := range topics {
		for _, c := range all {
			c.ask(fmt.Sprintf(`{"sub":"room.%d"}`, i), fmt.Sprintf(`{"sub":"room.%d","at":"CURSOR","gap":false}`, i))
		}
	}
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

package raw_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire/raw"
)

// BenchmarkIdle opens sockets that are silent, and as many of a plain event server that are
// members of a Group, both by way of net/http. It reports what one of each costs, of the
// heap and of the memory that the process has from the system.
func BenchmarkIdle(b *testing.B) {
	const sockets = 8000
	for b.Loop() {
		s := serveTCP(b, raw.Options{}, nil)
		conn, err := s.dial(b.Context(), "tcp", "")
		assert.NoError(b, err)
		_ = conn.Close()
		heap, rss := used(b)
		members := startDrain(b, "ws://"+conn.RemoteAddr().String()+"/t/room", sockets)
		heapWith, rssWith := used(b)
		b.ReportMetric(float64(heapWith-heap)/sockets, "B/subscriber")
		b.ReportMetric(float64(rssWith-rss)/sockets, "RSS/subscriber")
		_, addr := hall(b)
		heap, rss = used(b)
		plain := startDrain(b, "ws://"+addr+"/", sockets)
		heapWith, rssWith = used(b)
		b.ReportMetric(float64(heapWith-heap)/sockets, "B/conn")
		b.ReportMetric(float64(rssWith-rss)/sockets, "RSS/conn")
		runtime.KeepAlive(members)
		runtime.KeepAlive(plain)
	}
}

// used returns what is in use of the heap and of memory, in bytes, without garbage.
func used(b *testing.B) (heap, rss int64) {
	b.Helper()
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	file, err := os.ReadFile("/proc/self/statm")
	assert.NoError(b, err)
	var total, resident int64
	_, err = fmt.Sscan(string(file), &total, &resident)
	assert.NoError(b, err)
	return int64(m.HeapAlloc), resident * int64(os.Getpagesize())
}

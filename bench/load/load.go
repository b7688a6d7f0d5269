package load

import (
	"errors"
	"strings"
	"time"
)

// silence is how long nothing may come while something must.
const silence = 10 * time.Second

var errOtherMessage = errors.New("what came back is another message")

// A Target is a server and what to ask it for.
type Target struct {
	Addr string // host:port, an address of IPv4
	Path string // default "/"

	// Extensions is what is offered in Sec-WebSocket-Extensions. Default: no
	// extension.
	Extensions string
}

// An Echo is a slice in which messages come back to their senders.
type Echo struct {
	Message

	// Depth is how many messages of a connection are in flight. Default 1.
	Depth int

	// Active is how many connections have messages in flight at a time. If it
	// is less than all, one whose messages have all come back makes room for
	// the one that was idle longest. Default: all.
	Active int

	// Duration is how long messages are sent; what is in flight then is waited
	// for. Total is how many are sent, if it is not 0.
	Duration time.Duration
	Total    int
}

// A FanOut is a slice in which the messages of the first connection go to all.
type FanOut struct {
	Message

	// Outstanding is how many messages are published that have not reached
	// everybody. Default 1.
	Outstanding int

	Duration time.Duration // as in Echo
}

// A Storm is a slice of opening handshakes. Each connection is reset after it.
type Storm struct {
	Concurrent int // at the same time; default 16
	Duration   time.Duration
}

// A Result is what came of a slice.
type Result struct {
	Messages int64 // received and found right; handshakes, of a Storm
	Bytes    int64 // of their payload
	Elapsed  time.Duration
	Latency  Histogram     // from just before a message is written to its arrival
	CPU      time.Duration // of the load itself
}

// Add adds another slice.
func (r *Result) Add(o *Result) {
	r.Messages += o.Messages
	r.Bytes += o.Bytes
	r.Elapsed += o.Elapsed
	r.CPU += o.CPU
	r.Latency.Merge(&o.Latency)
}

// PerSecond returns messages per second.
func (r *Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Messages) / r.Elapsed.Seconds()
}

// request returns the opening handshake, whose key is that of RFC 6455 §1.3.
func (t *Target) request() []byte {
	path := t.Path
	if path == "" {
		path = "/"
	}
	lines := []string{
		"GET " + path + " HTTP/1.1", "Host: " + t.Addr, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}
	if t.Extensions != "" {
		lines = append(lines, "Sec-WebSocket-Extensions: "+t.Extensions)
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// accept is the answer to that key.
const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// Each benchmark of inflating has a twin that does the same with
// compress/flate, as Go libraries for WebSocket do: reset the reader with what
// was received as its dictionary, and read all. What it costs them to keep that
// dictionary is left out.

// An inflateTask is a number of messages to inflate one after the other.
type inflateTask struct {
	name     string
	level    int // of compress/flate
	messages [][]byte
	takeover bool
}

func inflateTasks() []inflateTask {
	json := inflateJSON(1 << 20)
	cut := func(n, size int) (messages [][]byte) {
		for i := range n {
			messages = append(messages, json[i*size:][:size])
		}
		return messages
	}
	return []inflateTask{
		{"64B", 6, cut(64, 64), false},
		{"64B-takeover", 6, cut(64, 64), true},
		{"1KiB", 6, cut(64, 1<<10), false},
		{"1KiB-takeover", 6, cut(64, 1<<10), true},
		{"64KiB", 6, cut(4, 64<<10), false},
		{"64KiB-takeover", 6, cut(4, 64<<10), true},
		{"literals-64KiB", flate.HuffmanOnly, cut(4, 64<<10), false},
		{"stored-64KiB", flate.NoCompression, cut(4, 64<<10), false},
		{"bomb-1MiB", 9, [][]byte{make([]byte, 1<<20)}, false},
	}
}

// payloads returns the messages as they arrive, and what was received before
// each of them.
func (c inflateTask) payloads(b *testing.B) (payloads, before [][]byte) {
	var all []byte
	for _, message := range c.messages {
		if !c.takeover {
			all = nil
		}
		received := all[max(0, len(all)-32<<10):]
		before = append(before, received)
		payloads = append(payloads, inflatePayload(b, message, c.level, received))
		all = append(all[:len(all):len(all)], message...)
	}
	return payloads, before
}

// inflateJSON returns n bytes of a list such as an application might send.
func inflateJSON(n int) []byte {
	r := rand.New(rand.NewPCG(7692, 1951))
	kinds := []string{"bid", "ask", "trade", "cancel"}
	b := []byte(`{"channel":"orders","events":[`)
	for len(b) < n {
		b = fmt.Appendf(b, `{"id":%d,"kind":%q,"price":%d.%02d,"size":%d,"user":"%x","live":%t},`, r.IntN(1e9),
			kinds[r.IntN(4)], r.IntN(1000), r.IntN(100), r.IntN(50), r.Uint32(), r.IntN(2) == 0)
	}
	return b[:n]
}

// inflateDrain inflates a message as a driver does and returns how long it is.
func inflateDrain(b *testing.B, d *Decoder, w *Window, src []byte) (n int) {
	d.Begin(w)
	for more := true; more; {
		out, rest, err := d.Next(src)
		if err != nil {
			b.Fatal(err)
		}
		more = len(out) > 0 || len(rest) > 0
		n, src = n+len(out), rest
	}
	for {
		out, done, err := d.End()
		if err != nil {
			b.Fatal(err)
		}
		if n += len(out); done {
			return n
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, c := range inflateTasks() {
		b.Run(c.name, func(b *testing.B) {
			payloads, _ := c.payloads(b)
			d := NewDecoder()
			var w *Window
			b.SetBytes(int64(len(c.messages[0])))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i == 0 || !c.takeover {
					w = d.Fresh(15)
				}
				if inflateDrain(b, d, w, payloads[i]) != len(c.messages[i]) {
					b.Fatal("message of another length")
				}
				i = (i + 1) % len(payloads)
			}
		})
		b.Run(c.name+"/compress-flate", func(b *testing.B) {
			payloads, before := c.payloads(b)
			for i, p := range payloads {
				payloads[i] = append(p, "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
			}
			r, src := flate.NewReader(nil), bytes.NewReader(nil)
			b.SetBytes(int64(len(c.messages[0])))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				src.Reset(payloads[i])
				r.(flate.Resetter).Reset(src, before[i])
				if n, err := io.Copy(io.Discard, r); err != nil || int(n) != len(c.messages[i]) {
					b.Fatal(n, err)
				}
				i = (i + 1) % len(payloads)
			}
		})
	}
}

// BenchmarkInflateFlood measures what blocks cost that hold nothing but their
// codes: the most work for the fewest bytes that a peer can send.
func BenchmarkInflateFlood(b *testing.B) {
	for _, c := range inflateFloods() {
		flood := bytes.Repeat(c.blocks, 64<<10/len(c.blocks))
		blocks := len(flood) / len(c.blocks) * c.n
		b.Run(c.name, func(b *testing.B) {
			d := NewDecoder()
			b.SetBytes(int64(len(flood)))
			for b.Loop() {
				d.Begin(d.Fresh(15))
				_, _, err := d.Next(flood)
				assert.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*blocks), "ns/block")
		})
		b.Run(c.name+"/compress-flate", func(b *testing.B) {
			r, src := flate.NewReader(nil), bytes.NewReader(nil)
			b.SetBytes(int64(len(flood)))
			for b.Loop() {
				src.Reset(flood)
				r.(flate.Resetter).Reset(src, nil)
				_, err := io.Copy(io.Discard, r)
				assert.ErrorIs(b, err, io.ErrUnexpectedEOF)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*blocks), "ns/block")
		})
	}
}

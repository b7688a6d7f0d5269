package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"testing"
)

// A compressTask is a kind of message that is compressed again and again.
type compressTask struct {
	name     string
	messages [][]byte
}

func compressTasks() []compressTask {
	c := newCorpus(7)
	task := func(name string, n int, one func(int) []byte) compressTask {
		return compressTask{fmt.Sprintf("%s/%d", name, n), messages(n, one)}
	}
	return []compressTask{
		task("json", 64, c.json), task("json", 256, c.json), task("json", 1<<10, c.json), task("json", 4<<10, c.json),
		task("json", 16<<10, c.json), task("json", 64<<10, c.json),
		task("again", 1<<10, c.again()),
		task("text", 1<<10, c.text), task("text", 16<<10, c.text),
		task("random", 1<<10, c.random), task("random", 16<<10, c.random),
	}
}

// run compresses the messages in turn and reports how large the result is in
// relation to them.
func (c compressTask) run(b *testing.B, compress func(dst, p []byte) []byte) {
	var dst []byte
	in, out := 0, 0
	for _, p := range c.messages {
		dst = compress(dst[:0], p)
		in += len(p)
		out += len(dst)
	}
	b.SetBytes(int64(in / len(c.messages)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		dst = compress(dst[:0], c.messages[i%len(c.messages)])
	}
	b.ReportMetric(float64(out)/float64(in), "ratio")
}

// BenchmarkCompress compresses messages without (fresh) and with context
// takeover, for windows of some sizes, and for comparison with compress/flate at
// level 1, whose window is 15 bits.
func BenchmarkCompress(b *testing.B) {
	for _, c := range compressTasks() {
		for _, bits := range []uint8{9, 13, 14, 15} {
			for i, name := range []string{"fresh", "takeover"} {
				takeover := i == 1
				b.Run(fmt.Sprintf("%s/%s/%d", c.name, name, bits), func(b *testing.B) {
					e := NewEncoder()
					history := e.history(bits, takeover)
					c.run(b, func(dst, p []byte) []byte { return e.Append(dst, history(), p, true) })
				})
			}
		}
		for i, name := range []string{"fresh", "takeover"} {
			takeover := i == 1
			b.Run(fmt.Sprintf("%s/%s/flate-1", c.name, name), func(b *testing.B) {
				var out bytes.Buffer
				z, _ := flate.NewWriter(&out, 1)
				c.run(b, func(dst, p []byte) []byte {
					out.Reset()
					if !takeover {
						z.Reset(&out)
					}
					z.Write(p)
					z.Flush()
					return append(dst, bytes.TrimSuffix(out.Bytes(), flushTail)...)
				})
			})
		}
	}
}

// BenchmarkCompressSmaller compresses what does not compress, with and without
// looking first.
func BenchmarkCompressSmaller(b *testing.B) {
	c := compressTask{"random", messages(16<<10, newCorpus(7).random)}
	e, h := NewEncoder(), NewHistory(13)
	b.Run("Append", func(b *testing.B) {
		c.run(b, func(dst, p []byte) []byte { return e.Append(dst, h, p, true) })
	})
	b.Run("AppendSmaller", func(b *testing.B) {
		c.run(b, func(dst, p []byte) []byte {
			dst, _ = e.AppendSmaller(dst, h, p, true)
			return dst
		})
	})
}

// BenchmarkLearn takes messages that were compressed elsewhere.
func BenchmarkLearn(b *testing.B) {
	for _, n := range []int{64, 1 << 10, 16 << 10} {
		list := messages(n, newCorpus(7).json)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			h := NewHistory(13)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.Learn(list[i%len(list)])
			}
		})
	}
}

package main

import (
	"bytes"
	"compress/flate"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

// TestCorpora shows that messages are the same in each run, of the size that they
// are called by, and compressible as much as such data is.
func TestCorpora(t *testing.T) {
	sizes := map[string][2]int{ // least and most bytes
		"chat 200 B": {150, 250}, "market 1 KiB": {800, 1200}, "text 16 KiB": {16 << 10, 16 << 10}, "random 1 KiB": {1 << 10, 1 << 10},
	}
	ratios := map[string][2]float64{ // least and most, each message by itself
		"chat 200 B": {0.5, 0.9}, "market 1 KiB": {0.3, 0.55}, "text 16 KiB": {0.25, 0.5}, "random 1 KiB": {1, 1.1},
	}
	again := makeCorpora()
	pack, err := flate.NewWriter(nil, flate.DefaultCompression)
	assert.NoError(t, err)
	for i, c := range corpora() {
		t.Run(c.name, func(t *testing.T) {
			seen := make(map[string]bool)
			sum, packed := 0, 0
			for j, m := range c.messages {
				assert.True(t, bytes.Equal(m, again[i].messages[j]), "a message changes from run to run")
				assert.True(t, sizes[c.name][0] <= len(m) && len(m) <= sizes[c.name][1], "not of the size that the name says")
				assert.True(t, c.kind == websocket.Binary || utf8.Valid(m), "not UTF-8")
				assert.True(t, !seen[string(m)], "a message comes twice")
				seen[string(m)] = true
				sum += len(m)
				packed += size(t, pack, m)
			}
			ratio := float64(packed) / float64(sum)
			assert.True(t, ratios[c.name][0] <= ratio && ratio <= ratios[c.name][1], "another ratio than such data has")
		})
	}
}

// size returns the length of a message compressed by itself.
func size(t *testing.T, w *flate.Writer, m []byte) int {
	var b bytes.Buffer
	w.Reset(&b)
	_, err := w.Write(m)
	assert.NoError(t, err)
	assert.NoError(t, w.Flush())
	return b.Len()
}

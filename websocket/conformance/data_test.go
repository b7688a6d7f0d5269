package conformance

import (
	"bytes"
	"compress/flate"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
)

// shrinks returns the size of s, compressed, in hundredths of its own.
func shrinks(t *testing.T, s string) int {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	assert.NoError(t, err)
	_, err = w.Write([]byte(s))
	assert.NoError(t, err)
	assert.NoError(t, w.Close())
	return b.Len() * 100 / len(s)
}

func TestDataSets(t *testing.T) {
	// What each compresses to, in hundredths.
	bounds := map[string][2]int{
		"JSON": {15, 60}, "English": {20, 60}, "many scripts": {10, 40}, "a bitmap": {1, 20}, "noise": {100, 101},
	}
	for _, d := range dataSets {
		t.Run(d.name, func(t *testing.T) {
			ratio, bound := shrinks(t, d.message(0, 100_000)), bounds[d.name]
			assert.True(t, bound[0] <= ratio && ratio <= bound[1], "compresses to "+itoa(ratio)+"%")
			for _, n := range []int{0, 1, 2, 3, 5, 16, 125, 126, 1000, 65536, dataLength, 1 << 20} {
				rounds := 20
				if raced && n >= dataLength {
					rounds = 2
				}
				for i := range rounds {
					m := d.message(i, n)
					assert.Equal(t, len(m), n)
					assert.True(t, d.kind != Text || utf8.ValidString(m), "text is not UTF-8")
				}
			}
			assert.True(t, d.message(1, 1000) != d.message(2, 1000), "two messages are the same")
			assert.Equal(t, d.message(3, 4000), d.message(3, 4000))
		})
	}
	scripts := dataSets[2].message(0, 10_000)
	for n := 1; n <= 4; n++ {
		found := false
		for _, c := range scripts {
			found = found || utf8.RuneLen(c) == n
		}
		assert.True(t, found, "no code point of "+itoa(n)+" bytes")
	}
}

package chaos

import (
	"bufio"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/duplexhq/duplex/internal/assert"
)

// An event that was cut counts for nothing, its id neither.
func TestEventReader(t *testing.T) {
	const stream = "retry: 700\n\nid: 1\n\n:\n\nid: 2\ndata: a\ndata: b\n\nid: 3\nevent: gap\ndata: {}\n\nid: 4\ndata: c\n"
	r := &eventReader{lines: bufio.NewReader(iotest.OneByteReader(strings.NewReader(stream))), id: "0", last: "0"}
	for _, want := range [][3]string{{"", "", "1"}, {"", "a\nb", "2"}, {"gap", "{}", "3"}} {
		kind, data, err := r.next()
		assert.NoError(t, err)
		assert.Equal(t, [3]string{kind, data, r.last}, want)
	}
	_, _, err := r.next()
	assert.True(t, isEOF(err), "there is no whole event any more")
	assert.Equal(t, r.last, "3")
}

// What is read has no ends of lines, and an ID only if the stream has it.
func FuzzEventReader(f *testing.F) {
	f.Add("id: 2\ndata: a\ndata: b\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		r := &eventReader{lines: bufio.NewReader(strings.NewReader(stream))}
		for {
			kind, data, err := r.next()
			if err != nil {
				return
			}
			assert.True(t, !strings.Contains(kind+r.last, "\n"), "an end of line in a field")
			assert.Contains(t, stream, r.last)
			for line := range strings.SplitSeq(data, "\n") {
				assert.Contains(t, stream, line)
			}
		}
	})
}

package cli

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestParseLine(t *testing.T) {
	text := func(s string) order { return order{verb: send, data: []byte(s)} }
	bin := func(s string) order { return order{verb: send, binary: true, data: []byte(s)} }
	for _, c := range []struct {
		in   string
		want order
		says string // if it is refused
	}{
		{in: "", want: text("")},
		{in: "hello", want: text("hello")},
		{in: " /ping", want: text(" /ping")},
		{in: "//ping", want: text("/ping")},
		{in: "//", want: text("/")},
		{in: "///", want: text("//")},
		{in: "/ping", want: order{verb: ping}},
		{in: "/help", want: order{verb: help}},
		{in: "/?", want: order{verb: help}},
		{in: "/binary 68656c6c6f", want: bin("hello")},
		{in: "/binary 68 65 6C 6c6F ", want: bin("hello")},
		{in: "/binary", want: bin("")},
		{in: "/close", want: order{verb: hangUp, code: 1000}},
		{in: "/close 4001", want: order{verb: hangUp, code: 4001}},
		{in: "/close 1000 good  bye ", want: order{verb: hangUp, code: 1000, reason: "good  bye"}},
		{in: "/", says: "there is no command /"},
		{in: "/nope x", says: "there is no command /nope: see /help, or send it as a message with //nope"},
		{in: "/pingx", says: "there is no command /pingx"},
		{in: "/binary 6", says: "pairs of hexadecimal digits"},
		{in: "/binary xy", says: "pairs of hexadecimal digits"},
		{in: "/close bye", says: "/close wants a number"},
		{in: "/close -1", says: "/close wants a number"},
		{in: "/close 65536", says: "/close wants a number"},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := parseLine([]byte(c.in), true, false)
			if c.says != "" {
				assert.True(t, err != nil, "it was understood")
				assert.Contains(t, err.Error(), c.says)
				return
			}
			assert.NoError(t, err)
			assert.Equal(t, got, c.want)
		})
	}
}

// Without commands a line is sent as it is; with them, whatever is not one, and
// every line can be sent by writing one more slash before it.
func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"", "hello", "/", "//", "/ping", "/binary 00", "/close 1000 bye", "/close \x1b", "/\xff"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, line []byte, binary bool) {
		plain, err := parseLine(line, false, binary)
		assert.NoError(t, err)
		assert.Equal(t, plain, order{verb: send, binary: binary, data: line})

		got, err := parseLine(line, true, binary)
		if !bytes.HasPrefix(line, []byte("/")) {
			assert.NoError(t, err)
			assert.Equal(t, got, plain)
			return
		}
		got, err = parseLine(append([]byte("/"), line...), true, binary)
		assert.NoError(t, err)
		assert.Equal(t, got, plain)
	})
}

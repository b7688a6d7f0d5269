package chaos

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestPayload(t *testing.T) {
	for _, size := range []int{0, 1, 60, 4096} {
		p := payload("ann@t", 17, size)
		assert.True(t, len(p) >= size, "too short")
		name, seq, ok := parsePayload(p)
		assert.True(t, ok && name == "ann@t" && seq == 17, string(p))
		quoted, err := json.Marshal(string(p))
		assert.NoError(t, err)
		name, seq, ok = parsePayload(quoted)
		assert.True(t, ok && name == "ann@t" && seq == 17, string(quoted))
	}
}

// Whatever is not quite what was sent is noticed.
func FuzzPayload(f *testing.F) {
	f.Add("ann@t", uint32(17), 100, 20, byte('x'))
	f.Add("b", uint32(0), 0, 3, byte('"'))
	f.Fuzz(func(t *testing.T, name string, seq uint32, size, at int, b byte) {
		if name == "" || bytes.ContainsAny([]byte(name), ` "`) || size < 0 || size > 1<<16 || at < 0 {
			return
		}
		p := payload(name, seq, size)
		got, n, ok := parsePayload(p)
		assert.True(t, ok && got == name && n == seq, "what was sent is not known again")

		_, _, ok = parsePayload(p[:min(at, len(p)-1)])
		assert.True(t, !ok, "a part of it passes for the whole")
		changed := bytes.Clone(p)
		changed[at%len(p)] = b
		got, n, ok = parsePayload(changed)
		assert.True(t, !ok || bytes.Equal(changed, p) || got != name || n != seq, "a change goes unnoticed")
	})
}

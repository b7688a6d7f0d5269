package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// nested returns JSON of a depth.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestCheckDepth(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"as deep as it may be", nested(MaxDepth), true},
		{"deeper", nested(MaxDepth + 1), false},
		{"deeper, of objects", strings.Repeat(`{"":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1), false},
		{"wide", "[" + strings.Repeat("[],{},", 10*MaxDepth) + "1]", true},
		{"in strings", `["` + strings.Repeat(`[{\"`, 10*MaxDepth) + `",` + nested(MaxDepth-1) + `]`, true},
		{"behind a string", `["\\",` + nested(MaxDepth) + `]`, false},
		{"a number", "1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckDepth([]byte(c.in))
			assert.Equal(t, err == nil, c.ok)
			assert.True(t, c.ok || strings.Contains(err.Error(), fmt.Sprint(MaxDepth)), "it does not say how deep")
		})
	}
}

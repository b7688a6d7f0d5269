package chaos

import (
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestCursor(t *testing.T) {
	c, err := ParseCursor("dkgsyhuh.4.mwxpt820")
	assert.NoError(t, err)
	assert.Equal(t, c, Cursor{Epoch: 1063285877465, Offset: 4, Time: 1795707382536})
	for _, text := range []string{"", "1", "1.2", "1.2.3.4", "1.2.x!", "-1.2.3", "01.2.3", "A.2.3", "0.0.0"} {
		_, err := ParseCursor(text)
		assert.True(t, err != nil, "read "+text)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("dkgsyhuh.4.mwxpt820")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseCursor(text); err == nil {
			assert.Equal(t, c.String(), text)
		}
	})
}

func TestMatch(t *testing.T) {
	for filter, want := range map[string][4]bool{
		"a":   {true, false, false, false},
		"a.b": {false, true, false, false},
		"*":   {true, false, false, true},
		"a.*": {false, true, false, false},
		"*.b": {false, true, false, false},
		"a.>": {false, true, true, false},
		">":   {true, true, true, true},
		"*.>": {false, true, true, false},
		"b":   {false, false, false, true},
	} {
		var got [4]bool
		for i, topic := range []string{"a", "a.b", "a.b.c", "b"} {
			got[i] = match(filter, topic)
		}
		assert.Equal(t, fmt.Sprint(filter, got), fmt.Sprint(filter, want))
	}
}

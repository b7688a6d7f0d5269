package hub_test

import (
	"math"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestCursorString(t *testing.T) {
	for _, c := range []struct {
		at   hub.Cursor
		want string
	}{
		{hub.Cursor{}, ""},
		{hub.Cursor{Epoch: 1}, "1.0.0"},
		{hub.Cursor{Epoch: 35, Offset: 36, Time: 37}, "z.10.11"},
		{hub.Cursor{Epoch: math.MaxUint64, Offset: math.MaxUint64, Time: math.MaxInt64}, "3w5e11264sgsf.3w5e11264sgsf.1y2p0ij32e8e7"},
	} {
		t.Run(c.want, func(t *testing.T) {
			assert.Equal(t, c.at.String(), c.want)
			assert.True(t, len(c.want) <= hub.MaxCursorLen, "it is too long")
			if c.want == "" {
				return
			}
			again, err := hub.ParseCursor(c.want)
			assert.NoError(t, err)
			assert.Equal(t, again, c.at)
		})
	}
}

func TestBadCursors(t *testing.T) {
	for _, s := range []string{
		"", "1", "1.2", "1.2.3.4", ".2.3", "1..3", "1.2.", "A.2.3", "01.2.3", "1.02.3", "1.2.-3", "+1.2.3", " 1.2.3",
		"0.0.0", "3w5e11264sgsg.1.1", "1.1.1y2p0ij32e8e8", "1.2.3\x00", "1_0.2.3", "ä.2.3",
	} {
		t.Run(s, func(t *testing.T) {
			_, err := hub.ParseCursor(s)
			assert.ErrorIs(t, err, hub.ErrBadCursor)
		})
	}
}

// A position has one string: what can be parsed is written the same again.
func FuzzParseCursor(f *testing.F) {
	f.Add("3k9df0ak.2s4.mie4x8zq")
	f.Add("1.0.0")
	f.Add("z.z.z.z")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := hub.ParseCursor(s)
		if err != nil {
			assert.Equal(t, c, hub.Cursor{})
			return
		}
		assert.Equal(t, c.String(), s)
		assert.Equal(t, c.When().UnixMilli(), c.Time)
		assert.True(t, !c.IsZero() && len(s) <= hub.MaxCursorLen, "this is no cursor")
	})
}

package cli

import (
	"math"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestByteCount(t *testing.T) {
	for _, c := range []struct {
		in   string
		want byteCount
		says string // if it is refused
	}{
		{in: "1", want: 1},
		{in: "4096", want: 4096},
		{in: "10B", want: 10},
		{in: "1KiB", want: 1 << 10},
		{in: "1MiB", want: 1 << 20},
		{in: " 2 mib ", want: 2 << 20},
		{in: "3GiB", want: 3 << 30},
		{in: "500kB", want: 500_000},
		{in: "2MB", want: 2_000_000},
		{in: "1gb", want: 1_000_000_000},
		{in: "9223372036854775807", want: math.MaxInt64},
		{in: "", says: "is not a size"},
		{in: "MiB", says: "is not a size"},
		{in: "1M", says: "write for example 1MiB"},
		{in: "1.5MiB", says: "is not a size"},
		{in: "-1", says: "is not a size"},
		{in: "1 MiB more", says: "is not a size"},
		{in: "0", says: "it must be more than 0"},
		{in: "0MiB", says: "it must be more than 0"},
		{in: "9223372036854775808", says: "is not a size"},
		{in: "8589934592GiB", says: "too large"},
	} {
		var n byteCount
		err := n.UnmarshalText([]byte(c.in))
		if c.says != "" {
			assert.True(t, err != nil, c.in+" is taken for a size")
			assert.Contains(t, err.Error(), c.says)
			continue
		}
		assert.NoError(t, err)
		assert.Equal(t, n, c.want)
	}
}

func TestByteCountString(t *testing.T) {
	for n, want := range map[byteCount]string{
		1: "1", 1000: "1000", 1024: "1KiB", 1 << 20: "1MiB", 3 << 30: "3GiB", 1<<20 + 1: "1048577", 1536: "1536",
	} {
		assert.Equal(t, n.String(), want)
	}
}

// What is taken for a size is more than 0, and can be written and read again.
func FuzzByteCount(f *testing.F) {
	for _, s := range []string{"1MiB", "500kB", "0", "", "99999999999GiB", "7 b", "٣MiB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var n, again byteCount
		if n.UnmarshalText([]byte(s)) != nil {
			return
		}
		assert.True(t, n > 0, "a size that is not more than 0")
		assert.NoError(t, again.UnmarshalText([]byte(n.String())))
		assert.Equal(t, again, n)
	})
}

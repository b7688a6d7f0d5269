package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteCount is a number of bytes that is written with a unit: 1MiB, 64KiB, 500kB,
// or 4096 without one.
type byteCount int64

// units are those of byteCount, in lower case. K, M and G alone are left out, for
// they mean 1000 to some and 1024 to others.
var units = map[string]int64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}

// UnmarshalText reads the form that String writes and the others.
func (n *byteCount) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	digits := len(s)
	if i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = i
	}
	count, err := strconv.ParseInt(s[:digits], 10, 64)
	unit, known := units[strings.ToLower(strings.TrimSpace(s[digits:]))]
	switch {
	case err != nil || !known:
		return fmt.Errorf("%q is not a size: write for example 1MiB, 64KiB or 500kB", text)
	case count == 0:
		return fmt.Errorf("%q is not a size: it must be more than 0", text)
	case count > math.MaxInt64/unit:
		return fmt.Errorf("%q is too large", text)
	}
	*n = byteCount(count * unit)
	return nil
}

// String returns the size with the largest unit that divides it.
func (n byteCount) String() string {
	for _, u := range []string{"GiB", "MiB", "KiB"} {
		if size := byteCount(units[strings.ToLower(u)]); n%size == 0 && n > 0 {
			return fmt.Sprintf("%d%s", n/size, u)
		}
	}
	return strconv.FormatInt(int64(n), 10)
}

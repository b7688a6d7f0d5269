package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/duplexhq/duplex/server/load/plot"
)

// count returns n with its thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rounded returns a number without the digits that mean nothing.
func rounded(v float64) string {
	switch {
	case v <= 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return "0"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return count(int64(math.Round(v)))
	}
}

// plural returns a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + plurals(noun)
}

// plurals returns more than one of a noun.
func plurals(noun string) string {
	if noun == "delivery" {
		return "deliveries"
	}
	return noun + "s"
}

// memory returns a number of bytes with a binary unit.
func memory(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for i < len(units)-1 && math.Abs(n) >= 1023.5 {
		n /= 1024
		i++
	}
	switch {
	case i == 0 || math.Abs(n) >= 99.95:
		return fmt.Sprintf("%.0f %s", n, units[i])
	case math.Abs(n) >= 9.995:
		return fmt.Sprintf("%.1f %s", n, units[i])
	default:
		return fmt.Sprintf("%.2f %s", n, units[i])
	}
}

// size returns a number of bytes exactly, as byteCount writes it.
func size(n byteCount) string {
	s := n.String()
	if unit := strings.TrimLeft(s, "0123456789"); unit != "" {
		return strings.TrimSuffix(s, unit) + " " + unit
	}
	return s + " B"
}

// nanoseconds returns a time, "-" for none.
func nanoseconds(ns float64) string {
	if ns <= 0 {
		return "-"
	}
	return plot.Duration(int64(ns))
}

// share returns part of whole, in percent.
func share(part, whole time.Duration) string {
	if whole <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*part.Seconds()/whole.Seconds())
}

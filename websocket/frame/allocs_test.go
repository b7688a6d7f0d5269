//go:build !race

package frame

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// Neither do the functions allocate, nor do they make their callers, whose
// arrays stay on the stack.
func TestNoAllocations(t *testing.T) {
	eachCode(func(code string) {
		for _, n := range []int{16, 125, 1024} {
			allocs := testing.AllocsPerRun(100, func() {
				var src, dst [1024]byte
				MaskCopy(dst[:n], src[:n], Mask(src[:n], 1))
				var v UTF8
				v.Write(src[:n])
				ValidUTF8(dst[:n])
			})
			assert.Equal(t, allocs, 0)
		}
	})
}

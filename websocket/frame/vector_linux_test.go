//go:build amd64 && !purego

package frame

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// The kernel asks the CPU the same questions.
func TestHasVectorAsTheKernelSays(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	assert.NoError(t, err)
	assert.Equal(t, hasVector(), slices.Contains(strings.Fields(string(info)), "avx2"))
}

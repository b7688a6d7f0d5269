package wstest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftGoroutines(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks if more than this goroutine runs, after
// giving the others 2 seconds to end.
func leftGoroutines() string {
	for range 200 {
		if runtime.NumGoroutine() == 1 {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	return string(bytes.TrimSpace(stacks[:runtime.Stack(stacks, true)]))
}

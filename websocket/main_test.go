package websocket_test

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
// giving the others 10 seconds to end: a connection that has ended may say
// goodbye for 5.
func leftGoroutines() string {
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		if runtime.NumGoroutine() == 1 {
			return ""
		}
	}
	stacks := make([]byte, 1<<20)
	return string(bytes.TrimSpace(stacks[:runtime.Stack(stacks, true)]))
}

package assert

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// goodbye is how long a goroutine may outlive the tests: a connection that has
// ended may linger for 5 seconds.
const goodbye = 10 * time.Second

// RunWithoutLeaks runs the tests of a package, for its TestMain, then cleanup, and
// ends the program. It fails if more goroutines are left than there were before.
func RunWithoutLeaks(m *testing.M, cleanup ...func()) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for _, f := range cleanup {
		f()
	}
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // fuzzing has goroutines of its own, which do not end
	}
	if left := leftGoroutines(before); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks if more goroutines run than before, after
// giving them time to end.
func leftGoroutines(before int) string {
	for start := time.Now(); time.Since(start) < goodbye; time.Sleep(5 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return ""
		}
	}
	stacks := make([]byte, 1<<20)
	return string(bytes.TrimSpace(stacks[:runtime.Stack(stacks, true)]))
}

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long to wait for what takes moments. Only a test that fails
// takes that long, and only on a machine that is overloaded it is needed.
const patience = 2 * time.Minute

// scratch is a directory for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "duplex-e2e"); err != nil {
		panic(err)
	}
	// Tests that run side by side mostly wait: for time to pass, for processes and browsers.
	if err = flag.Set("test.parallel", strconv.Itoa(max(4, runtime.NumCPU()))); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(scratch)
	if left := leftBehind(); status == 0 && len(left) > 0 {
		fmt.Fprintln(os.Stderr, "processes were left behind:", strings.Join(left, ", "))
		status = 1
	}
	os.Exit(status)
}

// leftBehind returns the processes that the tests started and did not end, if
// they do not end by themselves. It knows only where Linux tells.
func leftBehind() (names []string) {
	waitUntil(func() bool {
		names = names[:0]
		lists, _ := filepath.Glob("/proc/self/task/*/children")
		for _, list := range lists {
			children, _ := os.ReadFile(list)
			for pid := range strings.FieldsSeq(string(children)) {
				name, _ := os.ReadFile("/proc/" + pid + "/comm")
				names = append(names, strings.TrimSpace(string(name))+" "+pid)
			}
		}
		return len(names) == 0
	})
	slices.Sort(names)
	return names
}

// missing ends a test that needs something that is not on the machine: where CI
// is set everything has to be there, elsewhere the log says what was not checked.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip("NOT CHECKED: " + what)
}

// waitUntil looks again and again until condition holds, and tells whether it did
// so in time.
func waitUntil(condition func() bool) bool {
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			return condition()
		}
	}
	return true
}

// waitFor ends the test unless condition holds in time. what completes the
// sentence "waited for".
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !waitUntil(condition) {
		t.Fatalf("waited %v in vain for %s", patience, what)
	}
}

// receive returns the next value of c, which has to come in time.
func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v in vain for %s", patience, what)
		panic("not reached")
	}
}

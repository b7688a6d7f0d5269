//go:build !js

package browser_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/duplexhq/duplex/websocket/browser/browsertest"
)

var server *httptest.Server

func serverURL() string { return server.URL }

// TestMain starts the server of the contract, and fails the run if a test leaves a
// goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	server = httptest.NewServer(browsertest.Handler())
	code := m.Run()
	server.Close()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // starts goroutines of its own
	if left := leftGoroutines(before); code == 0 && left != "" && !fuzzing {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines returns the stacks if more goroutines run than before, after
// giving the others 5 seconds to end.
func leftGoroutines(before int) string {
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	return string(bytes.TrimSpace(stacks[:runtime.Stack(stacks, true)]))
}

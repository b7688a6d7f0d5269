package cli

import (
	"fmt"
	"os"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// canSeeProcesses tells whether the processor time of processes can be read here.
const canSeeProcesses = true

// TestBenchOfAProcess measures the server, which is this process here.
func TestBenchOfAProcess(t *testing.T) {
	at := startServer(t) + "/echo"
	pid := fmt.Sprintf(" --pid %d", os.Getpid())
	got := runBench(at + pid + brief)
	assert.Contains(t, got.out, "server CPU a message")
	assert.Contains(t, got.out, "server memory")
	got = runBench(at + " -x idle -c 300 --sources 2" + pid + " --vs " + at + " --vs-pid 1 -d 10ms -q")
	assert.Contains(t, got.out, "server memory when open")
	assert.Contains(t, got.out, "bytes a connection")
}

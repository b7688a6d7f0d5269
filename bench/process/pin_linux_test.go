package process_test

import (
	"os"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/peers"
	"github.com/duplexhq/duplex/bench/process"
	"github.com/duplexhq/duplex/internal/assert"
)

// allowed returns the processors on which a process may run.
func allowed(t *testing.T, pid string) string {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	assert.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// TestProcessor shows that a server starts on its processor, and that this
// process is not moved along.
func TestProcessor(t *testing.T) {
	before := allowed(t, "self")
	p := start(t, "duplex-conn", peers.Options{}, 0)
	assert.Equal(t, allowed(t, process.PID(p)), "0")
	assert.Equal(t, allowed(t, "self"), before)
	echo(t, p, []byte("hi"), 1)
}

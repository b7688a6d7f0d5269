package load

import (
	"os"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// loopbacks is how many addresses of 127.0.0.0/8 can be used without being set up.
const loopbacks = 254

func TestProcesses(t *testing.T) {
	p := Processes{os.Getpid()}
	assert.NoError(t, p.Check())
	before, own := p.CPU(), ownCPU()
	b := make([]byte, 8<<20)
	for p.CPU()-before < 10*time.Millisecond {
		for i := range b {
			b[i]++
		}
	}
	assert.True(t, ownCPU() > own, "this process has used nothing")
	assert.True(t, p.Memory() > int64(len(b)), "it takes less than it has touched")
	assert.Contains(t, Processes{1 << 30}.Check().Error(), "there is no such process")
	assert.Equal(t, Processes{1 << 30}.CPU(), 0)
}

// TestResultHasUsage measures the server, which is this process here.
func TestResultHasUsage(t *testing.T) {
	s := openTarget(t, &Target{URL: serve(t, echoing), Processes: Processes{os.Getpid()}}, 2)
	assert.True(t, s.Opening().CPU > 0 && s.Opening().Memory > 0, "the handshakes cost nothing")
	r, err := s.Echo(t.Context(), &Echo{Each: 200})
	assert.NoError(t, err)
	assert.True(t, r.CPUPerMessage() > 0 && r.OwnCPUPerMessage() > 0 && r.Memory > 0 && r.MemoryBefore > 0, "the messages cost nothing")
}

package cli

import (
	"os"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestServeRestored(t *testing.T) {
	b := run(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--restored")
	b.err.until(`"a new epoch has begun, as the data were put back from a copy`)
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 0)

	r := command("", "serve", "--listen", "127.0.0.1:0", "--restored")
	assert.True(t, r.status != 0, "nothing is restored without a directory")
	assert.Contains(t, r.err, "--restored is about the directory of --data, and there is none: give it, or leave --restored out")
}

package bench_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench"
	"github.com/duplexhq/duplex/internal/assert"
)

// pins are the versions that tables and claims are about. A newer one is a
// decision: measure again and write the documents anew.
var pins = map[string]string{
	"github.com/coder/websocket":    "v1.8.15",
	"github.com/fasthttp/websocket": "v1.5.12",
	"github.com/gobwas/ws":          "v1.5.0",
	"github.com/gorilla/websocket":  "v1.5.3",
	"github.com/klauspost/compress": "v1.17.11", // what fasthttp asks for; gws would do with an older one
	"github.com/lesismal/nbio":      "v1.6.12",
	"github.com/lxzan/gws":          "v1.9.1",
	"github.com/valyala/fasthttp":   "v1.58.0",
	"golang.org/x/net":              "v0.62.0",
}

func TestVersion(t *testing.T) {
	for module, version := range pins {
		assert.Equal(t, bench.Version(module), version)
	}
	assert.Equal(t, bench.Version("github.com/gobwas"), "")
	assert.Equal(t, bench.Version("github.com/duplexhq/duplex"), "")
}

// TestBuiltVersion shows that the rest of the workspace does not raise a version.
func TestBuiltVersion(t *testing.T) {
	for module, version := range pins {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module).Output()
		assert.NoError(t, err)
		assert.Equal(t, strings.TrimSpace(string(out)), version)
	}
}

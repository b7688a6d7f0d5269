package bun_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/bench/bun"
	"github.com/duplexhq/duplex/internal/assert"
)

// TestFolder finds this folder from wherever commands and tests are run.
func TestFolder(t *testing.T) {
	here, err := os.Getwd()
	assert.NoError(t, err)
	for _, from := range []string{".", "..", "../..", "../cmd/matrix"} {
		t.Chdir(filepath.Join(here, from))
		dir, err := bun.Folder()
		assert.NoError(t, err)
		assert.Equal(t, dir, here)
		assert.Equal(t, bun.Version(), "1.4.5")
	}
	t.Chdir(t.TempDir())
	_, err = bun.Folder()
	assert.Contains(t, err.Error(), "bench/bun is not here")
	assert.Equal(t, bun.Version(), "")
	_, err = bun.Command(t.Context(), bun.Options{})
	assert.Contains(t, err.Error(), "bench/bun is not here")
}

// TestNotInstalled shows what is said then, in a folder like this one.
func TestNotInstalled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bench", "bun")
	assert.NoError(t, os.MkdirAll(dir, 0o755))
	assert.NoError(t, os.WriteFile(filepath.Join(dir, "server.js"), nil, 0o600))
	t.Chdir(dir)
	_, err := bun.Command(t.Context(), bun.Options{})
	assert.Contains(t, err.Error(), "npm ci")
}

// TestScript holds server.js against the names of Options: JSON is all there is
// between the two.
func TestScript(t *testing.T) {
	script, err := os.ReadFile("server.js")
	assert.NoError(t, err)
	for _, name := range []string{"listen", "compression", "maxMessage", "control", "cert", "key"} {
		assert.True(t, strings.Contains(string(script), "o."+name), "server.js does not look at "+name)
	}
}

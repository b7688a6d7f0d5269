package app_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
)

// A directory that is put back from a copy is a gap for those who are ahead of it, for good, if
// the server is told.
func TestRestored(t *testing.T) {
	data, backup := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "copy")
	a, stop := start(t, app.Config{Data: data})
	post(t, a, "a", "one")
	assert.NoError(t, stop())
	assert.NoError(t, os.CopyFS(backup, os.DirFS(data)))

	a, stop = start(t, app.Config{Data: data})
	lost := post(t, a, "a", "lost")
	assert.NoError(t, stop())

	var log journal
	a, stop = start(t, app.Config{Data: backup, Restored: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		post(t, a, "a", "again")
	}
	_, body := get(t, a.URL()+"/t/a?after="+lost)
	assert.Contains(t, body, `"gap":true`)
	assert.Contains(t, body, `"text":"one"`)
	assert.NoError(t, stop())
	assert.Contains(t, log.String(), "a new epoch has begun")

	err := app.New(app.Config{Restored: true, Listen: "127.0.0.1:0"}).Listen()
	assert.True(t, err != nil && strings.Contains(err.Error(), "without a directory"), "there is nothing that was restored")
}

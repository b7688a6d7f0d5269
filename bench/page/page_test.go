package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/duplexhq/duplex/bench/page"
	"github.com/duplexhq/duplex/internal/assert"
)

const (
	begin = "<!-- written by bench/cmd/x -->"
	end   = "<!-- end of what is written by bench/cmd/x -->"
)

func TestInsert(t *testing.T) {
	for _, text := range []string{"no marks", begin, end + begin, "<!-- written by bench/cmd/y -->" + end} {
		_, err := page.Insert(text, "bench/cmd/x", "new")
		assert.True(t, err != nil, "accepted "+text)
		assert.Contains(t, err.Error(), "lacks the marks")
	}
	got, err := page.Insert("a\n"+begin+"\nold\n"+end+"\nb", "bench/cmd/x", "new\n")
	assert.NoError(t, err)
	assert.Equal(t, got, "a\n"+begin+"\n\nnew\n\n"+end+"\nb")
	again, err := page.Insert(got, "bench/cmd/x", "new\n")
	assert.NoError(t, err)
	assert.Equal(t, again, got)
}

func TestRewrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	assert.True(t, page.Rewrite(name, "bench/cmd/x", "new") != nil, "rewrote a page that is not there")
	assert.NoError(t, os.WriteFile(name, []byte(begin+end), 0o600))
	assert.NoError(t, page.Rewrite(name, "bench/cmd/x", "new"))
	text, err := os.ReadFile(name)
	assert.NoError(t, err)
	assert.Equal(t, string(text), begin+"\n\nnew\n"+end)
}

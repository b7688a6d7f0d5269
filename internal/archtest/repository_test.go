package archtest

import (
	"os"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestRepository checks the real tree against every rule.
func TestRepository(t *testing.T) {
	tree, err := Load(os.DirFS("../.."))
	assert.NoError(t, err)
	assert.True(t, len(tree.Packages) > 1, "found no packages: is this the repository?")
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			broken := rule.Check(tree)
			for _, b := range broken {
				t.Error(b)
			}
			if len(broken) > 0 {
				t.Logf("the reason for this rule: %s", rule.Why)
			}
		})
	}
}

// TestFloorsAreReal finds rows of the table that no longer say anything: two
// rows for one room, or a room that may import itself.
func TestFloorsAreReal(t *testing.T) {
	seen := map[string]bool{}
	for _, fl := range floors {
		assert.True(t, !seen[fl.room], "two rows for "+fl.room)
		assert.True(t, fl.why != "", "no reason for "+fl.room)
		assert.True(t, !withinAny(fl.room, fl.may), fl.room+" stands on itself")
		seen[fl.room] = true
	}
	for _, b := range bans {
		assert.True(t, b.why != "", "a ban without a reason")
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, pattern string
		want          bool
	}{
		{"websocket", "websocket", true},
		{"websocket", "websocket/...", true},
		{"websocket/frame", "websocket/...", true},
		{"websocket/frame", "websocket", false},
		{"websockets", "websocket/...", false},
		{"net/http", "net/...", true},
		{"network", "net/...", false},
	} {
		t.Run(c.path+" in "+c.pattern, func(t *testing.T) {
			assert.Equal(t, within(c.path, c.pattern), c.want)
		})
	}
}

func TestRelative(t *testing.T) {
	for importPath, want := range map[string]string{
		modulePath:                      ".",
		modulePath + "/websocket/frame": "websocket/frame",
		modulePath + "hq":               "",
		"net/http":                      "",
	} {
		dir, ok := relative(importPath)
		assert.Equal(t, ok, want != "")
		if ok {
			assert.Equal(t, dir, want)
		}
	}
}

package web

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The modules of the page that need no document are tested by node, which
// needs no packages for it.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("node is not installed; the scripts of the page were not tested")
		}
		t.Log("NOT CHECKED: node is not installed, the scripts of the page were not tested")
		return
	}
	files, err := filepath.Glob("test/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests found: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
}

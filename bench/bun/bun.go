// Package bun runs the WebSocket server of Bun, a runtime for JavaScript, which is
// a yardstick from outside Go. `npm ci` in this folder installs it, on Linux.
package bun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Name is what commands call it.
const Name = "bun"

// Options say how the server is set up.
type Options struct {
	Listen      string `json:"listen"`      // host:port
	Compression string `json:"compression"` // off, no-takeover or takeover
	MaxMessage  int64  `json:"maxMessage"`  // bytes
	Control     bool   `json:"control"`     // answer commands on standard input and end with it

	// Cert and Key are in PEM. Default: no TLS.
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
}

// architectures are npm's words for those of Go.
var architectures = map[string]string{"amd64": "x64", "arm64": "aarch64"}

// program returns the path of Bun in this folder, which is dir.
func program(dir string) string {
	return filepath.Join(dir, "node_modules", "@oven", "bun-"+runtime.GOOS+"-"+architectures[runtime.GOARCH], "bin", "bun")
}

// Folder returns the path of this folder, which it looks for beside and above the
// working directory.
func Folder() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		for _, sub := range []string{"bun", filepath.Join("bench", "bun")} {
			if _, err := os.Stat(filepath.Join(dir, sub, "server.js")); err == nil {
				return filepath.Join(dir, sub), nil
			}
		}
		above := filepath.Dir(dir)
		if above == dir {
			err = errors.New("the folder bench/bun is not here")
		}
		dir = above
	}
	return "", err
}

// Command returns what runs the server.
func Command(ctx context.Context, o Options) (*exec.Cmd, error) {
	dir, err := Folder()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program(dir)); err != nil {
		return nil, errors.New("Bun is not installed: run `npm ci` in bench/bun, on Linux") //nolint:staticcheck // a name
	}
	arg, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program(dir), filepath.Join(dir, "server.js"), string(arg)), nil
}

// Version returns the version that package.json asks for, "" if that cannot be read.
func Version() string {
	dir, err := Folder()
	if err != nil {
		return ""
	}
	p, err := os.ReadFile(filepath.Join(dir, "package.json"))
	var pkg struct {
		OptionalDependencies map[string]string `json:"optionalDependencies"`
	}
	if err != nil || json.Unmarshal(p, &pkg) != nil {
		return ""
	}
	return pkg.OptionalDependencies["@oven/bun-linux-x64"]
}

// Install installs Bun if it is not there, with npm.
func Install(ctx context.Context) error {
	dir, err := Folder()
	if err != nil {
		return err
	}
	if _, err := os.Stat(program(dir)); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
	}
	if _, err := os.Stat(program(dir)); err != nil {
		return errors.New("npm has no Bun for this system")
	}
	return nil
}

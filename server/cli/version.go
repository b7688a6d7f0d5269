package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCommand is duplex version.
type versionCommand struct{}

// Help is what --help says below the summary.
func (versionCommand) Help() string {
	return "Example:\n\n    duplex version"
}

// Run prints one line: the version, the revision it was built from if Go knows
// it, the version of Go and the platform.
func (versionCommand) Run(env Env) error {
	_, err := fmt.Fprintln(env.Out, versionLine())
	return err
}

func versionLine() string {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return fmt.Sprintf("duplex %s%s %s %s/%s", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

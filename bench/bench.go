// Package bench compares Duplex with Go's other WebSocket libraries. It is a
// module of its own, the only place that imports them, so that nobody who imports
// Duplex inherits them. Its commands:
//
//	bench/cmd/matrix       everybody under every workload, and the pages about it
//	bench/cmd/server       one library as a server, for any load
//	bench/cmd/conformance  the conformance suite against each of them
//	bench/cmd/compression  what permessage-deflate costs and saves with each
//
// The libraries themselves stand in [github.com/duplexhq/duplex/bench/peers].
package bench

import (
	_ "embed"
	"strings"
)

// goMod requires each library in one exact version.
//
//go:embed go.mod
var goMod string

// unpublished is the version of a module that a replacement stands in for.
const unpublished = "v0.0.0-00010101000000-000000000000"

// Version returns the version of a module that go.mod requires. It is "" if it
// requires no such module, or takes it from this repository.
func Version(module string) string {
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(strings.TrimPrefix(line, "require "))
		if len(fields) >= 2 && fields[0] == module && fields[1] != unpublished {
			return fields[1]
		}
	}
	return ""
}

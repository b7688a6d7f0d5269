package archtest

import (
	"fmt"
	"strings"
)

// A floor is a package, or a folder of packages, and what it stands on.
type floor struct {
	// room names the packages: a directory, or with "/..." all below it too.
	room string

	// may lists what they may import of this repository, beside their own
	// room. The standard library is a matter of the bans.
	may []string

	// tests lists what their test files may import in addition.
	tests []string

	// why says what the floor is.
	why string
}

// The wings, as they appear in many floors.
var (
	wireWing  = []string{"websocket/..."}
	topicWing = []string{"hub/..."}
	library   = []string{"websocket/...", "hub/..."}
)

// floors holds one row for each room, the lowest first. A package that stands
// in no row breaks the rule too: a new room is placed by hand.
var floors = []floor{
	{
		room: "internal/assert",
		why:  "five checks for tests; anything may stand on it",
	},
	{
		room:  "internal/recheck",
		may:   []string{"internal/assert", "websocket/conformance"},
		tests: []string{"internal/assert"},
		why:   "runs the conformance suite for the tests of endpoints",
	},
	{
		room:  "internal/archtest",
		tests: []string{"internal/assert"},
		why:   "reads the repository, uses nothing of it",
	},
	{
		room:  "websocket/frame/...",
		tests: wireTests,
		why:   "the ground floor: headers, masks, UTF-8, close payloads",
	},
	{
		room:  "websocket/handshake/...",
		may:   []string{"websocket/frame/..."},
		tests: wireTests,
		why:   "the opening handshake beside the frames, not on the extensions",
	},
	{
		room:  "websocket/deflate/...",
		may:   []string{"websocket/frame/...", "websocket/handshake/..."},
		tests: wireTests,
		why:   "an extension works on payloads, and speaks the handshake's language when it is negotiated",
	},
	{
		room:  "websocket/proto/...",
		may:   []string{"websocket/frame/...", "websocket/handshake/...", "websocket/deflate/..."},
		tests: wireTests,
		why:   "the protocol without a connection; every driver stands on it",
	},
	{
		room:  "websocket",
		may:   belowConn,
		tests: wireTests,
		why:   "the blocking connection; it knows none of its other drivers",
	},
	{
		room:  "websocket/event/...",
		may:   onConn,
		tests: wireTests,
		why:   "a driver beside the blocking one, on the same machine",
	},
	{
		room:  "websocket/browser/...",
		may:   onConn,
		tests: wireTests,
		why:   "the interface of a page, on the library",
	},
	{
		room:  "websocket/conformance/...",
		may:   []string{"websocket/frame/...", "websocket/handshake/...", "websocket/deflate/..."},
		tests: wireTests,
		why:   "judges anybody's endpoint, ours among them, so it depends on none",
	},
	{
		room:  "websocket/wstest",
		may:   append([]string{"internal/assert"}, onConn...),
		tests: wireTests,
		why:   "peers for tests",
	},
	{
		room:  "hub",
		tests: []string{"internal/assert", "hub/..."},
		why:   "topics without a wire: it serves any transport through Sink",
	},
	{
		room:  "hub/hubtest",
		may:   []string{"internal/assert", "hub"},
		tests: topicWing,
		why:   "the suite that every engine and store passes",
	},
	{
		room:  "client",
		may:   []string{"websocket"},
		tests: wireTests,
		why:   "the topics from outside: it knows the protocol, and no hub",
	},
	{
		room:  "examples/...",
		may:   library,
		tests: []string{"internal/assert"},
		why:   "small programs on the library alone, to be copied as they stand",
	},
	{
		room: "server/wire/wiretest",
		may:  []string{"internal/assert", "hub", "websocket/wstest"},
		why:  "what the tests of the wire forms stand on",
	},
	{
		room:  "server/...",
		may:   append([]string{"websocket/event/...", "websocket/browser/...", "websocket/conformance/...", "websocket", "hub", "client"}, belowConn...),
		tests: []string{"internal/assert", "websocket/...", "hub/...", "examples/..."},
		why:   "the product, on the library and never below it",
	},
	{
		room: "bench/...",
		may:  []string{"websocket/...", "hub/...", "server/...", "internal/assert"},
		why:  "compares everything with everything",
	},
}

// What several floors have in common.
var (
	belowConn = []string{"websocket/frame/...", "websocket/handshake/...", "websocket/deflate/...", "websocket/proto/..."}
	onConn    = append([]string{"websocket"}, belowConn...)
	wireTests = append([]string{"internal/assert", "internal/recheck"}, wireWing...)
)

// floorOf returns the row of a directory, or nil.
func floorOf(dir string) *floor {
	for i := range floors {
		if within(dir, floors[i].room) {
			return &floors[i]
		}
	}
	return nil
}

// checkFloors compares every import of this repository's own packages with the
// floors.
func checkFloors(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		floor := floorOf(p.Dir)
		if floor == nil {
			broken = append(broken, Breach{p.Dir, 0, "stands on no floor: give it a row in internal/archtest/floors_test.go"})
			continue
		}
		for _, f := range p.Files {
			broken = append(broken, floor.check(f)...)
		}
	}
	return broken
}

// check returns the imports of a file that the floor does not allow.
func (fl *floor) check(f *File) (broken []Breach) {
	for _, imp := range f.Imports {
		dir, own := relative(imp.Path)
		allowed := !own || within(dir, fl.room) || withinAny(dir, fl.may) || f.Test && withinAny(dir, fl.tests)
		if !allowed {
			problem := fmt.Sprintf("%s must not import %s (%s)", fl.room, dir, fl.why)
			broken = append(broken, Breach{f.Path, imp.Line, problem})
		}
	}
	return broken
}

// bothWings lists who may import the wire wing and the topic wing.
var bothWings = []string{
	"server/wire/...", // each room there is one wire form of the topics
	"server/app",      // assembles the program
	"examples/...",    // shows how the two are put together by hand
	"bench/...",       // measures them side by side
}

// checkWings finds packages that import both wings without being meant to.
// Tests are free: they stand outside the house.
func checkWings(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		if withinAny(p.Dir, bothWings) {
			continue
		}
		wire, topics := p.imports(wireWing), p.imports(topicWing)
		if wire != nil && topics != nil {
			problem := "imports both wings; only these may: " + strings.Join(bothWings, ", ")
			broken = append(broken, Breach{p.Dir, 0, problem})
		}
	}
	return broken
}

// imports returns the first import in non-test files that matches one of the
// patterns, or nil.
func (p *Package) imports(patterns []string) *Import {
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		for i, imp := range f.Imports {
			if dir, own := relative(imp.Path); own && withinAny(dir, patterns) {
				return &f.Imports[i]
			}
		}
	}
	return nil
}

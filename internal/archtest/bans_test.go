package archtest

import "fmt"

// A ban keeps packages of the standard library out of some rooms. Tests are
// free to use them.
type ban struct {
	rooms    []string
	packages []string // with "/..." those below too
	why      string
}

// sansIO lists the rooms in which the protocol is pure computation.
var sansIO = []string{"websocket/frame/...", "websocket/handshake/...", "websocket/deflate/...", "websocket/proto/..."}

// bans holds one row for each reason.
var bans = []ban{
	{sansIO, []string{"net/...", "os/...", "syscall"}, "bytes come in and go out through the driver, which owns the connection"},
	{sansIO, []string{"time"}, "the driver owns the clock, so that a test owns it too"},
	{sansIO, []string{"sync/...", "context"}, "one goroutine at a time calls the machine; locks and cancelling belong to the driver"},
	{sansIO, []string{"log/..."}, "what happened is told as events and errors"},
	{belowConn, []string{"crypto/rand"}, "the driver seeds what must be unpredictable, so that a test can repeat it"},
	{[]string{"hub/..."}, []string{"net/..."}, "every transport is a Sink to the hub, so it knows none"},
	{library, []string{"log"}, "a library does not write to the program's standard error"},
}

// testingRooms lists the packages that are made of test code without being
// test files.
var testingRooms = []string{"internal/assert", "internal/recheck", "websocket/wstest", "hub/hubtest", "server/wire/wiretest"}

// checkBans finds the imports that a ban forbids.
func checkBans(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		for _, b := range bans {
			if !withinAny(p.Dir, b.rooms) {
				continue
			}
			broken = append(broken, p.banned(b.packages, b.why)...)
		}
	}
	return broken
}

// checkTesting finds product code that imports package testing.
func checkTesting(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		if withinAny(p.Dir, testingRooms) {
			continue
		}
		broken = append(broken, p.banned([]string{"testing/..."}, "only test files and the rooms made for tests may")...)
	}
	return broken
}

// banned returns the imports of non-test files that match one of the patterns.
func (p *Package) banned(patterns []string, why string) (broken []Breach) {
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		for _, imp := range f.Imports {
			if withinAny(imp.Path, patterns) {
				problem := fmt.Sprintf("%s must not import %s (%s)", p.Dir, imp.Path, why)
				broken = append(broken, Breach{f.Path, imp.Line, problem})
			}
		}
	}
	return broken
}

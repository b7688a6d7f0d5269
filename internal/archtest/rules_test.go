package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// modulePath is the prefix of every import path of this repository. The server
// and bench modules lie below the root module's path as they do on disk, so one
// cut turns an import path into a directory.
const modulePath = "github.com/duplexhq/duplex"

// A Rule is one thing that holds for the whole repository.
type Rule struct {
	// Name is a few words for the test's output.
	Name string

	// Why is the reason, printed when the rule is broken.
	Why string

	// Check returns the breaches, in the order of the files.
	Check func(*Tree) []Breach
}

// A Breach is one place where a rule is broken.
type Breach struct {
	Path    string // from the repository root
	Line    int    // from 1; 0 if it is the whole file or directory
	Problem string
}

// String returns the breach in the form that editors turn into a link.
func (b Breach) String() string {
	if b.Line == 0 {
		return fmt.Sprintf("%s: %s", b.Path, b.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", b.Path, b.Line, b.Problem)
}

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		{"floors", "arrows only go down, so each floor can be read, tested and used without those above it", checkFloors},
		{"two wings", "only the rooms that translate between the wings may know both; anywhere else the wings grow together", checkWings},
		{"forbidden packages", "what is kept out of a floor is what makes it testable without the world", checkBans},
		{"testing stays in tests", "a program that imports package testing carries its flags and its weight", checkTesting},
		{"requirements of the library", "whoever imports the library inherits every module it requires", checkRequirements},
		{"package comments", "a package without a sentence about itself makes the reader open every file", checkPackageComments},
		{"telling names", "a package that is named for being used by many says nothing, and collects everything", checkNames},
		{"short files", "what does not fit one reading wants to be two things", checkFileLength},
		{"short functions", "a long function hides its cases", checkFunctionLength},
		{"nothing left for later", "unfinished work stands in the tracker, where it is seen, not in the source", checkUnfinished},
		{"no skipped tests", "a test that skips itself is green without having looked", checkSkips},
		{"parsers are fuzzed", "every parser reads bytes that somebody else chose", checkFuzzed},
	}
}

// relative returns the directory of an import path of this repository, and
// false for any other import path.
func relative(importPath string) (dir string, ok bool) {
	if importPath == modulePath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modulePath+"/")
}

// within tells whether a slash-separated path matches a pattern: the path
// itself, or with "/..." at the pattern's end the path and everything below.
func within(path, pattern string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return path == root || below && strings.HasPrefix(path, root+"/")
}

// withinAny tells whether path matches one of the patterns.
func withinAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(path, p) })
}

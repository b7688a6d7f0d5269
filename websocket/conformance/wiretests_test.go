package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// areas are the chapters of a report.
var areas = []string{
	"opening", "extension", "framing", "reserved", "control", "fragmentation", "utf8", "closing", "limits", "deflate", "transport",
}

// TestTestsAreTold holds all tests, whoever wrote them, to what a report needs.
func TestTestsAreTold(t *testing.T) {
	section := regexp.MustCompile(`^(RFC \d+ )?§\d+(\.\d+)* \S`)
	for role, tests := range map[string][]Test{"server": ServerTests(), "client": ClientTests()} {
		assert.True(t, len(tests) >= 2500, role+": there were more tests")
		ids, filled := map[string]bool{}, map[string]bool{}
		for _, test := range tests {
			id := role + " " + test.ID()
			assert.True(t, section.MatchString(test.Name), id+": does not begin with a section")
			assert.True(t, slices.Contains(areas, test.Area), id+": has an area of its own")
			assert.True(t, strings.HasSuffix(test.Rule, "."), id+": its rule is no sentence: "+test.Rule)
			assert.True(t, test.Rule[0] < 'a', id+": its rule begins with a small letter: "+test.Rule)
			assert.True(t, !ids[id], id+": there are two")
			assert.True(t, strings.TrimSpace(test.Name) == test.Name && !strings.ContainsAny(test.Name, "\n\x00"), id+": cannot be printed")
			ids[id], filled[test.Area] = true, true
		}
		assert.Equal(t, len(filled), len(areas))
	}
}

// TestTestsAreFresh shows that whoever changes the result harms nobody else.
func TestTestsAreFresh(t *testing.T) {
	for _, list := range []func() []Test{ServerTests, ClientTests} {
		first := list()
		name := first[0].Name
		clear(first)
		assert.Equal(t, list()[0].Name, name)
	}
}

// TestChops shows how cases of each kind are sent.
func TestChops(t *testing.T) {
	for _, test := range []struct {
		area string
		c    Case
		want []chop
	}{
		{"framing", stays("", sends(text("a"))), []chop{inOneWrite}},
		{"framing", stays("", sends(text("a"), text("b"))), []chop{inOneWrite, frameByFrame, byteByByte}},
		{"framing", loses("", sends(text("a"), text("b"))), []chop{inOneWrite}},
		{"control", stays("", sends(ping("a"))), []chop{inOneWrite, byteByByte}},
		{"control", stays("", sends(ping(letters(100)))), []chop{inOneWrite}},
		{"fragmentation", stays("", inFragments(1, letters(100), 10)), []chop{inOneWrite, frameByFrame}},
		{"fragmentation", stays("", inFragments(1, letters(100), 1)), []chop{inOneWrite}},
		{"reserved", breaks("", "§5.2", sends(text("a"), text("b").rsv(1))), []chop{inOneWrite, frameByFrame}},
		{"closing", closes("", 1000, sends(bye(1000, ""), text("b"))), []chop{inOneWrite, byteByByte}},
	} {
		assert.Equal(t, chops(test.area, &test.c), test.want)
	}
}

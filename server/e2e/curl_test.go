package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// A shown command is one of a document, with what it is said to print.
type shown struct{ command, prints string }

// commandsOf returns the lines of a document that begin with "$ ", with the lines below each
// up to the next or the end of the block.
func commandsOf(t *testing.T, file string) (list []shown) {
	t.Helper()
	text, err := os.ReadFile(file)
	assert.NoError(t, err)
	open, inBlock := false, false // in any block, and in one of no language
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = line == "```\n" && !open
			open = !open
			list = append(list, shown{}) // what comes next belongs to no command
		case inBlock && strings.HasPrefix(line, "$ "):
			list = append(list, shown{command: strings.TrimSpace(line[2:])})
		case inBlock && len(list) > 0:
			list[len(list)-1].prints += line
		}
	}
	return list
}

// matches tells whether the output is what is shown, where … stands for anything within a
// line, and CURSOR for a cursor, which is returned.
func (s shown) matches(output string) (cursor string, ok bool) {
	pattern := regexp.QuoteMeta(s.prints)
	pattern = strings.ReplaceAll(pattern, "…", `.+?`)
	pattern = strings.ReplaceAll(pattern, "CURSOR", `([0-9a-z.]+)`)
	found := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(output)
	if len(found) > 1 {
		cursor = found[1]
	}
	return cursor, found != nil
}

// Every command of the page about curl does what the page shows.
func TestCurl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "curl is not installed: apt-get install --no-install-recommends curl")
	}
	host := strings.TrimPrefix(serveDurable(t).url, "http://")
	cursor, tried := "", 0
	for _, s := range commandsOf(t, "../../docs/howto/curl.md") {
		if s.command == "" {
			continue
		}
		tried++
		command := strings.ReplaceAll(s.command, "localhost:8080", host)
		command = strings.ReplaceAll(command, "CURSOR", cursor)
		command = strings.Replace(command, "curl ", "curl -sS ", 1)
		if next := s.try(t, command); next != "" {
			cursor = next
		}
	}
	assert.True(t, tried > 10, "the page shows no commands")
}

// try runs a command of the shell until it has printed what is shown, and has ended unless it
// is one that does not end. It returns the cursor that was printed.
func (s shown) try(t *testing.T, command string) (cursor string) {
	t.Helper()
	endless := strings.Contains(command, "-N")
	if !strings.Contains(command, "|") {
		command = "exec " + command // there is one process to end
	}
	p := start(t, "sh", "-c", command)
	assert.NoError(t, p.stdin.Close())
	output, ok := "", false
	waitUntil(func() bool {
		over := p.over()
		output = p.output()
		if output != "" {
			output += "\n"
		}
		cursor, ok = s.matches(output)
		return over || endless && ok
	})
	if !ok {
		t.Fatalf("%s\nprints %q\nnot    %q", s.command, output, s.prints)
	}
	if !endless {
		assert.Equal(t, p.wait(), 0)
	}
	return cursor
}

// Package page writes what commands have measured into pages that people write.
package page

import (
	"fmt"
	"os"
	"strings"
)

// marks returns the lines between which a command writes.
func marks(command string) (begin, end string) {
	return "<!-- written by " + command + " -->", "<!-- end of what is written by " + command + " -->"
}

// Insert returns the text of a page with tables between the marks of a command, such
// as bench/cmd/matrix, in the place of what stood there.
func Insert(text, command, tables string) (string, error) {
	begin, end := marks(command)
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("the page lacks the marks %q and %q", begin, end)
	}
	return before + begin + "\n\n" + tables + "\n" + end + after, nil
}

// Rewrite does that to a file.
func Rewrite(name, command, tables string) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, err := Insert(string(old), command, tables)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

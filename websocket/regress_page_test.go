package websocket_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
)

var (
	testOnPage = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)(?:/([^`]+))?`")
	fileOnPage = regexp.MustCompile(`[\w/]+_test\.go`)
)

// TestPagesNameTestsThatExist reads the pages that say which test holds what. Each
// test in a row has to be in one of the files that the row names, or in the usual
// file of the page, and so does the name of a row of the test behind a slash.
func TestPagesNameTestsThatExist(t *testing.T) {
	for page, usual := range map[string]string{
		"../docs/explain/hostile.md":         "hostile_test.go",
		"../docs/reference/known-defects.md": "",
	} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			for n, line := range tableRows(t, page) {
				tests := testOnPage.FindAllStringSubmatch(line, -1)
				assert.True(t, len(tests) > 0, fmt.Sprintf("%s:%d: no test", page, n))
				files := fileOnPage.FindAllString(line, -1)
				if len(files) == 0 {
					files = []string{usual}
				}
				for _, test := range tests {
					if !testExists(t, files, test[1], test[2]) {
						t.Errorf("%s:%d: %s is not in %v", page, n, test[0], files)
					}
				}
			}
		})
	}
}

// TestPagesNameAllDefects finds tests that are named for a defect and not on the
// page.
func TestPagesNameAllDefects(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/known-defects.md")
	assert.NoError(t, err)
	files, err := filepath.Glob("*_test.go")
	assert.NoError(t, err)
	found := 0
	for _, file := range files {
		for _, f := range regexp.MustCompile(`\nfunc (TestDefect\w+)\(`).FindAllStringSubmatch(source(t, file), -1) {
			assert.Contains(t, string(page), "`"+f[1]+"`")
			found++
		}
	}
	assert.True(t, found > 10, fmt.Sprintf("only %d tests found: are they here?", found))
}

// tableRows returns the rows of all tables of a page by their line numbers, without
// those that are their heads.
func tableRows(t *testing.T, page string) map[int]string {
	t.Helper()
	b, err := os.ReadFile(page)
	assert.NoError(t, err)
	lines := strings.Split(string(b), "\n")
	rows := make(map[int]string)
	for i, line := range lines {
		head := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|--")
		if strings.HasPrefix(line, "| ") && !head {
			rows[i+1] = line
		}
	}
	assert.True(t, len(rows) > 10, page+" has no tables")
	return rows
}

// testExists reports whether one of the files has the test, with this row if row is
// not empty.
func testExists(t *testing.T, files []string, name, row string) bool {
	t.Helper()
	for _, file := range files {
		text := source(t, file)
		if !strings.Contains(text, "\nfunc "+name+"(") {
			continue
		}
		if row == "" || strings.Contains(text, `"`+row+`"`) {
			return true
		}
		if name == "TestConformance" && caseNames()[row] {
			return true
		}
	}
	return false
}

// caseNames returns the names of the cases that TestConformance runs.
var caseNames = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	for _, c := range conformance.Cases() {
		names[c.Name] = true
	}
	return names
})

// source returns the text of a file of tests: of this folder, or of hub and server.
func source(t *testing.T, file string) string {
	t.Helper()
	if strings.HasPrefix(file, "hub/") || strings.HasPrefix(file, "server/") {
		file = "../" + file
	}
	b, err := os.ReadFile(file)
	assert.NoError(t, err)
	return string(b)
}

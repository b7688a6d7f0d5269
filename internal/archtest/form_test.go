package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Limits of non-test code. The aim is lower, 400 and 40 lines, and review looks
// at that; these are where the test stops a change. Tests may be longer: a
// table of cases is read by the row.
const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

// mayRequire lists the only modules that the library may require.
var mayRequire = []string{"github.com/klauspost/compress"}

// emptyNames lists package names that tell nothing.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "manager", "base"}

// maySkip lists the test packages that may leave something out, each with the
// reason.
var maySkip = map[string]string{
	"server/e2e": "needs browsers and other people's clients; where one is missing it says so, and under CI it fails",
}

// unfinished matches the marks people leave on unfinished work. It is put
// together from halves so that this file does not break its own rule.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)

// notWritten lists files that nobody wrote by hand: sums may spell anything.
var notWritten = []string{"go.sum", "go.work.sum", "package-lock.json"}

// requirement matches one required module in go.mod, in either form.
var requirement = regexp.MustCompile(`^(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+v\d`)

// checkRequirements reads the root go.mod.
func checkRequirements(t *Tree) (broken []Breach) {
	for _, text := range t.Texts {
		if text.Path != "go.mod" {
			continue
		}
		for i, line := range strings.Split(string(text.Data), "\n") {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "replace") || strings.Contains(line, "=>") {
				broken = append(broken, Breach{text.Path, i + 1, "a replacement is ignored by whoever imports the library"})
				continue
			}
			for _, m := range requirement.FindAllStringSubmatch(line, 1) {
				if !withinAny(m[1], mayRequire) {
					broken = append(broken, Breach{text.Path, i + 1, "the library must not require " + m[1]})
				}
			}
		}
	}
	return broken
}

// checkPackageComments wants "Package name …" on one file of each package, or
// any comment on a command.
func checkPackageComments(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		if !p.hasComment() {
			broken = append(broken, Breach{p.Dir, 0, "has no package comment that begins with its name"})
		}
	}
	return broken
}

// hasComment tells whether a file of the package carries its comment. A test
// file counts only where there is no other.
func (p *Package) hasComment() bool {
	onlyTests := !slices.ContainsFunc(p.Files, func(f *File) bool { return !f.Test })
	return slices.ContainsFunc(p.Files, func(f *File) bool {
		name, doc := f.Syntax.Name.Name, f.Syntax.Doc.Text()
		begins := strings.HasPrefix(doc, "Package "+name+" ") || name == "main" && doc != ""
		return begins && (onlyTests || !f.Test)
	})
}

// checkNames refuses names that tell nothing, of packages and of directories.
func checkNames(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			name := strings.TrimSuffix(f.Syntax.Name.Name, "_test")
			for _, empty := range emptyNames {
				if name == empty || path.Base(p.Dir) == empty {
					broken = append(broken, Breach{f.Path, f.line(f.Syntax.Name), "a package must not be called " + empty})
				}
			}
		}
	}
	return broken
}

// checkFileLength measures the files that people wrote.
func checkFileLength(t *Tree) []Breach {
	return t.eachSource(func(f *File) (broken []Breach) {
		if f.Lines > maxFileLines {
			problem := fmt.Sprintf("%d lines; the limit is %d, the aim 400", f.Lines, maxFileLines)
			broken = append(broken, Breach{f.Path, 0, problem})
		}
		return broken
	})
}

// checkFunctionLength measures functions and methods from the line of their name
// to the closing brace; the comment above does not count.
func checkFunctionLength(t *Tree) []Breach {
	return t.eachSource(func(f *File) (broken []Breach) {
		f.functions(func(fn *ast.FuncDecl) {
			if n := f.lines(fn); n > maxFunctionLines {
				problem := fmt.Sprintf("%s has %d lines; the limit is %d, the aim 40", fn.Name.Name, n, maxFunctionLines)
				broken = append(broken, Breach{f.Path, f.line(fn), problem})
			}
		})
		return broken
	})
}

// eachSource collects the breaches of all files that are neither tests nor
// generated.
func (t *Tree) eachSource(check func(*File) []Breach) (broken []Breach) {
	for _, p := range t.Packages {
		for _, f := range p.Files {
			if !f.Test && !ast.IsGenerated(f.Syntax) {
				broken = append(broken, check(f)...)
			}
		}
	}
	return broken
}

// checkUnfinished reads all texts, documents and scripts included.
func checkUnfinished(t *Tree) (broken []Breach) {
	for _, text := range t.Texts {
		if withinAny(path.Base(text.Path), notWritten) {
			continue
		}
		for i, line := range bytes.Split(text.Data, []byte("\n")) {
			if word := unfinished.Find(line); word != nil {
				broken = append(broken, Breach{text.Path, i + 1, fmt.Sprintf("says %s", word)})
			}
		}
	}
	return broken
}

// checkSkips finds calls of Skip, Skipf and SkipNow in tests.
func checkSkips(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		if maySkip[p.Dir] != "" {
			continue
		}
		for _, f := range p.Files {
			broken = append(broken, f.skips()...)
		}
	}
	return broken
}

// skips returns the calls in a test file that skip a test.
func (f *File) skips() (broken []Breach) {
	if !f.Test {
		return nil
	}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch sel.Sel.Name {
		case "Skip", "Skipf", "SkipNow":
			problem := fmt.Sprintf("calls %s: test it, or leave it out with a build constraint", sel.Sel.Name)
			broken = append(broken, Breach{f.Path, f.line(call), problem})
		}
		return true
	})
	return broken
}

// checkFuzzed wants a fuzz target in each package that exports a Parse
// function.
func checkFuzzed(t *Tree) (broken []Breach) {
	for _, p := range t.Packages {
		var parser *Breach
		fuzzed := false
		for _, f := range p.Files {
			f.functions(func(fn *ast.FuncDecl) {
				name := fn.Name.Name
				switch {
				case f.Test && strings.HasPrefix(name, "Fuzz"):
					fuzzed = true
				case !f.Test && parser == nil && strings.HasPrefix(name, "Parse"):
					parser = &Breach{f.Path, f.line(fn), name + " has no fuzz target in its package"}
				}
			})
		}
		if parser != nil && !fuzzed {
			broken = append(broken, *parser)
		}
	}
	return broken
}

package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// maxText is the size in bytes above which a file is taken for data.
const maxText = 1 << 20

// A Tree is the repository as the rules see it.
type Tree struct {
	Packages []*Package // in the order of their directories
	Texts    []Text     // every text file, Go files included, in order
}

// A Package is a directory with Go files in it.
type Package struct {
	Dir   string // from the repository root, with slashes
	Files []*File
}

// A File is one parsed Go file, whatever its build constraints say.
type File struct {
	Path    string
	Test    bool // its name ends in _test.go
	Lines   int
	Syntax  *ast.File
	Imports []Import

	set *token.FileSet
}

// An Import is one import declaration of a file.
type Import struct {
	Path string
	Line int
}

// A Text is a file with something to read in it.
type Text struct {
	Path string
	Data []byte
}

// Load reads all files of a repository but those that nobody wrote: version
// control, caches, installed packages. Go files below testdata are read as
// texts only, as the go command does not build them.
func Load(fsys fs.FS) (*Tree, error) {
	tree := &Tree{}
	walk := func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && isForeign(name):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		return tree.add(fsys, name, d)
	}
	if err := fs.WalkDir(fsys, ".", walk); err != nil {
		return nil, fmt.Errorf("reading the repository: %w", err)
	}
	return tree, nil
}

// add reads one file into the tree, unless it is data.
func (t *Tree) add(fsys fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil || info.Size() > maxText {
		return err
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil || bytes.IndexByte(data, 0) >= 0 {
		return err
	}
	t.Texts = append(t.Texts, Text{Path: name, Data: data})
	if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
		return nil
	}
	file, err := parse(name, data)
	if err != nil {
		return err
	}
	t.place(file)
	return nil
}

// place puts a file into the package of its directory.
func (t *Tree) place(file *File) {
	dir := path.Dir(file.Path)
	for _, p := range t.Packages {
		if p.Dir == dir {
			p.Files = append(p.Files, file)
			return
		}
	}
	t.Packages = append(t.Packages, &Package{Dir: dir, Files: []*File{file}})
}

// isForeign tells whether a directory holds files that are not the project's.
func isForeign(dir string) bool {
	switch base := path.Base(dir); base {
	case ".", ".ci":
		return false
	case "node_modules", "dist":
		return true
	default:
		return strings.HasPrefix(base, ".")
	}
}

// parse reads one Go file.
func parse(name string, data []byte) (*File, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	file := &File{
		Path:   name,
		Test:   strings.HasSuffix(name, "_test.go"),
		Lines:  bytes.Count(data, []byte("\n")),
		Syntax: syntax,
		set:    set,
	}
	for _, spec := range syntax.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		file.Imports = append(file.Imports, Import{Path: importPath, Line: file.line(spec)})
	}
	return file, nil
}

// line returns the line on which a node begins.
func (f *File) line(n ast.Node) int { return f.set.Position(n.Pos()).Line }

// lines returns how many lines a node takes.
func (f *File) lines(n ast.Node) int {
	return f.set.Position(n.End()).Line - f.line(n) + 1
}

// functions calls visit for each function and method that the file declares.
func (f *File) functions(visit func(*ast.FuncDecl)) {
	for _, decl := range f.Syntax.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			visit(fn)
		}
	}
}

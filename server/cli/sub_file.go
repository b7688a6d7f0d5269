package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxCursorFile is how large a file with a cursor may be, in bytes.
const maxCursorFile = 256

// A cursorFile keeps a position across runs. Without a name it keeps nothing.
type cursorFile struct {
	name  string
	at    string // the position, "" for none
	saved string // what the file has
	when  time.Time
}

// openCursorFile reads a file, which need not be there yet, and finds out whether it can be
// written. Others than cursors are left alone, for somebody may need them.
func openCursorFile(name string) (*cursorFile, error) {
	f := &cursorFile{name: name}
	if name == "" {
		return f, nil
	}
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--cursor-file: %w", err)
	}
	f.at = strings.TrimSuffix(string(text), "\n")
	if len(text) > maxCursorFile || strings.Trim(f.at, "0123456789abcdefghijklmnopqrstuvwxyz.") != "" {
		return nil, fmt.Errorf("--cursor-file: %s has no cursor in it: name another file, or remove it to begin anew", name)
	}
	f.saved = f.at
	temporary, err := f.create()
	if err != nil {
		// What is printed would be printed again each time.
		return nil, fmt.Errorf("--cursor-file: %s: nothing can be written beside it: name a file in another directory: %w", name, cause(err))
	}
	return f, errors.Join(temporary.Close(), os.Remove(temporary.Name()))
}

// cause returns what the system said, without the name of the file.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// saveSometimes saves the position if it has been some time.
func (f *cursorFile) saveSometimes() error {
	if time.Since(f.when) < saving {
		return nil
	}
	return f.save()
}

// save writes the position in one step: whoever reads the file, also after a crash,
// finds this cursor or the one before it.
func (f *cursorFile) save() error {
	f.when = time.Now()
	if f.name == "" || f.at == f.saved {
		return nil
	}
	if err := f.replace(); err != nil {
		return fmt.Errorf("--cursor-file: %w", err)
	}
	f.saved = f.at
	return nil
}

// create creates the file that takes the place of the other one.
func (f *cursorFile) create() (*os.File, error) {
	return os.CreateTemp(filepath.Dir(f.name), filepath.Base(f.name)+".*.new")
}

func (f *cursorFile) replace() error {
	temporary, err := f.create()
	if err != nil {
		return err
	}
	_, err = temporary.WriteString(f.at + "\n")
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), f.name)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
	return err
}

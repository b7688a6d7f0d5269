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

// openCursorFile reads a file, which need not be there yet. Others than cursors are left
// alone, for somebody may need them.
func openCursorFile(name string) (*cursorFile, error) {
	f := &cursorFile{name: name}
	if name == "" {
		return f, nil
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--cursor-file: %w", err)
	}
	f.at = strings.TrimSuffix(string(text), "\n")
	if len(text) > maxCursorFile || strings.Trim(f.at, "0123456789abcdefghijklmnopqrstuvwxyz.") != "" {
		return nil, fmt.Errorf("--cursor-file: %s has no cursor in it: name another file, or remove it to begin anew", name)
	}
	f.saved = f.at
	return f, nil
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

func (f *cursorFile) replace() error {
	temporary, err := os.CreateTemp(filepath.Dir(f.name), filepath.Base(f.name)+".*.new")
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

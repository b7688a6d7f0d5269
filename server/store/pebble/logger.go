package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
)

// A logger takes what the database tells.
type logger struct{ s *Store }

func (l logger) Infof(format string, args ...any) {
	if log := l.s.o.Log; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (l logger) Errorf(format string, args ...any) { l.Infof(format, args...) }

// Fatalf is called when the database can write no more, and expects that the process
// ends. It goes on instead: what is stored can be read, and subscribers stay.
func (l logger) Fatalf(format string, args ...any) { _ = l.s.fail(fmt.Errorf(format, args...)) }

// backgroundPause is between two attempts of the database to do what has failed, which it
// would repeat at once.
const backgroundPause = 250 * time.Millisecond

// backgroundError is told what failed while the database tidies up. It tries again by
// itself.
func (s *Store) backgroundError(err error) {
	if errors.Is(err, lsm.ErrCancelledCompaction) {
		return
	}
	select {
	case s.failing <- err:
	default:
	}
	s.o.Log.Error("pebble: tidying up has failed, and will be tried again", "dir", s.dir, "error", err)
	time.Sleep(backgroundPause)
}

// corruption is told of a block that is not what was written. Whoever reads it gets an
// error.
func (s *Store) corruption(info lsm.DataCorruptionInfo) {
	s.o.Log.Error("pebble: a file is damaged; look at the disk, and restore the directory from a copy", "path", info.Path, "error", info.Details)
}

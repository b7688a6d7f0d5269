package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/duplexhq/duplex/hub"
)

// format is the version of what this package writes. A store of a later one is refused.
const format = 1

// Open opens the store in a directory, which is made if it is not there. nil options are
// the defaults. The error says what to do.
func Open(dir string, o *Options) (*Store, error) {
	s := &Store{o: o.withDefaults(), dir: dir, failing: make(chan error, 1)}
	if err := s.o.fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pebble: the directory %s cannot be made; make it, and let this user write to it: %w", dir, err)
	}
	lock, err := lsm.LockDirectory(dir, s.o.fs)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("pebble: the directory %s cannot be written to; let this user write to it: %w", dir, err)
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // it has not come to locking
		return nil, fmt.Errorf("pebble: the directory %s cannot be written to: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("pebble: the directory %s is in use by another duplex; stop it, or give this one a directory of its own: %w", dir, err)
	}
	s.lock = lock
	if err := s.open(lock); err != nil {
		return nil, err
	}
	return s, nil
}

// open opens the database, or unlocks the directory.
func (s *Store) open(lock *lsm.Lock) error {
	cache := lsm.NewCache(s.o.CacheBytes)
	defer cache.Unref() // the database keeps it
	err := s.openDatabase(s.tuned(cache, lock))
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "unknown format major version"): // it has no type
		return s.newer(err)
	default:
		return fmt.Errorf("pebble: the store in %s cannot be opened: %w", s.dir, err)
	}
	if err := s.begin(); err != nil {
		s.db.Close()
		s.lock.Close()
		return err
	}
	return nil
}

// openDatabase opens the database, or unlocks the directory. What its log has it writes to
// sorted files first, and tries that for ever: if it fails, as it does on a full disk, it is left to
// itself. It has the directory until the disk allows what it wants.
func (s *Store) openDatabase(o *lsm.Options) error {
	var db *lsm.DB
	opened := make(chan error, 1)
	go func() {
		var err error
		db, err = lsm.Open(s.dir, o)
		opened <- err
	}()
	select {
	case err := <-opened:
		if s.db = db; err != nil {
			s.lock.Close()
		}
		return err
	case err := <-s.failing:
		go func() {
			if <-opened == nil {
				db.Close()
			}
			s.lock.Close()
		}()
		return err
	}
}

func (s *Store) newer(err error) error {
	return fmt.Errorf("pebble: the store in %s was written by a newer duplex; use that one: %w", s.dir, err)
}

// tuned returns the options of the database. A store that is idle shall be small: memory
// for new entries begins with 256 KiB and doubles up to MemTableSize.
func (s *Store) tuned(cache *lsm.Cache, lock *lsm.Lock) *lsm.Options {
	o := &lsm.Options{
		Cache:  cache,
		FS:     s.fs(),
		Lock:   lock,
		Logger: logger{s},
		// The next format notes in the log up to where it is synced, and takes what is missing
		// there for damage: with a lazyFS that is not so.
		FormatMajorVersion:          lsm.FormatColumnarBlocks,
		MemTableSize:                16 << 20,
		MemTableStopWritesThreshold: 4,
		// Reads of one topic look into each file of level 0, and there are many topics in
		// each: so few files are left there.
		L0CompactionThreshold: 2,
		L0StopWritesThreshold: 40,
		LBaseMaxBytes:         64 << 20,
		MaxOpenFiles:          1000,
		// What Trim has removed gives its space back, also if little is written.
		FlushDelayDeleteRange: time.Minute,
	}
	if s.o.Sync != SyncAlways {
		o.WALBytesPerSync = 512 << 10 // so that a sync never has much to do
	}
	// A new topic and a new session are first looked for: the filters say at once that
	// they are not there.
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.EventListener = &lsm.EventListener{BackgroundError: s.backgroundError, DataCorruption: s.corruption}
	return o
}

// fs returns the file system for the database.
func (s *Store) fs() vfs.FS {
	if s.o.Sync == SyncAlways {
		return s.o.fs
	}
	s.lazy = newLazyFS(s.o.fs)
	return s.lazy
}

// begin reads what is known of the store, and notes that it is open.
func (s *Store) begin() error {
	var found struct{ format, epoch, last, forgotten, clean, torn, mode, boot uint64 }
	for _, n := range []struct {
		key []byte
		to  *uint64
	}{
		{keyFormat, &found.format}, {keyEpoch, &found.epoch}, {keyLast, &found.last}, {keyForgotten, &found.forgotten},
		{keyClean, &found.clean}, {keyTorn, &found.torn}, {keyMode, &found.mode}, {keyBoot, &found.boot},
	} {
		var err error
		if *n.to, err = s.number(n.key); err != nil {
			return err
		}
	}
	if found.format > format {
		return s.newer(fmt.Errorf("its format is %d, this one knows %d", found.format, format))
	}
	unclosed := found.format != 0 && found.clean == 0
	boot := s.o.bootNumber()
	sameBoot := boot != 0 && boot == found.boot
	if unclosed && SyncMode(found.mode) != SyncAlways && !sameBoot {
		found.torn = 1
	}
	s.state = hub.StoreState{Epoch: found.epoch, Last: found.last, Torn: found.torn != 0}
	s.epoch.Store(found.epoch)
	s.readable.Store(found.last)
	s.infos.init(found.forgotten)
	s.unsaved.after, s.unsaved.save = s.o.Interval, s.save

	b := s.db.NewBatch()
	defer s.release(b)
	setNumber(b, keyFormat, format)
	setNumber(b, keyMode, uint64(s.o.Sync))
	setNumber(b, keyBoot, boot)
	setNumber(b, keyTorn, found.torn) // until Restart, however often this process ends before
	_ = b.Delete(keyClean, nil)
	return s.applyForGood(b)
}

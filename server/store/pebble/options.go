package pebble

import (
	"cmp"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A SyncMode says when what was appended is on the disk. The package comment says what
// each can lose.
type SyncMode uint8

// The modes.
const (
	// SyncAlways syncs before Append returns.
	SyncAlways SyncMode = iota

	// SyncInterval hands it to the operating system before Append returns, and syncs
	// once in each Options.Interval in which something was appended.
	SyncInterval

	// SyncOff hands it to the operating system and leaves the rest to that.
	SyncOff
)

// String returns "always", "interval" or "off".
func (m SyncMode) String() string { return [...]string{"always", "interval", "off"}[m] }

// Options say how a store works. Nil and zero fields mean the defaults.
type Options struct {
	// Sync says when what was appended is on the disk. Default: SyncAlways.
	Sync SyncMode

	// Interval is that of SyncInterval. Default 1 s.
	Interval time.Duration

	// CacheBytes is the memory for blocks that were read. Default 32 MiB. Beside it up
	// to 64 MiB hold what is not yet in sorted files, if much is written.
	CacheBytes int64

	// MinFree is how many bytes must be free on the disk for Append to write: the
	// database needs some to tidy up, and one that ran full must be opened again.
	// Append goes on when there is room again. Default 128 MiB; negative: any.
	MinFree int64

	// Log gets what the database tells, at debug, and what goes wrong in the
	// background, at error. Default: nobody.
	Log *slog.Logger

	fs   vfs.FS        // nil: the disk
	boot func() string // nil: bootID
}

func (o *Options) withDefaults() Options {
	if o == nil {
		o = &Options{}
	}
	d := *o
	d.Interval = cmp.Or(d.Interval, time.Second)
	d.CacheBytes = cmp.Or(d.CacheBytes, 32<<20)
	d.MinFree = cmp.Or(d.MinFree, 128<<20)
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.fs == nil {
		d.fs = vfs.Default
	}
	if d.boot == nil {
		d.boot = bootID
	}
	return d
}

// bootNumber is a number for the time since the system was started, 0 if it is not known.
func (o *Options) bootNumber() uint64 {
	id := o.boot()
	if id == "" {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	return h.Sum64()
}

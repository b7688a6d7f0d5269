package hub

import (
	"context"
	"time"
)

// A Store keeps the logs of topics beyond the life of a process. It is the seam
// between the hub of a single node and a disk; package hubtest has the suite that
// each must pass.
//
// All methods may be called at the same time, but Append, Trim and Restart only by
// one goroutine at a time. What they are given is lent until they return, but
// messages, which are never changed. What they return belongs to the caller.
type Store interface {
	// State tells what was there when the store was opened.
	State() StoreState

	// Restart gives the logs a new epoch: cursors of the old one become gaps.
	Restart(epoch uint64) error

	// Append writes messages, in order of their offsets, which are greater than all
	// before, and returns when they are as durable as the store promises. It
	// writes all of them or, if it returns an error, none that can be read later.
	Append(batch []Entry) error

	// Read returns messages of one topic.
	Read(ctx context.Context, topic string, r Range) (Page, error)

	// Latest returns the latest message of each key of a topic, of those that were
	// appended with Entry.Latest, in order of their offsets.
	Latest(ctx context.Context, topic string) ([]*Message, error)

	// Info tells about one topic. Of a topic that has no log, because it never had a
	// message or is forgotten, it has no more than Topic and Trimmed: the greatest
	// Last of all logs that are forgotten. So it is in Page, and with that Trimmed
	// a log begins: a cursor from before may have missed something.
	Info(topic string) (LogInfo, error)

	// Logs returns up to limit topics that the store knows, in order of their
	// names, from the first behind after.
	Logs(ctx context.Context, after string, limit int) ([]LogInfo, error)

	// Trim removes the oldest messages of a topic until it is within keep, and
	// returns what is left. It may leave somewhat more. The LogInfo of a topic
	// outlives its messages, by keep.Metadata.
	Trim(topic string, keep Settings, now time.Time) (LogInfo, error)

	// IDs returns what Append was given with an Entry.ID since a time, in order.
	// The store may forget them when they are older than the longest
	// Entry.Remember they came with.
	IDs(since time.Time) ([]StoredID, error)

	// SaveSessions writes sessions over what it has of them; those with Forget
	// set are removed. They are durable when the next Append is, or within a
	// second.
	SaveSessions(list []SessionRecord) error

	// Session returns a session; ok is false if there is none.
	Session(id string) (rec SessionRecord, ok bool, err error)

	// ExpiredSessions returns up to limit sessions last seen before a time. Of one
	// that is not readable it may return the ID and the time alone.
	ExpiredSessions(before time.Time, limit int) ([]SessionRecord, error)

	// Close writes what is to be written and ends the store.
	Close() error
}

// A StoreState is what a Store has found when it was opened.
type StoreState struct {
	Epoch uint64 // 0: it is new
	Last  uint64 // the greatest offset appended, 0 if there is none

	// Torn is set if something that Append had returned for may be lost: the hub
	// then begins a new epoch, so that those who may have had it are told. See Restored.
	Torn bool
}

// Restored returns a store that was put back from a copy: it is s, and torn. What was
// appended behind the copy is lost, and nothing in s tells so: without a new epoch cursors
// from then would be gaps only until there are as many messages again. Each hub that is
// begun with it begins a new epoch, so use it once for each time that s was put back.
func Restored(s Store) Store { return restored{s} }

type restored struct{ Store }

// State implements Store.
func (r restored) State() StoreState {
	state := r.Store.State()
	state.Torn = true
	return state
}

// An Entry is one message to be stored.
type Entry struct {
	*Message

	Latest   bool          // it is the latest of its Key, to be kept as such
	Remember time.Duration // how long its ID is to be kept, 0 if it has none
}

// A StoredID is an idempotency key and where its message is.
type StoredID struct {
	Topic, ID string
	At        Cursor
}

// A Range says which messages of a topic are to be read: those behind After, oldest
// first, or the newest ones.
type Range struct {
	After     uint64 // offset; not used with Newest
	AfterTime int64  // the time of the cursor, for engines that cannot do without
	Newest    bool   // the newest Limit messages, still oldest first
	Limit     int    // how many messages at most; at least 1
	MaxBytes  int64  // of payloads; a single message may be larger
}

// A Page is messages that were read.
type Page struct {
	Messages []*Message // oldest first

	// Trimmed is the greatest offset that was removed from this topic, 0 if none. If
	// an engine does not know, it is greater than Range.After if a message between
	// them is lost, and otherwise not.
	Trimmed uint64
	More    bool // there are more behind the last one
}

// A LogInfo is what is known of the log of a topic.
type LogInfo struct {
	Topic    string
	Last     uint64 // offset of the newest message it ever had
	LastTime int64  // and its time, Unix milliseconds
	Trimmed  uint64 // greatest offset that was removed
	Messages int64  // how many there are
	Bytes    int64  // as Settings.MaxBytes counts them
}

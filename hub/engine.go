package hub

import (
	"context"
	"errors"
	"time"
)

// An Engine puts the messages of topics into their order and keeps them. It is the
// seam between the hub, which knows who listens on this node, and what several
// nodes may share. [NewLocal] is the engine of a single node, with a [Store] or
// without; an engine for many nodes puts a shared log in its place.
//
// What the hub assumes, and no more:
//
//   - Offsets of one topic grow in the order in which Node.Receive gets its
//     messages. They need not be dense.
//   - Whoever gives a cursor back gives epoch, offset and time.
//   - Append answers before, while or after the message is received, in any order.
//   - Read may be slow: the hub asks for a page at a time, few at once, and never while
//     somebody waits to publish.
//
// All methods may be called at the same time.
type Engine interface {
	// Start tells the engine whom to tell and how long to remember. It is called
	// once, before all else.
	Start(n Node, m Memory) error

	// Epoch is the epoch of cursors at present. A cursor of another one is a gap.
	Epoch() uint64

	// Durable tells whether messages are kept elsewhere than in the memory of the
	// hub. If not, Read and the like are never called.
	Durable() bool

	// Settled returns an offset up to which every message was received. Each message that
	// is received later has a greater one, as has each that Settle is given later than a
	// call of Follow returned.
	Settled() uint64

	// Follow says whether Settle is wanted; if not, it need not be called.
	Follow(on bool)

	// Newest returns the greatest offset there may be. A cursor beyond it is none of
	// this log.
	Newest() uint64

	// Append puts a message into its topic. done is called once: with where the
	// message is when it is as durable as the engine promises, Duplicate set if
	// it was there before, or with an error if it is not there; it must not block.
	// done may be nil. The error may be returned to clients.
	Append(m *Message, s *Settings, done func(Receipt, error))

	// Read, Latest, Info and Logs mean what they mean in Store.
	Read(ctx context.Context, topic string, r Range) (Page, error)
	Latest(ctx context.Context, topic string) ([]*Message, error)
	Info(topic string) (LogInfo, error)
	Logs(ctx context.Context, after string, limit int) ([]LogInfo, error)

	// SaveSessions and Session mean what they mean in Store. Forgotten tells
	// whether a session that is not there may have been there: a client that
	// comes with it must be told that it may have missed something.
	SaveSessions(list []SessionRecord) error
	Session(id string) (rec SessionRecord, ok bool, err error)
	Forgotten() bool

	// Announce tells other nodes that members came to a topic on this node, or left.
	Announce(topic string, joined, left []string)

	// Close ends the engine, when everything that was appended is answered.
	Close() error
}

// A Memory says for how long an engine must remember, at least.
type Memory struct {
	IDs      time.Duration // of messages, at most; Settings.Idempotency says for which
	Sessions time.Duration // behind SessionRecord.Seen; long after they have expired
}

// A Node is what an engine tells the hub of a node.
type Node interface {
	// Receive takes a message that was put into its topic. The calls for one topic
	// do not overlap. It does not wait for anybody.
	Receive(m *Message)

	// Settings returns the settings of a topic.
	Settings(topic string) *Settings

	// Settle takes the messages that Receive had, in the order of all topics. It is
	// called when none that is received later will be before them. Calls do not overlap.
	Settle(list []*Message)

	// Present takes what another node announced; all members of a node that is gone
	// are announced as left.
	Present(node, topic string, joined, left []string)
}

// A Receipt says where a message is.
type Receipt struct {
	At Cursor

	// Duplicate is set if a message of the same Topic and ID was published before. At
	// is then the position of that one.
	Duplicate bool
}

// Errors that publishing and subscribing can end with, beside [*TopicError].
var (
	ErrClosed       = errors.New("hub: it is shutting down; try again later")
	ErrSlow         = errors.New("hub: too slow: more messages waited than the topic allows; come back with the cursor")
	ErrTooManyKeys  = errors.New("hub: the topic has as many keys as it may have; remove some by messages without a payload")
	ErrLongKey      = errors.New("hub: a key, name or ID is longer than 128 bytes or not UTF-8")
	ErrBusy         = errors.New("hub: too much is waiting to be stored; try again later")
	ErrNilSink      = errors.New("hub: the sink is nil; give a value whose Deliver takes the messages")
	ErrBadSession   = errors.New("hub: a session is named by 8 to 64 letters, digits, - _ . or ~, at random")
	ErrSessionTaken = errors.New("hub: the session goes on at another connection")
)

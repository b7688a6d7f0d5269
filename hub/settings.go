package hub

import (
	"cmp"
	"math"
	"time"
)

// A SlowPolicy says what becomes of a subscription that falls behind by more than
// Settings.MaxLag while it wants no more messages.
type SlowPolicy uint8

// The policies.
const (
	// SlowDisconnect ends the subscription with [ErrSlow]: its client comes back
	// with its cursor when it can, and misses nothing that the log still has.
	SlowDisconnect SlowPolicy = iota

	// SlowDropOldest leaves out the oldest messages, and says so with a Gap.
	SlowDropOldest

	// SlowConflate leaves out, of the messages that wait, all but the latest of
	// each key; those without a key count as one key. It does so as soon as a
	// subscription is held, and says nothing: receivers of such a topic are only
	// interested in what is true now. A key of which the log has nothing any more, and
	// that Latest does not keep, is a Gap.
	SlowConflate
)

// String returns "disconnect", "drop-oldest" or "conflate".
func (p SlowPolicy) String() string { return [...]string{"disconnect", "drop-oldest", "conflate"}[p] }

// Defaults of Settings, used where a field is zero.
const (
	DefaultMaxMessages      = 10_000
	DefaultMaxBytes         = 4 << 20
	DefaultMaxAge           = 24 * time.Hour
	DefaultMaxKeys          = 10_000
	DefaultMetadata         = 7 * 24 * time.Hour
	DefaultMaxLag           = 1 << 20
	DefaultIdempotency      = 5 * time.Minute
	DefaultPresenceInterval = time.Second
	DefaultPresenceGrace    = 5 * time.Second
	DefaultPresenceSample   = 100
)

// Settings say how a topic behaves. A field that is zero means its default.
type Settings struct {
	// MaxMessages, MaxBytes and MaxAge bound the log: it keeps the newest messages
	// within all three. Bytes are those of payload, key, By, From and ID.
	// Defaults: 10,000 messages, 4 MiB, 24 hours. A negative MaxMessages keeps none,
	// a negative MaxBytes or MaxAge has no limit.
	MaxMessages int
	MaxBytes    int64
	MaxAge      time.Duration

	// Metadata is how long a topic is remembered when its messages are gone, so that
	// a cursor into it is still known to be complete. Default 7 days.
	Metadata time.Duration

	// Latest keeps the latest message of each key, beyond the bounds of the log,
	// for those who subscribe without a cursor and after a gap. MaxKeys bounds
	// them, default 10,000: a message with one key more is refused with
	// [ErrTooManyKeys]. Those that are published at the same time, or while a store is asked
	// for the keys after a restart, may be beyond it.
	Latest  bool
	MaxKeys int

	// Slow is what becomes of subscriptions that fall behind by more than MaxLag
	// bytes of messages. Default: SlowDisconnect, 1 MiB.
	Slow   SlowPolicy
	MaxLag int64

	// Idempotency is how long the ID of a message is remembered. Default 5 minutes.
	Idempotency time.Duration

	// PresenceInterval is how often changes of presence are told, PresenceGrace how
	// long a member that is gone is still there, PresenceSample how many names a
	// notice has at most. Defaults: 1 s, 5 s, 100. A negative PresenceGrace is none.
	PresenceInterval time.Duration
	PresenceGrace    time.Duration
	PresenceSample   int
}

// A Rule is the settings of the topics that a filter matches.
type Rule struct {
	Filter   string // see [CheckFilter]
	Settings Settings
}

// withDefaults returns the settings without a zero, and so that bounds can have an eighth
// added: the greatest numbers are as good as their halves.
func (s Settings) withDefaults() Settings {
	s.MaxMessages = min(cmp.Or(s.MaxMessages, DefaultMaxMessages), math.MaxInt/2)
	s.MaxBytes = min(cmp.Or(s.MaxBytes, DefaultMaxBytes), math.MaxInt64/2)
	s.MaxAge = min(cmp.Or(s.MaxAge, DefaultMaxAge), math.MaxInt64/2)
	s.Metadata = cmp.Or(s.Metadata, DefaultMetadata)
	s.MaxKeys = cmp.Or(s.MaxKeys, DefaultMaxKeys)
	s.MaxLag = min(cmp.Or(s.MaxLag, DefaultMaxLag), math.MaxInt64/2)
	s.Idempotency = cmp.Or(s.Idempotency, DefaultIdempotency)
	s.PresenceInterval = cmp.Or(s.PresenceInterval, DefaultPresenceInterval)
	s.PresenceGrace = cmp.Or(s.PresenceGrace, DefaultPresenceGrace)
	s.PresenceSample = cmp.Or(s.PresenceSample, DefaultPresenceSample)
	return s
}

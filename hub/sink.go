package hub

// A Sink is the receiving end of one subscription: a WebSocket, a stream of events,
// a test.
//
// The hub calls it from many goroutines, never from two at once, and in order.
// It must not block, because others wait for it, and must not call the subscription's
// methods, but Filter and Sink, nor publish before it returns.
type Sink interface {
	// Deliver takes a message. It returns false if it wants no more for now: the hub
	// then holds the subscription, which costs nothing but its position in the
	// log, until Subscription.Resume is called. After Resume was called early, or
	// together with a Deliver that returns false, one more message may come.
	Deliver(s *Subscription, m *Message) (more bool)

	// Notify takes what else there is to know.
	Notify(s *Subscription, n Notice)
}

// A Fan takes a message for many subscriptions at once. Subscriptions that name the
// same Fan in their options are delivered to through it while they are live, all
// others through their Sinks.
type Fan interface {
	// DeliverAll does what Deliver of the Sink of each subscription would do, and
	// appends those that want no more to held, which it returns. subs and held
	// are lent. It must not block. Calls for one topic do not overlap; calls for
	// different topics do.
	DeliverAll(subs []*Subscription, m *Message, held []*Subscription) []*Subscription
}

// A NoticeKind says what a Notice is about.
type NoticeKind uint8

// The kinds of notices.
const (
	// Attached comes once, before anything else: from now on nothing passes the
	// subscription by. At is its position, Gap is set if what was asked for is not
	// all there: then follows what there is.
	Attached NoticeKind = iota

	// Live comes when the subscription has caught up for the first time: what
	// comes next is new. At is its position.
	Live

	// Gap says that messages which should have come now are lost. At is the
	// position behind them.
	Gap

	// PresenceChanged brings Presence.
	PresenceChanged

	// Ended comes last: the hub gives the subscription up because of Err, and At
	// is the position to come back with. There is none after Close.
	Ended
)

// A Notice is what a subscription is told beside its messages.
type Notice struct {
	Kind     NoticeKind
	At       Cursor          // not with PresenceChanged
	Gap      bool            // with Attached
	Presence *PresenceChange // with PresenceChanged; shared by all receivers
	Err      error           // with Ended
}

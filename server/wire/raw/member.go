package raw

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// Close codes of the raw form, beside those of RFC 6455 §7.4.
const (
	statusTakenOver websocket.StatusCode = 4009
	statusGap       websocket.StatusCode = 4010
)

// maxUnanswered is how many pings a session may leave unanswered before it gets no
// more but those that its window needs.
const maxUnanswered = 4

// A member is one socket of a topic, and a Sink to the hub.
type member struct {
	wire    *Wire
	fan     *fan
	sub     *hub.Subscription // set before there is a socket
	session *hub.Session      // nil if it has none
	from    string            // what it publishes is from, "" if nobody asks

	conn     atomic.Pointer[event.Conn] // nil until the handshake is done, and for good if all was over before
	unstored wire.Unstored
	failed   atomic.Bool // what it published was not stored

	mu     sync.Mutex // guards what follows; Conn's methods may be called with it
	flow   wire.Flow
	at     hub.Cursor     // of the last message that was sent; before the first, what was asked for
	early  []*hub.Message // those that came before there was a socket, no more than one or what a fan gathers
	end    *ending        // why nothing is sent any more, nil while it is
	held   bool           // it wants no more until its window is open
	listed bool           // the pinger has it
	lost   bool           // its session may have been forgotten
	left   bool           // it is over
}

// An ending is what a socket is closed with.
type ending struct {
	code   websocket.StatusCode
	reason string
	gap    hub.Cursor // the position behind the gap that it tells of, zero without one
}

// resume opens the session of a new member, and has it begin where the session was.
func (m *member) resume(id, topic string, o *hub.SubscribeOptions) error {
	s, err := m.wire.hub.OpenSession(id, m.taken)
	if err != nil {
		return err
	}
	m.session, m.from = s, "session "+id
	after, known, lost := s.Resume(topic)
	if known {
		o.After, o.Last = after, 0
	}
	// Who gives a cursor of its own misses nothing behind that, whatever we have forgotten.
	m.lost = lost && !known && o.After.IsZero()
	return nil
}

// taken is called when another connection goes on with the session.
func (m *member) taken() { m.finish(ending{code: statusTakenOver, reason: "taken over"}) }

// open is called when there is a socket.
func (m *member) open(c *event.Conn) {
	m.mu.Lock()
	if end := m.end; end != nil {
		m.mu.Unlock()
		// Nobody else gets to know the socket: a message that came now would be before
		// the gap that it lies behind.
		_ = c.Close(end.code, end.reason)
		return
	}
	for _, msg := range m.early {
		_ = c.SendPrepared(frameOf(msg)) // its OnClose tells
	}
	waits := len(m.early) > 0
	if waits {
		m.note(c, len(m.early), sizeOf(m.early), m.early[len(m.early)-1].At)
		waits = !m.held
	}
	m.early = nil
	m.conn.Store(c)
	m.mu.Unlock()
	if waits {
		m.sub.Resume()
	}
}

// Deliver sends msg to the socket and never waits for it.
func (m *member) Deliver(_ *hub.Subscription, msg *hub.Message) (more bool) {
	c := m.socket(msg)
	if c == nil {
		return false
	}
	_ = c.SendPrepared(frameOf(msg)) // its OnClose tells
	return m.sent(c, 1, len(msg.Payload), msg.At)
}

// sizeOf returns how many bytes of payload messages have.
func sizeOf(messages []*hub.Message) (n int) {
	for _, m := range messages {
		n += len(m.Payload)
	}
	return n
}

// socket returns the socket. If there is none yet, it keeps messages for it; the hub then
// waits until it is resumed.
func (m *member) socket(messages ...*hub.Message) *event.Conn {
	if c := m.conn.Load(); c != nil {
		return c
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.conn.Load()
	if c == nil && m.end == nil {
		m.early = append(m.early, messages...)
	}
	return c
}

// sent takes note that messages of so many bytes were sent, the last of which stands at a
// position, and sends a ping behind them if one is due. It tells whether the window has
// room for more. Because the note is taken when they are on their way, a ping never
// carries the position of one that is not.
func (m *member) sent(c *event.Conn, messages, bytes int, at hub.Cursor) (more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note(c, messages, bytes, at)
	return !m.held
}

// note is sent with mu held.
func (m *member) note(c *event.Conn, messages, bytes int, at hub.Cursor) {
	m.at = at
	m.flow.Sent(messages, bytes)
	switch {
	case m.flow.Due(m.wire.window):
		m.ping(c)
	case m.session != nil && !m.listed && m.flow.Unpinged():
		m.list()
	}
	m.held = m.flow.Full(m.wire.window)
}

// wantsNoMore tells that the window is full, or that there is no socket yet.
func (m *member) wantsNoMore() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held || m.conn.Load() == nil
}

// ping sends a ping that carries the position. mu must be held.
func (m *member) ping(c *event.Conn) {
	if m.left {
		return
	}
	var payload [hub.MaxCursorLen]byte
	_ = c.Ping(m.flow.AppendPing(payload[:0], m.at))
}

// list has PingNow called soon, unless many pings are not answered: then the answer to
// one of them does. mu must be held.
func (m *member) list() {
	if m.flow.Unanswered() < maxUnanswered {
		m.listed = true
		m.wire.pinger.Add(m)
	}
}

// PingNow sends the ping that a session needs behind the last message.
func (m *member) PingNow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed = false
	if c := m.conn.Load(); c != nil && m.flow.Unpinged() {
		m.ping(c)
	}
}

// pong takes the answer to a ping. Others are ignored.
func (m *member) pong(p []byte) {
	m.mu.Lock()
	at, ok := m.flow.Pong(p)
	if !ok {
		m.mu.Unlock()
		return
	}
	if m.session != nil && !m.listed && m.flow.Unpinged() {
		m.list()
	}
	resume := m.held && !m.flow.Full(m.wire.window)
	m.held = m.held && !resume
	m.mu.Unlock()
	if m.session != nil {
		m.session.Advance(m.sub.Filter(), at)
	}
	if resume {
		m.sub.Resume()
	}
}

// Notify takes what else there is to know.
func (m *member) Notify(s *hub.Subscription, n hub.Notice) {
	switch n.Kind {
	case hub.Attached:
		m.attached(s.Filter(), n)
	case hub.Gap:
		m.tellGap(n.At)
	case hub.Ended:
		m.fan.settle() // before the last word
		m.finish(endingOf(n.Err))
	case hub.Live, hub.PresenceChanged: // a raw socket is told of messages alone
	}
}

// attached takes the position at which the subscription begins.
func (m *member) attached(topic string, n hub.Notice) {
	if (n.Gap || m.lost) && !m.knows(n.At) {
		m.tellGap(n.At)
		return
	}
	if m.session != nil {
		// The position of a session that has received nothing, so that it misses
		// nothing of what comes.
		m.session.Advance(topic, n.At)
	}
}

// knows tells whether the peer has been told that there is a gap behind a position.
func (m *member) knows(at hub.Cursor) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at.Time == 0 && m.at.Offset == at.Offset && m.at.Epoch == at.Epoch
}

// tellGap closes the socket with the position behind the gap. A session goes on behind it
// only if the peer answers this very code, see closed: until then it was not told.
//
// If the topic keeps the latest message of each key, these come first behind a gap, and
// the position is the one before it. Then the cursor has no time, and whoever comes with
// it is one who knows.
func (m *member) tellGap(at hub.Cursor) {
	m.mu.Lock()
	if at.Offset == m.at.Offset {
		at.Time = 0
	}
	m.mu.Unlock()
	m.finish(ending{code: statusGap, reason: "gap after=" + at.String(), gap: at})
}

// endingOf returns how a socket learns that its subscription is over.
func endingOf(err error) ending {
	if errors.Is(err, hub.ErrClosed) {
		return ending{code: websocket.StatusGoingAway, reason: "server is shutting down"}
	}
	code, _, _ := wire.Describe(err)
	return ending{code: websocket.StatusTryAgainLater, reason: code}
}

// isOver tells that the hub has closed before there is a socket.
func (m *member) isOver() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end != nil && m.end.code == websocket.StatusGoingAway
}

// finish closes the socket, now or when it is there. Only the first ending counts.
func (m *member) finish(e ending) {
	m.mu.Lock()
	if m.end != nil {
		m.mu.Unlock()
		return
	}
	m.end, m.early = &e, nil
	c := m.conn.Load()
	m.mu.Unlock()
	if c != nil {
		_ = c.Close(e.code, e.reason)
	}
}

// closed is called when the socket has ended.
func (m *member) closed(err error) {
	m.mu.Lock()
	end := m.end
	m.mu.Unlock()
	if m.session != nil && end != nil && !end.gap.IsZero() && answered(err, statusGap) {
		m.session.Advance(m.sub.Filter(), end.gap)
	}
	m.leave()
}

// answered tells whether the peer answered our close frame with the same code, as those
// do that have seen it (RFC 6455 §5.5.1).
func answered(err error, code websocket.StatusCode) bool {
	var e *websocket.CloseError
	return errors.As(err, &e) && e.Received != nil && e.Received.Code == code && !e.ReceivedFirst
}

// leave ends what the member is part of.
func (m *member) leave() {
	m.mu.Lock()
	again := m.left
	m.left = true
	m.flow.Drop()
	m.mu.Unlock()
	if again {
		return
	}
	if m.sub != nil {
		m.sub.Close()
	}
	m.wire.exit(m.fan)
	if m.session != nil {
		m.session.Close()
	}
}

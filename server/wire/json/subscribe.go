package json

import (
	"slices"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
)

// A subscription is one subscription of a socket, and its Sink to the hub.
type subscription struct {
	socket *socket
	filter string
	wild   bool              // filter is one with wildcards
	sub    *hub.Subscription // set by whoever drives the connection
	held   bool              // it is in socket.held; guarded by socket.mu

	// What follows belongs to the hub's calls.

	id       string // of the request, until it is answered
	attached bool   // it is
}

// subscribe begins a subscription, or replaces one of the same filter. The answer is sent
// when the hub has attached it.
func (s *socket) subscribe(q *request) error {
	o, err := s.subscribeOptions(q)
	if err != nil {
		return err
	}
	m := &subscription{socket: s, filter: q.name, id: q.id, wild: hub.IsFilter(q.name)}
	if m.wild {
		o.Fan = filterFan{q.name}
	} else {
		o.Fan = topicFan{}
	}
	s.mu.Lock()
	old := s.subs[q.name]
	if old == nil && len(s.subs) >= s.wire.most {
		s.mu.Unlock()
		return &wire.Refusal{Code: "too_many", Detail: "the connection has as many subscriptions as it may have; end some, or use a filter"}
	}
	if s.subs == nil {
		s.subs = make(map[string]*subscription)
	}
	s.subs[q.name] = m // now, as the hub may end it before it has returned it
	s.mu.Unlock()
	if old != nil {
		old.end()
	}
	h, err := s.wire.hub.Subscribe(q.name, m, o)
	if err != nil {
		s.forget(m)
		return err
	}
	m.sub = h
	return nil
}

// subscribeOptions returns what a sub asks for, if it may.
func (s *socket) subscribeOptions(q *request) (*hub.SubscribeOptions, error) {
	if err := hub.CheckFilter(q.name); err != nil {
		return nil, err
	}
	if hub.IsFilter(q.name) && (q.last > 0 || q.presence || q.as != "") {
		return nil, wire.BadRequest("last, presence and as need one topic, not a filter")
	}
	if q.as != "" && s.identity.Name != "" && q.as != s.identity.Name {
		return nil, errNotYou
	}
	o := &hub.SubscribeOptions{Last: q.last, Latest: true, Presence: q.presence, As: q.as}
	if q.after != "" {
		var err error
		if o.After, err = hub.ParseCursor(q.after); err != nil {
			return nil, err
		}
	}
	if !q.self {
		o.Except = s.sender()
	}
	return o, nil
}

// sender returns what messages of this socket are from.
func (s *socket) sender() string {
	if s.from == "" {
		s.from = s.wire.newName()
	}
	return s.from
}

// unsubscribe ends a subscription; it is no error if there is none.
func (s *socket) unsubscribe(q *request) error {
	if err := hub.CheckFilter(q.name); err != nil {
		return err
	}
	s.mu.Lock()
	m := s.subs[q.name]
	delete(s.subs, q.name)
	s.mu.Unlock()
	if m != nil {
		m.end()
	}
	s.ok(q.id)
	return nil
}

// end ends a subscription that its client does not want any more.
func (m *subscription) end() {
	m.sub.Close()
	m.leaveHeld() // now that nothing comes that could put it there again
}

// leaveHeld takes m out of those that wait for the window.
func (m *subscription) leaveHeld() {
	s := m.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.held, m); i >= 0 {
		s.held = slices.Delete(s.held, i, i+1)
	}
	m.held = false
}

// forget takes m out of the socket's subscriptions, if it was not replaced.
func (s *socket) forget(m *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[m.filter] == m {
		delete(s.subs, m.filter)
	}
}

// Deliver sends a message to the socket and never waits for it.
func (m *subscription) Deliver(_ *hub.Subscription, msg *hub.Message) (more bool) {
	f := m.frame(msg)
	_ = m.socket.conn.SendPrepared(f) // its OnClose tells
	return m.sent(f)
}

// frame returns the frame of a message for this subscription.
func (m *subscription) frame(msg *hub.Message) *websocket.Prepared {
	if m.wild {
		return encode(msg, m.filter)
	}
	return frameOf(msg)
}

// sent takes note that f was sent, and tells whether more may be.
func (m *subscription) sent(f *websocket.Prepared) (more bool) {
	s := m.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent(len(f.Payload())) {
		return true
	}
	if !m.held && !s.over {
		m.held = true
		s.held = append(s.held, m)
	}
	return false
}

// Notify takes what else there is to know.
func (m *subscription) Notify(_ *hub.Subscription, n hub.Notice) {
	s := m.socket
	switch n.Kind {
	case hub.Attached:
		s.send(func(dst []byte) []byte { return appendSub(dst, m.filter, m.id, n) })
		m.id, m.attached = "", true
	case hub.Gap:
		s.send(func(dst []byte) []byte { return appendGap(dst, m.filter, n.At) })
	case hub.PresenceChanged:
		f := n.Presence.Encoded(hub.FormB, encodePresence).(*websocket.Prepared) //nolint:forcetypeassert // the form is this package's
		_ = s.conn.SendPrepared(f)                                               // its OnClose tells
		s.mu.Lock()
		s.sent(len(f.Payload()))
		s.mu.Unlock()
	case hub.Ended:
		s.forget(m)
		m.leaveHeld()
		if !m.attached {
			s.refuse(m.id, n.Err)
			return
		}
		s.send(func(dst []byte) []byte { return appendEnd(dst, m.filter, n) })
	case hub.Live: // clients see it by themselves: the position is that of the answer
	}
}

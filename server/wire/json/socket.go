package json

import (
	"errors"
	"sync"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/wire"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// A socket is one WebSocket. What a client asks for is handled by whoever drives its
// connection, one request at a time; what subscriptions bring comes from anywhere.
type socket struct {
	wire     *Wire
	conn     *event.Conn // set by open, before anything else happens
	unstored wire.Unstored

	// What follows belongs to whoever drives the connection.

	from     string // what it publishes is from, "" if it has not needed it yet
	identity Identity
	expiry   *time.Timer // nil if the identity lasts

	mu    sync.Mutex // guards what follows; Conn's methods may be called with it
	subs  map[string]*subscription
	flow  wire.Flow
	pings uint64          // sent so far
	held  []*subscription // those that wait for the window, in order
	gets  []query         // what waits to be read for it
	busy  bool            // the readers have it
	said  bool            // bye
	warn  bool            // the log was told of it
	over  bool            // it has ended
}

// buffers holds *[]byte to which an answer is appended.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is how many bytes a buffer may have to be used again.
const maxBuffer = 64 << 10

// send sends what appendTo appends to an empty buffer.
func (s *socket) send(appendTo func(dst []byte) []byte) {
	b := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	*b = appendTo((*b)[:0])
	_ = s.conn.Send(websocket.Text, *b) // its OnClose tells
	s.mu.Lock()
	s.sent(len(*b))
	s.mu.Unlock()
	if cap(*b) <= maxBuffer {
		buffers.Put(b)
	}
}

// refuse answers a request with an error.
func (s *socket) refuse(id string, err error) {
	s.send(func(dst []byte) []byte { return appendErr(dst, id, err) })
}

// sent takes note that n bytes were sent, and sends a ping behind them if one is due. It
// tells whether the window has room for more. mu must be held.
func (s *socket) sent(n int) (more bool) {
	s.flow.Sent(1, n)
	s.pingIfDue()
	return !s.flow.Full(s.wire.window)
}

// pingIfDue sends a ping if one is due. mu must be held.
func (s *socket) pingIfDue() {
	if s.flow.Due(s.wire.window) && !s.over {
		s.pings++
		var payload [hub.MaxCursorLen]byte
		// A number, in the form that raw sockets have positions in.
		_ = s.conn.Ping(s.flow.AppendPing(payload[:0], hub.Cursor{Offset: s.pings}))
	}
}

// open is called when the handshake is done.
func (s *socket) open(c *event.Conn) {
	s.mu.Lock()
	s.conn = c
	s.mu.Unlock()
	if s.wire.closing.Load() {
		s.bye("shutdown")
	}
}

// receive takes a frame.
func (s *socket) receive(t websocket.MessageType, p []byte) {
	if t != websocket.Text {
		s.refuse("", wire.BadRequest("binary frames are refused; send one JSON object in each text frame, bytes as base64"))
		return
	}
	q, err := parse(p)
	if err != nil {
		s.refuse(q.id, err)
		return
	}
	switch q.verb {
	case sub:
		err = s.subscribe(&q)
	case unsub:
		err = s.unsubscribe(&q)
	case pub:
		err = s.publish(&q)
	case get:
		err = s.get(&q)
	case who:
		err = s.who(&q)
	case auth:
		err = s.auth(&q)
	case noVerb: // parse has refused it
	}
	if err != nil {
		s.refuse(q.id, err)
	}
}

// ok answers a request that has nothing else to say.
func (s *socket) ok(id string) {
	if id != "" {
		s.send(func(dst []byte) []byte { return appendOK(dst, id) })
	}
}

// pong takes the answer to a ping. Others are ignored. If there is room again, those who
// wait for it go on, one after the other as long as there is.
func (s *socket) pong(p []byte) {
	s.mu.Lock()
	_, ok := s.flow.Pong(p)
	if ok {
		s.pingIfDue() // what was sent when there were too many pings has none
	}
	for ok && len(s.held) > 0 && !s.flow.Full(s.wire.window) {
		next := s.held[0]
		s.held[0] = nil
		if s.held = s.held[1:]; len(s.held) == 0 {
			s.held = nil
		}
		next.held = false
		s.mu.Unlock()
		next.sub.Resume()
		s.mu.Lock()
	}
	ask := ok && !s.busy && len(s.gets) > 0 && !s.flow.Full(s.wire.window)
	s.busy = s.busy || ask
	s.mu.Unlock()
	if ask {
		s.wire.readers.add(s)
	}
}

// bye announces that the server closes the socket.
func (s *socket) bye(reason string) {
	s.mu.Lock()
	again := s.said || s.conn == nil
	s.said = s.said || !again
	s.mu.Unlock()
	if !again {
		s.send(func(dst []byte) []byte { return appendBye(dst, retryAfter(), reason) })
	}
}

// closed is called when the connection has ended.
func (s *socket) closed() {
	s.mu.Lock()
	subs := s.subs
	s.over, s.subs, s.held, s.gets = true, nil, nil, nil
	s.flow.Drop()
	s.mu.Unlock()
	if s.expiry != nil {
		s.expiry.Stop()
	}
	for _, m := range subs {
		m.sub.Close()
	}
}

// who answers with a page of those who are present. They are in memory.
func (s *socket) who(q *request) error {
	if err := hub.CheckTopic(q.name); err != nil {
		return err
	}
	if q.id != "" {
		page := s.wire.hub.Presence(q.name, q.after, limitOf(q))
		s.send(func(dst []byte) []byte { return appendWho(dst, q.id, &page) })
	}
	return nil
}

// limitOf returns how many things a request asks for.
func limitOf(q *request) int {
	if q.limit == 0 {
		return 100
	}
	return q.limit
}

var (
	errNoAuth     = &wire.Refusal{Code: "unsupported", Detail: "this server does not authenticate; leave auth out"}
	errBadToken   = &wire.Refusal{Code: "denied", Detail: "the token is not valid"}
	errOtherName  = &wire.Refusal{Code: "denied", Detail: "the token is of somebody else; open another connection for it"}
	errNotYou     = &wire.Refusal{Code: "denied", Detail: "as is not the name that the token is for"}
	errExpired    = &wire.Refusal{Code: "denied", Detail: "the token has expired; connect again and give a new one"}
	errExpiredNow = errors.New("the token has expired already")
)

// auth takes a token, the first or one that replaces another in time.
func (s *socket) auth(q *request) error {
	if s.wire.authenticate == nil {
		return errNoAuth
	}
	who, err := s.wire.authenticate(q.name)
	var left time.Duration
	if err == nil && !who.Expires.IsZero() {
		if left = time.Until(who.Expires); left <= 0 {
			err = errExpiredNow
		}
	}
	switch {
	case err != nil || wire.CheckName("", who.Name) != nil:
		return errBadToken
	case s.identity.Name != "" && s.identity.Name != who.Name:
		return errOtherName
	}
	s.identity = who
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if left > 0 {
		s.expiry = time.AfterFunc(left, s.expire)
	}
	s.ok(q.id)
	return nil
}

// expire closes the socket because its client gave no new token in time.
func (s *socket) expire() {
	s.refuse("", errExpired)
	_ = s.conn.Close(websocket.StatusPolicyViolation, "token expired")
}

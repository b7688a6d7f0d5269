package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/duplexhq/duplex/websocket/deflate"
)

var (
	errEnd     = errors.New("the server ended a connection")
	errSurplus = errors.New("more messages came than were sent")
	errSilent  = fmt.Errorf("nothing has come for %v", silence)
)

// A Set is connections to one server. It is for one goroutine at a time, locked to
// its thread. After an error it is of no more use than to be closed.
type Set struct {
	conns   []conn
	poller  *poller
	base    time.Time // of all clocks
	in      []byte    // for whatever is read
	stream  *stream
	decoder *deflate.Decoder

	takeover bool // the server may refer to earlier messages when it compresses
	framed   bool // the server sends messages in several frames
	settled  bool // all connections have answered a ping
}

// A conn is one connection.
type conn struct {
	fd     int
	number int // in the Set

	next    int  // frame of the stream to send
	outAt   int  // where in stream.out the bytes begin that are to be written
	outLeft int  // how many they are
	blocked bool // they wait for room

	awaited int     // payload that must come next
	at      int     // how much of the frame that must come has come, while parser is nil
	parser  *parser // takes whatever frames there are

	inFlight int
	sent     []time.Duration // when those in flight were, the oldest at first
	first    int

	window *deflate.Window // of the server's compression; nil without
}

// handshakes at the same time while a Set is opened.
const opening = 64

// Open opens n connections, or none and returns an error.
func Open(ctx context.Context, t *Target, n int) (*Set, error) {
	s := &Set{base: time.Now(), in: make([]byte, 256<<10)}
	var err error
	if s.poller, err = newPoller(); err != nil {
		return nil, err
	}
	h, err := newHandshakes(t, opening)
	if err != nil {
		s.poller.close()
		return nil, err
	}
	defer h.close()
	err = h.run(func() bool { return len(s.conns)+h.pending() < n && ctx.Err() == nil }, func(d done) error {
		s.conns = append(s.conns, conn{fd: d.fd, number: len(s.conns)})
		return s.admit(d.answer)
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("connection %d: %w", len(s.conns), err)
	}
	return s, nil
}

// admit begins with the connection that was opened last.
func (s *Set) admit(answer []byte) error {
	i := len(s.conns) - 1
	if bytes.Contains(answer, []byte("permessage-deflate")) {
		s.decoder = deflate.NewDecoder()
		s.conns[i].window = deflate.NewWindow(15)
		s.takeover = !bytes.Contains(answer, []byte("server_no_context_takeover"))
	}
	return s.poller.watch(s.conns[i].fd, i)
}

// Len returns the number of connections.
func (s *Set) Len() int { return len(s.conns) }

// Deflates tells whether the server agreed to compress, and whether with takeover.
func (s *Set) Deflates() (on, takeover bool) { return s.decoder != nil, s.takeover }

// Close resets all connections.
func (s *Set) Close() {
	for i := range s.conns {
		reset(s.conns[i].fd)
	}
	s.conns = nil
	s.poller.close()
}

// now returns the time since the Set was opened.
func (s *Set) now() time.Duration { return time.Since(s.base) }

// begin makes ready for a slice: nothing is in flight.
func (s *Set) begin(m Message) {
	if s.stream == nil || s.stream.message != m {
		s.stream = newStream(m)
		for i := range s.conns {
			c := &s.conns[i]
			c.next, c.awaited, c.parser = 0, 0, nil
		}
	}
	s.framed = s.stream.wantSize == 0
}

// addr parses the address of a Target.
func (t *Target) addr() (netip.AddrPort, error) {
	a, err := netip.ParseAddrPort(t.Addr)
	if err == nil && !a.Addr().Is4() {
		err = fmt.Errorf("%s is no address of IPv4", t.Addr)
	}
	return a, err
}

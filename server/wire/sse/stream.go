package sse

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/duplexhq/duplex/hub"
)

// After how many milliseconds a browser whose stream has ended connects again: at
// random, other for each stream, so that those of a server that restarted do not come
// all at once.
const (
	minRetry = 500
	maxRetry = 5000
)

// A stream is one answer that does not end by itself.
type stream struct {
	options  *Options
	reader   *hub.Reader
	sub      *hub.Subscription
	to       http.ResponseWriter
	control  *http.ResponseController
	envelope bool

	at hub.Cursor // what the client has as Last-Event-ID, once it has read everything
}

// run writes until the client is gone, ctx is done or the subscription ends.
func (s *stream) run(ctx context.Context) {
	// The server's limits are for requests that end.
	_ = s.control.SetReadDeadline(time.Time{})
	defer context.AfterFunc(s.options.Until, func() { _ = s.control.SetWriteDeadline(time.Now().Add(lastWrite)) })()
	err := s.write(fmt.Appendf(nil, "retry: %d\n\n", minRetry+rand.IntN(maxRetry-minRetry)))
	for err == nil {
		err = s.step(ctx)
	}
}

// step waits for what comes next and writes it.
func (s *stream) step(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, s.options.Keepalive)
	items, err := s.reader.Next(wait)
	cancel()
	switch {
	case err == nil:
		return s.send(items)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return s.keepalive(wait)
	}
}

// keepalive says where the stream is, which may be further than its last message: the
// further, the less a client that comes back asks for. over is done.
func (s *stream) keepalive(over context.Context) error {
	// In this order: what was delivered before the position was asked for is with the
	// reader, and must be written first.
	at := s.sub.At()
	if items, err := s.reader.Next(over); err == nil {
		return s.send(items)
	}
	if !s.at.IsZero() { // it has not begun yet
		s.at = at
	}
	return s.write(appendKeepalive(nil, s.at))
}

// send writes what has come, in one piece but for what is large: that is written from where
// all streams have it, as many of them may wait for their clients at the same time.
func (s *stream) send(items []hub.Item) error {
	var p []byte
	for _, item := range items {
		m := item.Message
		if m == nil {
			p = s.appendNotice(p, item.Notice)
			if item.Notice.Kind == hub.Ended {
				return errors.Join(s.write(p), errEnded)
			}
			continue
		}
		if len(m.Payload) < piece {
			s.at = m.At
			p = append(p, encoded(m, s.envelope)...)
			continue
		}
		if err := s.write(p); err != nil {
			return err
		}
		p = p[:0]
		s.at = m.At
		if err := s.write(encoded(m, s.envelope)); err != nil {
			return err
		}
	}
	return s.write(p)
}

// errEnded ends a stream whose subscription the hub has given up. The client is not
// told why: it comes back by itself, with the cursor of what it has.
var errEnded = errors.New("the subscription has ended")

// appendNotice appends what a client has to know. A client that has received nothing
// yet is told its position, so that it goes on from there if it has to come back.
func (s *stream) appendNotice(p []byte, n hub.Notice) []byte {
	switch n.Kind {
	case hub.Attached, hub.Gap:
		s.at = n.At
		if n.Gap || n.Kind == hub.Gap {
			return appendGap(p, n.At)
		}
		return appendID(p, n.At)
	case hub.Live:
		if s.at.Offset != n.At.Offset { // the latest of each key have older positions
			s.at = n.At
			return appendID(p, n.At)
		}
	}
	return p
}

// piece is how many bytes the network must take within Options.WriteTimeout. It is small so
// that a slow line gets a large message as well.
const piece = 16 << 10

// lastWrite is how long the piece may take that is being written when the server ends.
const lastWrite = time.Second

// write sends p to the client and gives it up if that takes too long, or the server ends.
func (s *stream) write(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), piece)
		_ = s.control.SetWriteDeadline(time.Now().Add(s.options.WriteTimeout))
		// In this order: the server may end in between.
		if err := s.options.Until.Err(); err != nil {
			return err
		}
		if _, err := s.to.Write(p[:n]); err != nil {
			return err
		}
		if err := s.control.Flush(); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

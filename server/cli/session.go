package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket"
)

const (
	pongTimeout   = 10 * time.Second // how long /ping waits
	answerTimeout = 5 * time.Second  // how long the end of the input waits for answers
)

// A session is one conversation: a goroutine that receives, one that sends what
// is typed, and run, which decides when it is over.
type session struct {
	conn    *websocket.Conn
	screen  *screen.Screen
	options *connectCommand

	ended chan struct{} // closed when the connection is over; end is set then
	end   error
	first chan struct{} // closed when the first message was shown
}

func newSession(conn *websocket.Conn, sc *screen.Screen, o *connectCommand) *session {
	return &session{conn: conn, screen: sc, options: o, ended: make(chan struct{}), first: make(chan struct{})}
}

// run holds the conversation and returns the exit status.
func (s *session) run(signals <-chan os.Signal) int {
	sent := make(chan error, 1)
	first, linger, wrong, closing := s.first, (<-chan time.Time)(nil), false, false
	end := func() {
		if !closing {
			closing = true
			go func() { _ = s.conn.Close(websocket.StatusNormalClosure, "") }()
		}
	}
	go s.receive()
	go func() {
		err := s.send()
		if err != nil || !s.options.Once && s.options.Linger == 0 {
			s.awaitAnswers()
		}
		sent <- err
	}()
	for {
		select {
		case <-s.ended:
			return s.verdict(wrong)
		case err := <-sent:
			wrong = err != nil
			switch {
			case wrong:
				s.screen.Problem("%v", err)
				end()
			case s.options.Linger > 0 && !s.screen.Interactive():
				linger = time.After(s.options.Linger)
			case s.options.Once && !s.screen.Interactive():
				// The first message ends it, whenever it comes.
			default:
				end()
			}
		case <-linger:
			end()
		case <-first:
			first = nil
			if s.options.Once {
				end()
			}
		case <-signals:
			if closing {
				return statusInterrupted
			}
			end()
		}
	}
}

// receive shows what comes, until the connection is over.
func (s *session) receive() {
	defer close(s.ended)
	for n := 0; ; n++ {
		t, p, err := s.conn.Read(context.Background())
		if errors.Is(err, websocket.ErrConcurrentRead) {
			// A Close came between two Reads, and reads by itself from there
			// on. This one waits for it; the next Read tells the end.
			_ = s.conn.Close(websocket.StatusNormalClosure, "")
			continue
		}
		if err != nil {
			s.end = err
			return
		}
		if n > 0 && s.options.Once {
			continue // it came before the server knew that we had enough
		}
		s.screen.Message(t == websocket.Binary, p)
		if n == 0 {
			close(s.first)
		}
	}
}

// send does what the lines ask for, until there are no more or the connection is
// over. Somebody who types is told of mistakes; in a pipe the first one is the
// error and the rest is not sent, for nobody would notice the gap.
func (s *session) send() error {
	for n := 1; ; n++ {
		line, err := s.screen.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("input: %w", err)
		}
		over, err := s.obey(line)
		switch {
		case over:
			return nil
		case err == nil:
		case s.screen.Interactive():
			s.screen.Problem("%s", plain(err))
		default:
			return fmt.Errorf("line %d of the input: %s; nothing was sent from there on", n, plain(err))
		}
	}
}

// awaitAnswers returns when the server has answered a ping. As that comes behind
// the answers to the messages before, nothing is lost to the closing handshake
// which follows: many servers drop what they have not sent when it begins.
func (s *session) awaitAnswers() {
	if s.screen.Interactive() {
		return // whoever types sees what there is before saying that it is over
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	_, _ = s.conn.Ping(ctx)
}

// obey does what one line asks for. over tells that it was the last one.
func (s *session) obey(line []byte) (over bool, err error) {
	o, err := parseLine(line, s.options.Slash, s.options.Binary)
	if err != nil {
		return false, err
	}
	switch o.verb {
	case help:
		for _, line := range slashHelp {
			s.screen.Note("%s", line)
		}
	case ping:
		return s.ping()
	case hangUp:
		err = s.conn.Close(o.code, o.reason)
		return err == nil || isOver(err), err
	case send:
		t := websocket.Text
		if o.binary {
			t = websocket.Binary
		}
		err = s.conn.Write(context.Background(), t, o.data)
		if errors.Is(err, websocket.ErrNotUTF8) {
			err = errors.New("it is not UTF-8, which a text message must be; --binary sends it as bytes")
		}
		return isOver(err), err
	}
	return false, nil
}

// ping measures how long an answer takes.
func (s *session) ping() (over bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), pongTimeout)
	defer cancel()
	rtt, err := s.conn.Ping(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return false, fmt.Errorf("no pong within %v", pongTimeout)
	case err != nil:
		return isOver(err), err
	}
	s.screen.Note("pong after %v", rtt.Round(time.Microsecond))
	return false, nil
}

// isOver tells whether err says that the connection has ended, or is ending. How,
// the receiving side finds out and verdict says.
func isOver(err error) bool {
	var e *websocket.CloseError
	return errors.As(err, &e) || errors.Is(err, net.ErrClosed)
}

// verdict says how the conversation ended and returns the exit status. wrong
// tells that something was not sent.
func (s *session) verdict(wrong bool) int {
	sentence, ok := ending(s.end)
	if ok {
		s.screen.Note("%s", sentence)
	} else {
		s.screen.Problem("%s", sentence)
	}
	switch {
	case wrong:
		return statusUsage
	case !ok:
		return statusFailed
	}
	select {
	case <-s.first:
	default:
		if s.options.Once {
			s.screen.Problem("no message came")
			return statusFailed
		}
	}
	return statusOK
}

// ending puts into words how the connection ended, and tells whether that was a
// normal end.
func ending(err error) (sentence string, ok bool) {
	var e *websocket.CloseError
	if !errors.As(err, &e) {
		return plain(err), false
	}
	var broken *websocket.ProtocolError
	var tooBig *websocket.MessageTooBigError
	switch {
	case errors.As(e.Cause, &broken):
		return "the server broke the protocol: " + plain(broken), false
	case errors.As(e.Cause, &tooBig):
		return "the server sent too much: " + plain(tooBig), false
	case e.Received != nil && (e.ReceivedFirst || e.Sent == nil):
		return "closed by the server: " + frameText(e.Received), isFarewell(e.Received.Code)
	case e.Received != nil:
		return "closed: " + frameText(e.Sent), true
	case e.Sent != nil && errors.Is(e, net.ErrClosed):
		return fmt.Sprintf("closed: %s; the server did not answer", frameText(e.Sent)), true
	default:
		return plain(err), false
	}
}

// isFarewell tells whether code says that nothing is wrong.
func isFarewell(code websocket.StatusCode) bool {
	switch code {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusReceived:
		return true
	default:
		return false
	}
}

// frameText returns the code, its name and the reason of a close frame.
func frameText(f *websocket.CloseFrame) string {
	if f.Code == websocket.StatusNoStatusReceived {
		return "no code given"
	}
	return f.String()
}

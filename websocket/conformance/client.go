package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// idle is after how many timeouts without a connection a client counts as gone.
const idle = 15

// CheckClients runs the tests of a client against those that connect to l, which
// it closes in the end. Each connection is one test: the client completes the
// opening handshake, sends back each message as it came until the connection
// ends, and connects again for the next, until it is answered with 410 Gone.
// Clients may connect in parallel. o may be nil.
//
// The error says why there is no report: the options make no sense, ctx ended, or
// the clients stayed away for 15 times Options.Timeout after they had come once.
// In the two last cases the report of the tests done so far comes with it.
func CheckClients(ctx context.Context, l net.Listener, o *Options) (*Report, error) {
	o, tests, err := o.settle(ClientTests())
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h := newHost(ctx, cancel, l, o, tests)
	h.wg.Go(h.serve) // counted, so that end waits for what it still begins
	select {
	case <-h.allDone:
		h.linger()
	case <-ctx.Done():
	}
	return h.end()
}

// end closes the listener and returns the report.
func (h *host) end() (*Report, error) {
	_ = h.l.Close()
	h.wg.Wait()
	return h.run.end(h.ctx)
}

// A host gives each client that connects the next test.
type host struct {
	ctx     context.Context
	l       net.Listener
	o       *Options
	tests   []Test
	run     *run
	wg      sync.WaitGroup
	slots   chan struct{}           // one for each test that may run
	allDone chan struct{}           // closed when all tests are done
	gone    context.CancelCauseFunc // of ctx; told when clients stay away

	mu       sync.Mutex
	next     int    // the next test
	finished int    // how many are done
	last     string // the test that was begun last
	trouble  error  // why a connection came to nothing
	running  int
	most     int           // tests that ran at the same time
	ended    int           // connections that were answered with 410
	farewell chan struct{} // told each time
	absent   *time.Timer
}

func newHost(ctx context.Context, gone context.CancelCauseFunc, l net.Listener, o *Options, tests []Test) *host {
	if o.TLS != nil {
		l = tls.NewListener(spyListener{l}, o.TLS)
	}
	return &host{
		ctx: ctx, gone: gone, l: l, o: o, tests: tests,
		run:   newRun("client", l.Addr().String(), o, tests),
		slots: make(chan struct{}, o.Parallel), allDone: make(chan struct{}), farewell: make(chan struct{}, 1),
	}
}

// serve takes connections until the listener is closed.
func (h *host) serve() {
	for {
		conn, err := h.l.Accept()
		if errors.Is(err, net.ErrClosed) || h.ctx.Err() != nil {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors, most likely
			continue
		}
		h.wg.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(h.ctx, func() { _ = conn.Close() })
			defer stop()
			h.welcome(conn)
		})
	}
}

// welcome gives a connection the next test, or says why there is none.
func (h *host) welcome(conn net.Conn) {
	greeting, err := readGreeting(conn, h.o.Timeout)
	if err != nil {
		h.mu.Lock()
		h.trouble = err
		h.mu.Unlock()
		return
	}
	if !asksForWebSocket(greeting) {
		say(conn, h.o.Timeout, "200 OK", h.page(greeting))
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-h.ctx.Done():
		return
	}
	i, ok := h.take()
	if !ok {
		say(conn, h.o.Timeout, "410 Gone", "All tests are done.\n")
		h.mu.Lock()
		h.ended++
		h.mu.Unlock()
		select {
		case h.farewell <- struct{}{}:
		default:
		}
		return
	}
	var once sync.Once
	w := way{secure: h.o.TLS != nil, greeting: greeting, dial: func(context.Context) (c net.Conn, err error) {
		once.Do(func() { c = conn })
		if c == nil {
			panic("a test of a client has one connection")
		}
		return c, nil
	}}
	result := h.tests[i].conduct(h.ctx, h.o, Server, w)
	if h.ctx.Err() == nil {
		h.run.finish(i, result)
	}
	h.release()
}

// take returns the next test.
func (h *host) take() (i int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == len(h.tests) {
		return 0, false
	}
	if h.absent != nil {
		h.absent.Stop()
	}
	h.running++
	h.most = max(h.most, h.running)
	i = h.next
	h.next++
	h.last = h.tests[i].ID()
	return i, true
}

// release marks a test as done. From then on the client is waited for.
func (h *host) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finished++
	h.running--
	if h.finished == len(h.tests) {
		close(h.allDone)
		return
	}
	if h.running == 0 {
		h.absent = time.AfterFunc(idle*h.o.Timeout, h.vanished)
	}
}

// vanished ends the run.
func (h *host) vanished() {
	h.mu.Lock()
	err := fmt.Errorf("the client did not come back within %v after the test %q", idle*h.o.Timeout, h.last)
	if h.trouble != nil {
		err = fmt.Errorf("%w; a connection came to nothing: %w", err, h.trouble)
	}
	h.mu.Unlock()
	h.gone(err)
}

// linger waits for the clients to hear that all is done, for a moment.
func (h *host) linger() {
	late := time.After(h.o.Timeout / 2)
	for {
		h.mu.Lock()
		told := h.ended >= h.most
		h.mu.Unlock()
		if told {
			return
		}
		select {
		case <-h.farewell:
		case <-late:
			return
		case <-h.ctx.Done():
			return
		}
	}
}

// standing returns how many connections were made for tests, and whether there are
// tests left.
func (h *host) standing() (met int, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next + h.ended, h.next < len(h.tests)
}

// readGreeting returns what a client sends first: the head of a request, and what
// comes with it.
func readGreeting(conn net.Conn, timeout time.Duration) ([]byte, error) {
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	var b []byte
	for buf := make([]byte, 4<<10); !bytes.Contains(b, []byte("\r\n\r\n")); {
		n, err := conn.Read(buf)
		b = append(b, buf[:n]...)
		if err != nil && n == 0 {
			return nil, fmt.Errorf("%d bytes and no request: %w", len(b), err)
		}
		if len(b) > maxHead {
			return nil, fmt.Errorf("more than %d bytes without the end of a head", maxHead)
		}
	}
	return b, nil
}

// asksForWebSocket reports whether a request is one for a test, right or wrong.
func asksForWebSocket(greeting []byte) bool {
	head, _, _ := bytes.Cut(bytes.ToLower(greeting), []byte("\r\n\r\n"))
	return bytes.Contains(head, []byte("\nupgrade:")) || bytes.Contains(head, []byte("\nsec-websocket-"))
}

// say answers a request that is no test's.
func say(conn net.Conn, timeout time.Duration, status, text string) {
	_ = conn.SetDeadline(time.Now().Add(timeout))
	_, _ = conn.Write([]byte("HTTP/1.1 " + status + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
		strconv.Itoa(len(text)) + "\r\nConnection: close\r\n\r\n" + text))
	if c, ok := conn.(interface{ CloseWrite() error }); ok { // so that the answer is not lost in a reset
		_ = c.CloseWrite()
		_, _ = conn.Read(make([]byte, 1))
	}
}

// page explains to a person what to do. The address is the one the person used.
func (h *host) page(greeting []byte) string {
	addr := h.l.Addr().String()
	head, _, _ := bytes.Cut(greeting, []byte("\r\n\r\n"))
	if _, fields, err := splitHead(string(head)); err == nil && isHost(fields.Get("Host")) {
		addr = fields.Get("Host")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	scheme := "ws"
	if h.o.TLS != nil {
		scheme = "wss"
	}
	return strings.NewReplacer("{url}", scheme+"://"+addr+"/", "{done}", strconv.Itoa(h.finished),
		"{all}", strconv.Itoa(len(h.tests))).Replace(explanation)
}

// isHost reports whether s looks like a host with or without a port.
func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(".:-[]", r) && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

const explanation = `This is a test suite for WebSocket clients. {done} of {all} tests are done.

Let your client do this in a loop:

  1. Connect to {url}
  2. Send back each message as it came, text as text and binary as binary, until
     the connection ends. Some connections are refused or broken on purpose:
     that is no reason to stop.
  3. Begin again with 1, until the answer is 410 Gone. Then all tests are done.

Each connection is one test. Do not reconnect inside a test, and do not wait
between them. Connections may be made in parallel.
`

//go:build !386

package event

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// A bound listener is one whose connections go to one loop.
type bound struct {
	net.Listener
	loop *loop
}

// listen returns a listener for each loop, all on the same address. It returns none if
// there are no loops.
func (ls *loops) listen(addr string) ([]net.Listener, error) {
	if ls == nil {
		return nil, nil
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		e := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1)
		})
		return errors.Join(e, err)
	}}
	config.SetMultipathTCP(false)
	var all []net.Listener
	for _, l := range ls.start() {
		n, err := config.Listen(context.Background(), "tcp", addr)
		if err != nil {
			for _, l := range all {
				_ = l.Close()
			}
			return nil, err
		}
		addr = n.Addr().String() // which names the port, if it was left open
		all = append(all, bound{n, l})
	}
	return all, nil
}

// serve takes a listener over and returns when the server shuts down. It returns false if
// the listener is not one for epoll.
func (ls *loops) serve(s *Server, l net.Listener) (bool, error) {
	if ls == nil {
		return false, nil
	}
	b, isBound := l.(bound)
	if isBound {
		l = b.Listener
	}
	source, ok := l.(syscall.Conn)
	if _, isTCP := l.(*net.TCPListener); !isTCP {
		_, isUnix := l.(*net.UnixListener)
		ok = ok && isUnix
	}
	if !ok {
		return false, nil
	}
	all := ls.start()
	if isBound {
		all = []*loop{b.loop}
	}
	if len(all) == 0 {
		return false, nil
	}
	fd, err := listenerFD(source)
	if err != nil {
		return true, err
	}
	if _, isTCP := l.(*net.TCPListener); isTCP {
		_ = l.Close() // the loops have the other descriptor; closing a Unix one would remove its name
	}
	ended := make(chan struct{})
	s.listening.Lock()
	if s.isClosed() {
		close(ended)
	} else {
		s.ends = append(s.ends, ended)
		for _, l := range all {
			l.do(func() { l.listenOn(fd, len(all) > 1) })
		}
	}
	s.listening.Unlock()
	<-ended
	closed := make(chan struct{}, len(all))
	for _, l := range all {
		l.do(func() {
			l.stopListening(fd)
			closed <- struct{}{}
		})
	}
	for range all {
		<-closed
	}
	return true, syscall.Close(fd)
}

// listenerFD returns a descriptor of our own for a listener.
func listenerFD(l syscall.Conn) (int, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd := -1
	e := raw.Control(func(old uintptr) { fd, err = duplicate(int(old)) })
	if err := errors.Join(e, err); err != nil {
		return 0, fmt.Errorf("websocket: listener: %w", err)
	}
	return fd, nil
}

// listenOn has the loop accept connections from a listener.
func (l *loop) listenOn(fd int, shared bool) {
	events := uint32(syscall.EPOLLIN)
	if shared {
		events |= epollExclusive
	}
	l.sockets = append(l.sockets, socket{fd, events})
	_ = epollControl(l.ep, syscall.EPOLL_CTL_ADD, fd, events, 0)
}

// stopListening takes that back.
func (l *loop) stopListening(fd int) {
	_ = epollControl(l.ep, syscall.EPOLL_CTL_DEL, fd, 0, 0)
	for i, s := range l.sockets {
		if s.fd == fd {
			l.sockets = append(l.sockets[:i], l.sockets[i+1:]...)
			return
		}
	}
}

// accept accepts connections from the listener with that descriptor.
func (l *loop) accept(fd int) {
	for i := range l.sockets {
		if s := &l.sockets[i]; s.fd == fd {
			l.acceptFrom(s)
			return
		}
	}
}

func (l *loop) acceptFrom(s *socket) {
	e := l.loops.engine
	for range acceptBurst {
		fd, errno := acceptFD(s.fd)
		switch errno {
		case 0:
		case syscall.ECONNABORTED:
			continue
		case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
			l.pauseAccept(*s)
			return
		default:
			return
		}
		if e.enter() != nil {
			_ = syscall.Close(fd)
			continue
		}
		// It fails on Unix sockets, which need none. Connections do not inherit it
		// from listeners of MPTCP, which those of package net are.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		c := new(Conn)
		c.init(e, l, nil, nil)
		if l.add(c, fd) != nil {
			_ = syscall.Close(fd)
			e.release()
			e.leave()
			continue
		}
		due := uint32(never)
		if t := e.ticks(e.settings.handshakeTimeout); t > 0 {
			c.endBy = e.now.Load() + t
			due = c.endBy
		}
		l.list.add(c, due)
	}
}

// acceptPause is how long no connections are accepted when there are no descriptors left.
const acceptPause = 100 * time.Millisecond

// pauseAccept stops accepting for a while: epoll would go on telling of the connections
// that cannot be accepted.
func (l *loop) pauseAccept(s socket) {
	_ = epollControl(l.ep, syscall.EPOLL_CTL_DEL, s.fd, 0, 0)
	time.AfterFunc(acceptPause, func() {
		l.do(func() {
			for _, t := range l.sockets {
				if t.fd == s.fd {
					_ = epollControl(l.ep, syscall.EPOLL_CTL_ADD, s.fd, s.events, 0)
				}
			}
		})
	})
}

// readRequest reads the request of a client, and answers it when it is complete.
func (l *loop) readRequest(w *worker, c *Conn) {
	n, errno := recvFD(int(c.fd), w.buf[:requestSize])
	if errno == syscall.EAGAIN {
		return
	}
	if n <= 0 {
		c.eof = true
		l.conclude(w, c)
		return
	}
	b, seen := w.buf[:n], 0
	if c.rest != nil {
		seen = len(c.rest.b)
		c.rest.b = append(c.rest.b, b...)
		b = c.rest.b
	}
	used, err := w.head.Parse(b, seen)
	if err == nil && used == 0 {
		if c.rest == nil {
			c.rest = newBuffer(n)
			c.rest.b = append(c.rest.b, b...)
		}
		return
	}
	l.answer(w, c, b, used, err)
}

// requestSize is how many bytes of a request are read at a time.
const requestSize = 16 << 10

// answer answers the request in b[:used], or refuses it because of err.
func (l *loop) answer(w *worker, c *Conn, b []byte, used int, err error) {
	var a agreement
	out := w.cork.b[:0]
	request := c.rest // which b may lie in
	c.rest = nil
	c.mu.Lock()
	c.endBy = 0 // the client has done its part
	c.mu.Unlock()
	l.enter(w, c) // Options.Accept may take its time
	if err != nil {
		out = appendRefusal(out, err)
	} else {
		out, a, err = l.loops.engine.server.answer(&w.head, out, c.RemoteAddr)
	}
	switch {
	case err != nil:
		c.refused(out)
	case c.accepted(out, a):
		w.cork = c.tellOpen(w.cork)
		if len(b) > used {
			c.last, w.cork = c.receive(b[used:], w.cork, false)
		}
	}
	request.free()
	if l.leave(w, c) {
		l.settle(w, c)
	}
}

// accepted opens the connection with an answer. It returns false if the connection was
// given up meanwhile.
func (c *Conn) accepted(answer []byte, a agreement) bool {
	e := c.engine
	c.agree(a.subprotocol, a.deflate)
	c.SetData(a.data)
	c.mu.Lock()
	if c.doomed {
		c.mu.Unlock()
		c.last = over
		return false
	}
	// From now on c may be found, and what is sent goes behind the answer.
	c.phase, c.endBy, c.writing = open, 0, true
	c.mu.Unlock()
	n, err := c.home.write(c, answer)
	c.mu.Lock()
	c.writing = false
	switch {
	case err != nil:
		c.fallSilent(err)
	case n < len(answer):
		c.box().push(answer[n:])
		c.block()
	case c.out != nil:
		c.flush()
	}
	c.mu.Unlock()
	c.home.members().hurry(c, e.firstLook())
	return true
}

// refused answers with a refusal, after which nothing but the end is to come.
func (c *Conn) refused(answer []byte) {
	_, err := c.home.write(c, answer)
	c.refuse(err)
	c.last = over
}

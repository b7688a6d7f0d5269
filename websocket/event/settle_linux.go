//go:build !386

package event

import (
	"runtime"
	"syscall"

	"github.com/duplexhq/duplex/websocket/proto"
)

// settle does what the last verdict on c demands.
func (l *loop) settle(w *worker, c *Conn) {
	switch c.last {
	case wants:
		l.watch(c)
	case paused:
		if !c.blocked.Load() && !c.stopped.Load() { // it was over before we came to it
			l.enter(w, c)
			c.last, w.cork = c.resume(w.cork)
			if l.leave(w, c) {
				l.settle(w, c)
			}
			return
		}
		l.watch(c)
	case over:
		if c.phase == open && c.stillFlushing() {
			l.watch(c) // the rest follows when it has left, or endBy has come
			return
		}
		l.conclude(w, c)
	}
}

// stillFlushing tells that the network has yet to take what c has to say.
func (c *Conn) stillFlushing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil && !c.writing && !c.blocked.Load() && c.broken == nil {
		c.flush()
	}
	return c.out != nil && c.broken == nil && !c.doomed
}

// conclude tells the end of c and ends its transport as Conn.action says, without losing
// our close frame: see stream.linger.
func (l *loop) conclude(w *worker, c *Conn) {
	if c.phase < ended {
		l.enter(w, c)
		c.end()
		if !l.leave(w, c) {
			return
		}
	}
	c.mu.Lock()
	action, doomed := c.action, c.doomed
	c.mu.Unlock()
	switch {
	case action == proto.Drop || doomed || c.eof:
		l.forget(c)
		return
	case action == proto.Shut:
		if syscall.Shutdown(int(c.fd), syscall.SHUT_WR) != nil {
			l.forget(c)
			return
		}
	}
	l.watch(c)
}

// lingerOn reads and drops what comes after the end.
func (l *loop) lingerOn(w *worker, c *Conn) {
	n, errno := recvFD(int(c.fd), w.buf[:ownSize])
	c.lingered += int32(max(n, 0))
	if n <= 0 && errno != syscall.EAGAIN || c.lingered >= lingerBytes {
		l.forget(c)
	}
}

// forget closes the descriptor of c and drops c.
func (l *loop) forget(c *Conn) {
	c.forget()
	for c.isWriting() {
		runtime.Gosched() // the write does not wait, so this does not last
	}
	l.table[c.fd] = nil
	_ = syscall.Close(int(c.fd)) // epoll forgets it by itself
	l.loops.engine.leave()
	c.rest.free()
	c.rest = nil
}

// watch has epoll tell what c needs to hear.
func (l *loop) watch(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == forgotten {
		return
	}
	var want uint32
	switch {
	case c.detached:
	case c.phase == open && c.last != wants:
	default:
		want = syscall.EPOLLIN
	}
	if c.awaited {
		want |= syscall.EPOLLOUT
	}
	c.listenFor(l, want)
}

// listenFor changes the events that epoll tells of. mu must be held.
func (c *Conn) listenFor(l *loop, want uint32) {
	if want == 0 {
		want = epollET // it tells of the end all the same: once, and not until somebody reads
	}
	if want != c.interest {
		c.interest = want
		_ = epollControl(l.ep, syscall.EPOLL_CTL_MOD, int(c.fd), want, c.gen)
	}
}

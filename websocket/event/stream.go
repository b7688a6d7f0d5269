package event

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A stream is a connection with a goroutine of its own, and the home of that Conn: the
// portable driver.
//
// On a TCP or Unix socket the goroutine lives inside one call of RawConn.Read. The
// function that this calls reads and handles what came, and returns false to be called
// again when there is more. Readiness is told once for all that has come, so it must read
// to the end, and there is a system call that does nothing but find out that there is no
// more. That is saved where the kernel tells how much is left with each read: bytes, or
// the end of the peer's direction. An abort that arrives with the last bytes is not among
// it; the next write finds out, or the keepalive.
//
// On everything else, TLS above all, it waits with room for a few small messages, and
// reads large ones straight to where they are to stand.
type stream struct {
	c    Conn
	conn net.Conn
	raw  syscall.RawConn // of conn, nil if using it is not the same as using conn
	fd   int             // beneath raw
	inq  bool            // reads tell whether there is more

	idle  *[idleSize]byte // where a peer is awaited without raw
	early []byte          // what came behind the request
	eof   bool            // it has ended
	last  verdict
	goOn  chan struct{} // closed when Conn.stopped or doomed may have changed, nil if nobody waits; guarded by Conn.mu
}

// A desk is what is needed to handle what was read.
type desk struct {
	buf  []byte
	cork *cork
}

const (
	idleSize   = 512      // bytes read at a time from a transport that is no plain socket
	deskSize   = 64 << 10 // bytes of the buffer of a desk
	gatherSize = 64 << 10 // bytes of segments that are joined for one write
)

// takeDesk returns a desk whose cork takes as much as the settings say.
func (e *engine) takeDesk() *desk {
	if d, ok := e.desks.Get().(*desk); ok {
		return d
	}
	return &desk{buf: make([]byte, deskSize), cork: e.corks.add(e.settings.cork)}
}

// startStream begins the life of a connection with a goroutine of its own, which was
// announced by enter.
func (e *engine) startStream(t *websocket.Transport, data any) *Conn {
	s := &stream{conn: t.Conn, early: t.Early}
	c := &s.c
	c.init(e, s, t, data)
	c.phase = open
	if s.raw = rawConn(t.Conn); s.raw != nil {
		_ = s.raw.Control(func(fd uintptr) { s.fd, s.inq = int(fd), tellsRest(int(fd)) })
	}
	if len(t.Answer) > 0 { // whoever finds c sends behind it
		c.box().copyIn(t.Answer)
	}
	c.dirty = true
	due := e.firstLook()
	if t := e.ticks(e.settings.writeTimeout); t > 0 && s.raw == nil {
		due = min(due, e.now.Load()+t) // its writes are not announced
	}
	e.streams.add(c, due)
	go s.run()
	return c
}

// run is the life of the connection.
func (s *stream) run() {
	c := &s.c
	c.flushDirty()
	s.open()
	for s.last != over && !s.isDoomed() {
		if s.raw != nil {
			s.readRaw()
		} else {
			s.readOnce()
		}
	}
	c.awaitFlushed()
	c.end()
	s.linger()
	s.close()
}

// open tells the handler of the connection, and handles what came with the request.
func (s *stream) open() {
	c := &s.c
	d := c.engine.takeDesk()
	d.cork = c.tellOpen(d.cork)
	if len(s.early) > 0 {
		s.last, d.cork = c.receive(s.early, d.cork, false)
	}
	s.early = nil // even empty it would keep the memory that the request was read to
	d.cork = s.catchUp(d.cork)
	s.c.engine.desks.Put(d)
}

// tellOpen calls OnOpen.
func (c *Conn) tellOpen(k *cork) *cork {
	f := c.engine.handler.OnOpen
	if f == nil {
		return k
	}
	c.busy.Store(true)
	c.lendCork(k)
	func() {
		var ignored bool
		defer c.recovered(&ignored)
		f(c)
	}()
	c.heard.Store(c.engine.now.Load())
	c.busy.Store(false)
	return c.uncork(k)
}

// readRaw reads and handles until the connection ends or is interrupted.
func (s *stream) readRaw() {
	if err := s.raw.Read(s.ready); err != nil {
		s.fail(err)
	}
}

// ready reads from fd and handles what came. It returns false to be called again once
// there is more.
func (s *stream) ready(fd uintptr) bool {
	d := s.c.engine.takeDesk()
	defer s.c.engine.desks.Put(d)
	for !s.isDoomed() {
		room := s.c.room()
		direct := room != nil
		if !direct {
			room = d.buf
		}
		n, more, err := s.read(int(fd), room)
		switch {
		case err == syscall.EAGAIN: //nolint:errorlint // package syscall wraps nothing
			return false
		case n <= 0:
			s.fail(err)
			return true
		}
		s.last, d.cork = s.c.receive(room[:n], d.cork, direct)
		if d.cork = s.catchUp(d.cork); s.last == over {
			return true
		}
		if !more && !s.c.isBroken() {
			return false
		}
	}
	return true
}

// read reads from fd, and tells whether there may be more to read.
func (s *stream) read(fd int, b []byte) (n int, more bool, err error) {
	if s.inq {
		return readRest(fd, b)
	}
	n, err = readFD(fd, b)
	return n, true, err
}

// isBroken tells that a write has failed: then the end is near, even if nobody tells.
func (c *Conn) isBroken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken != nil
}

// readOnce reads from a transport that is no plain socket.
func (s *stream) readOnce() {
	if s.idle == nil {
		s.idle = new([idleSize]byte)
	}
	into := s.idle[:]
	room := s.c.room()
	if room != nil {
		into = room
	}
	n, err := s.conn.Read(into)
	if n <= 0 && err != nil {
		s.fail(err)
	}
	if n > 0 {
		d := s.c.engine.takeDesk()
		s.last, d.cork = s.c.receive(into[:n], d.cork, room != nil)
		d.cork = s.catchUp(d.cork)
		s.c.engine.desks.Put(d)
	}
}

// catchUp handles what was read before the network took no more, or Pause was called, once
// that is over.
func (s *stream) catchUp(k *cork) *cork {
	for s.last == paused && !s.isDoomed() {
		s.c.awaitFlushed()
		if s.awaitResume() {
			s.last, k = s.c.resume(k)
		}
	}
	return k
}

// awaitResume waits until the connection is not paused, and returns false if it is doomed.
func (s *stream) awaitResume() bool {
	c := &s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.stopped.Load() && !c.doomed {
		if s.goOn == nil {
			s.goOn = make(chan struct{})
		}
		goOn := s.goOn
		c.mu.Unlock()
		<-goOn
		c.mu.Lock()
	}
	return !c.doomed
}

// proceed is a method of home.
func (s *stream) proceed(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.wakePaused()
}

// wakePaused ends the waiting of awaitResume. Conn.mu is held.
func (s *stream) wakePaused() {
	if s.goOn != nil {
		close(s.goOn)
		s.goOn = nil
	}
}

// fail takes the end of the transport, nil if the peer closed it.
func (s *stream) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	s.last, s.eof = over, true
	if !s.isDoomed() {
		s.c.finish(s.c.machine.EOF(err))
	}
}

func (s *stream) isDoomed() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.doomed
}

// awaitFlushed waits until nothing waits for the network any more, or nothing will
// leave.
func (c *Conn) awaitFlushed() {
	for {
		c.mu.Lock()
		o := c.out
		if o == nil || c.doomed || c.broken != nil {
			c.mu.Unlock()
			return
		}
		if !c.writing && !c.dirty && !c.blocked.Load() {
			c.flush()
			c.mu.Unlock()
			continue
		}
		if o.drained == nil {
			o.drained = make(chan struct{})
		}
		drained := o.drained
		c.mu.Unlock()
		<-drained
	}
}

// linger ends the transport the way Conn.action says, without losing our close frame:
// closing a TCP connection that holds unread bytes resets it, and the peer may then
// never see what was sent last (RFC 6455 §7.1.1).
func (s *stream) linger() {
	c := &s.c
	c.mu.Lock()
	action := c.action
	if c.doomed {
		action = proto.Drop
	}
	c.mu.Unlock()
	switch action {
	case proto.Drop:
		s.drop()
		return
	case proto.Shut:
		half, ok := s.conn.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
	}
	if s.eof {
		return
	}
	b := make([]byte, ownSize)
	for total := 0; total < lingerBytes && !s.isDoomed(); {
		n, err := s.conn.Read(b)
		if err != nil {
			return
		}
		total += n
	}
}

// drop closes the transport at once. Beneath TLS it closes the socket itself: the goodbye
// of tls.Conn.Close could wait for seconds.
func (s *stream) drop() {
	conn := s.conn
	for t, ok := conn.(*tls.Conn); ok; t, ok = conn.(*tls.Conn) {
		conn = t.NetConn()
	}
	_ = conn.Close()
}

// close closes the transport when nobody writes to its descriptor any more.
func (s *stream) close() {
	c := &s.c
	c.forget()
	for s.raw != nil && c.isWriting() {
		runtime.Gosched() // the write does not wait, so this does not last
	}
	_ = s.conn.Close()
	c.engine.leave()
}

func (c *Conn) isWriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writing
}

// write is a method of home.
func (s *stream) write(c *Conn, b []byte) (int, error) {
	if s.raw != nil {
		return writeSocket(s.fd, b)
	}
	c.writeTick.Store(c.engine.now.Load())
	n, err := s.conn.Write(b)
	c.writeTick.Store(0)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = errWriteTimeout // only interrupt sets one
	}
	return n, err
}

// gathers keeps the memory for segments that are joined.
var gathers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, gatherSize)} }}

// writeAll is a method of home. It joins small segments.
func (s *stream) writeAll(c *Conn, segs []segment) (total int, err error) {
	if s.raw != nil && len(segs) == 2 && len(segs[1].b) > copyLimit {
		return writevFD(s.fd, segs[0].b, segs[1].b)
	}
	g := gathers.Get().(*buffer) //nolint:forcetypeassert // the pool holds nothing else
	defer gathers.Put(g)
	for len(segs) > 0 {
		var b []byte
		b, segs = g.gather(segs)
		n, err := s.write(c, b)
		total += n
		if err != nil || n < len(b) {
			return total, err
		}
	}
	return total, nil
}

// gather joins as many segments as fit into b. One that is large by itself is returned
// as it is.
func (b *buffer) gather(segs []segment) ([]byte, []segment) {
	b.b = b.b[:0]
	for i, s := range segs {
		if len(b.b)+len(s.b) > cap(b.b) {
			if i == 0 {
				return s.b, segs[1:]
			}
			return b.b, segs[i:]
		}
		b.b = append(b.b, s.b...)
	}
	return b.b, nil
}

func (s *stream) mayWait() bool { return s.raw == nil }

// schedule is a method of home.
func (s *stream) schedule(c *Conn) {
	if s.raw != nil {
		c.engine.flushers.add(c)
		return
	}
	go c.flushDirty() // as it may wait
}

// await is a method of home: a goroutine waits for the network.
func (s *stream) await(c *Conn) {
	go func() {
		err := s.raw.Write(func(uintptr) bool { return c.writable() })
		if err != nil {
			c.mu.Lock()
			c.fallSilent(err)
			c.mu.Unlock()
		}
	}()
}

// interrupt is a method of home.
func (s *stream) interrupt(c *Conn) {
	s.wakePaused()
	_ = s.conn.SetDeadline(time.Unix(1, 0))
}

func (s *stream) members() *members { return &s.c.engine.streams }

func (s *stream) localAddr(*Conn) net.Addr  { return s.conn.LocalAddr() }
func (s *stream) remoteAddr(*Conn) net.Addr { return s.conn.RemoteAddr() }

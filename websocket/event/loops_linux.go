//go:build !386

package event

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/duplexhq/duplex/websocket"
)

// loops is the epoll driver: the loops of one Server or Client. All its methods may be
// called with nil, and then leave everything to the portable driver.
type loops struct {
	engine  *engine
	monitor monitor
	next    atomic.Uint32 // spreads connections over the loops
	running sync.WaitGroup

	mu      sync.Mutex
	all     []*loop // empty until needed
	failed  error   // why there are none
	stopped bool
}

func newLoops(e *engine) *loops { return &loops{engine: e} }

// start starts the loops if they are not running. It returns none if they cannot be had,
// or have ended.
func (ls *loops) start() []*loop {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.all) > 0 || ls.failed != nil || ls.stopped {
		return ls.all
	}
	for range ls.engine.settings.loops {
		l, err := newLoop(ls)
		if err != nil {
			ls.failed = err
			ls.all = nil
			return nil
		}
		ls.all = append(ls.all, l)
	}
	for _, l := range ls.all {
		ls.running.Add(1)
		go l.run(ls.engine.newWorker())
	}
	ls.monitor.start(ls)
	return ls.all
}

// started returns the loops, if they are running.
func (ls *loops) started() []*loop {
	if ls == nil {
		return nil
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.all
}

// adopt begins the life of a connection that was announced by enter. It returns nil
// without an error if it is not one for epoll.
func (ls *loops) adopt(t *websocket.Transport, data any) (*Conn, error) {
	if ls == nil {
		return nil, nil
	}
	raw := rawConn(t.Conn)
	if raw == nil {
		return nil, nil
	}
	all := ls.start()
	if len(all) == 0 {
		return nil, nil
	}
	// The runtime's poller would go on watching the descriptor, so the loop gets
	// another one, and this one is closed.
	fd, err := -1, error(nil)
	if e := raw.Control(func(old uintptr) { fd, err = duplicate(int(old)) }); e != nil {
		err = e
	}
	_ = t.Conn.Close()
	if err != nil {
		return nil, err
	}
	l := all[int(ls.next.Add(1))%len(all)]
	c := new(Conn)
	c.init(ls.engine, l, t, data)
	c.phase, c.fresh, c.fd = open, true, int32(fd)
	if len(t.Early) > 0 {
		c.rest = &buffer{b: t.Early}
	}
	if len(t.Answer) > 0 { // whoever finds c sends behind it
		c.box().copyIn(t.Answer)
	}
	c.dirty = true
	l.list.add(c, ls.engine.firstLook())
	l.attend(c)
	return c, nil
}

// conns appends all connections to into.
func (ls *loops) conns(into []*Conn) []*Conn {
	for _, l := range ls.started() {
		into = l.list.all(into)
	}
	return into
}

// tick is called by the clock.
func (ls *loops) tick() {
	for _, l := range ls.started() {
		l.mu.Lock()
		l.ticked = true
		l.mu.Unlock()
		l.wake()
	}
}

// stop ends the loops when nothing is left for them to do.
func (ls *loops) stop() {
	if ls == nil {
		return
	}
	ls.mu.Lock()
	ls.stopped = true
	ls.mu.Unlock()
	for _, l := range ls.started() {
		l.stopped.Store(true)
		l.wake()
	}
}

// wake has all loops look for work.
func (ls *loops) wake() {
	for _, l := range ls.started() {
		l.wake()
	}
}

// The methods of home.

func (l *loop) write(c *Conn, b []byte) (int, error) { return sendFD(int(c.fd), b) }

// writeAll joins small segments. A burst of messages to many connections is joined once
// for all of them.
func (l *loop) writeAll(c *Conn, segs []segment) (total int, err error) {
	if len(segs) == 2 && len(segs[1].b) > copyLimit {
		return writevFD(int(c.fd), segs[0].b, segs[1].b)
	}
	if l.joined.mu.TryLock() {
		defer l.joined.mu.Unlock()
		if b := l.joined.join(segs); b != nil {
			return sendFD(int(c.fd), b)
		}
	}
	g := gathers.Get().(*buffer) //nolint:forcetypeassert // the pool holds nothing else
	defer gathers.Put(g)
	for len(segs) > 0 {
		var b []byte
		b, segs = g.gather(segs)
		n, err := sendFD(int(c.fd), b)
		total += n
		if err != nil || n < len(b) {
			return total, err
		}
	}
	return total, nil
}

func (l *loop) mayWait() bool     { return false }
func (l *loop) schedule(c *Conn)  { l.attend(c) }
func (l *loop) interrupt(c *Conn) { l.attend(c) }

// proceed is a method of home.
func (l *loop) proceed(c *Conn) { l.attend(c) }

func (l *loop) members() *members { return &l.list }

func (l *loop) await(c *Conn) { c.listenFor(l, c.interest|syscall.EPOLLOUT) }

func (l *loop) localAddr(c *Conn) net.Addr  { return c.addr(syscall.Getsockname) }
func (l *loop) remoteAddr(c *Conn) net.Addr { return c.addr(syscall.Getpeername) }

// addr asks the kernel for an address.
func (c *Conn) addr(get func(int) (syscall.Sockaddr, error)) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == forgotten {
		return nil
	}
	sa, err := get(int(c.fd))
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *syscall.SockaddrInet6:
		a := &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
		if sa.ZoneId != 0 {
			if i, err := net.InterfaceByIndex(int(sa.ZoneId)); err == nil {
				a.Zone = i.Name
			}
		}
		return a
	case *syscall.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: "unix"}
	default:
		return nil
	}
}

// joined is the messages joined last. Connections to which the same burst of messages
// was sent share it.
type joined struct {
	mu   sync.Mutex
	segs [][]byte // of shared messages, which therefore keep their place in memory
	b    []byte
}

// join returns segments joined, nil if they are not all shared, or too large.
func (j *joined) join(segs []segment) []byte {
	if j.holds(segs) {
		return j.b
	}
	size := 0
	for i := range segs {
		if size += len(segs[i].b); !segs[i].shared || size > gatherSize {
			return nil
		}
	}
	if j.b == nil {
		j.b = make([]byte, 0, gatherSize)
	}
	clear(j.segs)
	j.segs, j.b = j.segs[:0], j.b[:0]
	for i := range segs {
		j.segs = append(j.segs, segs[i].b)
		j.b = append(j.b, segs[i].b...)
	}
	return j.b
}

// holds tells that the segments are those joined last.
func (j *joined) holds(segs []segment) bool {
	if len(segs) != len(j.segs) {
		return false
	}
	for i := range segs {
		a, b := segs[i].b, j.segs[i]
		if !segs[i].shared || len(a) != len(b) || &a[0] != &b[0] {
			return false
		}
	}
	return true
}

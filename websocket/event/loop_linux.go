//go:build !386

package event

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/duplexhq/duplex/websocket/handshake"
)

// A loop waits for many connections and calls the handler for what happens on them. It
// is the home of these connections: nobody else closes their descriptors, and reads from
// them only if the loop left one to a handler that takes its time.
//
// The goroutine that runs the loop never waits in a system call. When there is nothing to
// do it waits for the loop's epoll descriptor in the poller of Go's runtime, as goroutines
// do that read from a socket, and so gives its processor to others.
type loop struct {
	loops *loops
	ep    int             // the epoll descriptor
	file  *os.File        // the same, for the runtime's poller
	poll  syscall.RawConn // of file
	bell  int             // an eventfd, which wakes the loop
	list  members

	joined joined

	// turn is odd while a function of the handler runs, of current. Whoever makes
	// it even is the one who goes on with the loop.
	turn    atomic.Uint64
	current *Conn

	// What follows belongs to the worker that runs the loop.

	table   []*Conn // by descriptor
	gen     int32   // of the connection added last
	sockets []socket
	scratch []*Conn

	worker  *worker            // the one that runs the loop
	ready   func(uintptr) bool // pollReady, made once
	pending atomic.Bool        // there is something in what mu guards
	asleep  atomic.Bool        // the worker waits, or is about to
	stopped atomic.Bool        // it is to end when there is nothing left

	mu     sync.Mutex
	inbox  []*Conn  // connections that need attention
	spare  []*Conn  // memory for the next inbox
	groups []*part  // parts of groups that have something to deliver
	back   []*Conn  // connections whose handler took its time and has returned
	calls  []func() // what else is to be done
	ticked bool     // the clock ticked
}

// A socket is a listener's descriptor.
type socket struct {
	fd     int
	events uint32 // that epoll is to tell of
}

// A spot is where a loop keeps a Conn.
type spot struct {
	fd       int32
	gen      int32  // tells it from an earlier connection with the same descriptor
	interest uint32 // the events that epoll tells of; guarded by mu

	// detached says that the handler takes its time in a goroutine of its own. It
	// is set while no worker runs the loop, and taken back by the one that does.
	detached bool

	// What follows belongs to whoever drives the connection.

	last     verdict
	fresh    bool  // its OnOpen is due
	eof      bool  // the transport ended
	lingered int32 // bytes read after the end
}

// A worker is a goroutine that runs a loop.
type worker struct {
	desk
	events  []syscall.EpollEvent
	head    handshake.Head
	parts   []*part
	round   round
	turn    uint64
	n       int  // how many events there are
	deposed bool // another goroutine runs the loop now
	rounds  int
	keen    int // how often to look again before it waits
}

const (
	loopBuffer  = 256 << 10 // bytes of the buffer that a loop reads into
	loopEvents  = 256       // how many events it takes at a time
	readRounds  = 4         // how often it reads from one connection before others get their turn
	keenRounds  = 4         // how often it looks again after others had work for it
	yieldRounds = 16        // how often it looks for events before it yields the processor
	acceptBurst = 64        // how many connections it accepts before others get their turn
)

var workers sync.Pool

func (e *engine) newWorker() *worker {
	if w, ok := workers.Get().(*worker); ok && cap(w.cork.b) >= e.settings.cork {
		w.deposed = false
		return w
	}
	return &worker{
		desk:   desk{buf: make([]byte, loopBuffer), cork: newCork(e.settings.cork)},
		events: make([]syscall.EpollEvent, loopEvents),
	}
}

func newLoop(ls *loops) (*loop, error) {
	l := &loop{loops: ls}
	l.ready = l.pollReady
	var err error
	if l.ep, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	// Without it the runtime's poller would not take it.
	if err = syscall.SetNonblock(l.ep, true); err == nil {
		l.file = os.NewFile(uintptr(l.ep), "epoll")
		l.poll, err = l.file.SyscallConn()
	}
	if err == nil {
		l.bell, err = newEventFD()
	}
	if err == nil {
		// Told once for each ring, it need not be read.
		err = epollControl(l.ep, syscall.EPOLL_CTL_ADD, l.bell, syscall.EPOLLIN|epollET, 0)
	}
	return l, err
}

const epollET = 1 << 31 // syscall.EPOLLET is negative

// run runs the loop until it ends or another worker takes over.
func (l *loop) run(w *worker) {
	l.worker = w
	for !w.deposed {
		l.take(w)
		for i := 0; i < w.n && !w.deposed; i++ {
			l.handle(w, &w.events[i])
		}
		if !w.deposed && l.work(w) {
			w.keen = keenRounds
		}
		if !w.deposed && l.ends() {
			l.close()
			break
		}
		if w.rounds++; w.rounds%yieldRounds == 0 {
			runtime.Gosched() // to those who are ready to run, of whom the loop may never hear
		}
	}
	if !w.deposed {
		workers.Put(w)
	}
}

// take takes the events that there are, and waits for some if need be.
func (l *loop) take(w *worker) {
	if w.keen == 0 {
		_ = l.poll.Read(l.ready)
		return
	}
	// Somebody is sending, and mostly to more connections than one: to go to sleep
	// and be woken for each of them would cost more than to look again.
	w.keen--
	runtime.Gosched()
	w.n = epollWait(l.ep, w.events)
}

// pollReady takes the events that there are. It returns false to be called again once
// there are some.
func (l *loop) pollReady(uintptr) bool {
	w := l.worker
	if w.n = epollWait(l.ep, w.events); w.n > 0 {
		l.asleep.Store(false)
		return true
	}
	l.asleep.Store(true)
	if !l.pending.Load() {
		return false
	}
	l.asleep.Store(false)
	return true
}

// wake has the loop look for work.
func (l *loop) wake() {
	l.pending.Store(true)
	if l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		one := [8]byte{1}
		_, _ = syscall.Write(l.bell, one[:])
	}
}

// handle takes one event.
func (l *loop) handle(w *worker, ev *syscall.EpollEvent) {
	fd := int(ev.Fd)
	if fd == l.bell {
		return
	}
	if fd >= len(l.table) || l.table[fd] == nil {
		l.accept(fd)
		return
	}
	c := l.table[fd]
	if c.gen != ev.Pad {
		return // of a connection that is gone
	}
	if ev.Events&(syscall.EPOLLOUT|syscall.EPOLLERR|syscall.EPOLLHUP) != 0 {
		if l.writable(w, c); w.deposed {
			return
		}
	}
	if ev.Events&(syscall.EPOLLIN|syscall.EPOLLERR|syscall.EPOLLHUP) != 0 && l.table[fd] == c {
		l.readable(w, c)
	}
}

// writable goes on with a connection whose network takes bytes again.
func (l *loop) writable(w *worker, c *Conn) {
	if !c.isAwaited() || !c.writable() {
		return
	}
	if c.detached {
		l.watch(c)
		return
	}
	if c.last == paused && !c.stopped.Load() {
		l.enter(w, c)
		c.last, w.cork = c.resume(w.cork)
		l.leave(w, c)
	}
	if !w.deposed {
		l.settle(w, c)
	}
}

// readable reads from a connection and handles what came.
func (l *loop) readable(w *worker, c *Conn) {
	switch {
	case c.detached || c.last == paused || c.last == over && c.phase == open:
		l.watch(c) // so that it is not told again
		return
	case c.phase == opening:
		l.readRequest(w, c)
		return
	case c.phase != open:
		l.lingerOn(w, c)
		return
	}
	for range readRounds {
		room := c.room()
		direct := room != nil
		if !direct {
			room = w.buf
		}
		n, errno := recvFD(int(c.fd), room)
		switch {
		case errno == syscall.EAGAIN:
			return
		case n <= 0:
			l.fail(w, c, errno)
			return
		}
		l.enter(w, c)
		c.last, w.cork = c.receive(room[:n], w.cork, direct)
		if !l.leave(w, c) {
			return
		}
		if c.last != wants {
			l.settle(w, c)
			return
		}
		if n < len(room) && !direct {
			return
		}
	}
}

// fail takes the end of the transport.
func (l *loop) fail(w *worker, c *Conn, errno syscall.Errno) {
	var err error
	if errno != 0 {
		err = os.NewSyscallError("read", errno)
	}
	c.eof, c.last = true, over
	c.finish(c.machine.EOF(err))
	l.settle(w, c)
}

// enter is called before the functions of c's handler are, and leave after. In between
// another worker may take over the loop, if it takes long: then leave returns false, and
// this worker has to let go of the loop and of c, to which the loop will come back.
func (l *loop) enter(w *worker, c *Conn) {
	l.current = c
	w.turn = l.turn.Add(1)
	l.loops.monitor.stir()
}

func (l *loop) leave(w *worker, c *Conn) bool {
	if l.turn.CompareAndSwap(w.turn, w.turn+1) {
		return true
	}
	w.deposed = true
	l.mu.Lock()
	l.back = append(l.back, c)
	l.mu.Unlock()
	l.wake()
	return false
}

// attend has the loop look after c.
func (l *loop) attend(c *Conn) {
	l.mu.Lock()
	l.inbox = append(l.inbox, c)
	l.mu.Unlock()
	l.wake()
}

// attendAll is attend for many.
func (l *loop) attendAll(list []*Conn) {
	l.mu.Lock()
	l.inbox = append(l.inbox, list...)
	l.mu.Unlock()
	l.wake()
}

// attendGroup has the loop deliver what waits for a part of a group.
func (l *loop) attendGroup(p *part) {
	l.mu.Lock()
	l.groups = append(l.groups, p)
	l.mu.Unlock()
	l.wake()
}

// do has the loop call f.
func (l *loop) do(f func()) {
	l.mu.Lock()
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	l.wake()
}

// work looks after those who need attention. It tells whether there were any.
func (l *loop) work(w *worker) bool {
	if !l.pending.Load() {
		return false
	}
	l.pending.Store(false)
	l.mu.Lock()
	list, back, calls, ticked := l.inbox, l.back, l.calls, l.ticked
	l.inbox, l.spare, l.back, l.calls, l.ticked = l.spare[:0], nil, nil, nil, false
	w.parts = append(w.parts[:0], l.groups...)
	clear(l.groups)
	l.groups = l.groups[:0]
	l.mu.Unlock()
	for _, p := range w.parts {
		w.round.deliver(p)
	}
	clear(w.parts)
	for _, c := range back {
		c.detached = false
		c.mu.Lock()
		c.corkless = false
		c.mu.Unlock()
		l.watch(c)
	}
	list = append(list, back...)
	for _, f := range calls {
		f()
	}
	if ticked {
		l.scratch = l.list.sweep(l.loops.engine.now.Load(), l.scratch)
	}
	for i, c := range list {
		if l.look(w, c); w.deposed {
			l.mu.Lock()
			l.inbox = append(l.inbox, list[i+1:]...)
			l.mu.Unlock()
			l.wake()
			return true
		}
	}
	clear(list)
	l.mu.Lock()
	l.spare = list[:0]
	l.mu.Unlock()
	return true
}

// look looks after a connection that needs attention: it was opened, something waits to
// be written, its handler has returned, or it is to be dropped.
func (l *loop) look(w *worker, c *Conn) {
	switch {
	case c.detached:
		c.flushDirty() // all else must wait until its handler returns
		return
	case c.phase == forgotten:
		return
	case c.fresh:
		c.fresh = false
		l.open(w, c)
	}
	if w.deposed || c.phase == forgotten {
		return
	}
	c.flushDirty()
	if c.isDoomed() {
		c.last = over
		l.conclude(w, c)
		return
	}
	if c.last != wants {
		l.settle(w, c)
	}
}

// open tells the handler of a new connection, and handles what came with its request.
func (l *loop) open(w *worker, c *Conn) {
	if err := l.add(c, int(c.fd)); err != nil {
		c.mu.Lock()
		c.giveUp(err, nil)
		c.mu.Unlock()
		return
	}
	c.flushDirty()
	l.enter(w, c)
	w.cork = c.tellOpen(w.cork)
	c.last, w.cork = c.resume(w.cork)
	if l.leave(w, c) {
		l.settle(w, c)
	}
}

func (c *Conn) isAwaited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awaited
}

func (c *Conn) isDoomed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doomed
}

// ends tells that the loop is to end, as nothing is left.
func (l *loop) ends() bool {
	return l.stopped.Load() && len(l.sockets) == 0 && l.loops.engine.isQuiet() && !l.pending.Load()
}

// close closes the descriptors of the loop.
func (l *loop) close() {
	_ = l.file.Close()
	_ = syscall.Close(l.bell)
	l.loops.running.Done()
}

// add has the loop drive c, whose descriptor is fd.
func (l *loop) add(c *Conn, fd int) error {
	if l.gen++; l.gen < 0 {
		l.gen = 0
	}
	c.mu.Lock() // somebody may have found it already, and want to be told of room
	c.fd, c.gen, c.interest = int32(fd), l.gen, syscall.EPOLLIN
	if c.awaited {
		c.interest |= syscall.EPOLLOUT
	}
	interest := c.interest
	c.mu.Unlock()
	for fd >= len(l.table) {
		l.table = append(l.table, make([]*Conn, max(64, len(l.table)))...)
	}
	l.table[fd] = c
	if err := epollControl(l.ep, syscall.EPOLL_CTL_ADD, fd, interest, c.gen); err != nil {
		l.table[fd] = nil
		return err
	}
	return nil
}

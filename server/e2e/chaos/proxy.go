package chaos

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A Proxy is a bad network in front of a server: it delays and throttles what passes, stops
// it for a while, and cuts connections at any byte, with and without a word. It knows
// nothing of what it carries. Until Disturb and after Calm it passes everything on.
type Proxy struct {
	target   string
	listener net.Listener
	all      sync.WaitGroup

	mu       sync.Mutex
	rng      *rand.Rand
	disturb  bool
	calm     chan struct{} // closed by Calm
	closed   bool
	open     map[net.Conn]bool // set if it is throttled
	Cut      int               // connections that were cut, to be read when it is closed
	Accepted int               // connections in all
}

// NewProxy returns a proxy on a free port of this machine.
func NewProxy(target string, seed uint64) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		target: target, listener: l, rng: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // a run is to be repeatable
		calm: make(chan struct{}), open: make(map[net.Conn]bool),
	}
	p.all.Go(p.accept)
	return p, nil
}

// Address returns where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Disturb begins with the trouble, for connections that are new.
func (p *Proxy) Disturb() {
	p.mu.Lock()
	p.disturb = true
	p.mu.Unlock()
}

// Calm ends the trouble, and with it the connections that were throttled: with what little the
// kernel holds for them they would be slow for ever. It is called once.
func (p *Proxy) Calm() {
	close(p.calm)
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, narrow := range p.open {
		if narrow {
			_ = c.Close()
		}
	}
}

// Close ends all connections and waits for that.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	_ = p.listener.Close()
	p.all.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		w, ok := p.plan()
		p.all.Go(func() { p.carry(c, w, ok) })
	}
}

// A weather is what happens to one connection.
type weather struct {
	cut    int           // after so many bytes of one direction, never if negative
	abrupt bool          // by a reset
	delay  time.Duration // of each piece
	rate   int           // bytes per second, 0 for no bound
	stall  int           // after so many bytes, never if negative
	pause  time.Duration // for so long
}

// plan makes a weather. It is not bad at all for a third of the connections. ok is false
// if the connection is not even made.
func (p *Proxy) plan() (w weather, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Accepted++
	w = weather{cut: -1, stall: -1}
	if !p.disturb || p.rng.IntN(3) == 0 {
		return w, true
	}
	if p.rng.IntN(2) == 0 {
		w.cut = int(p.rng.ExpFloat64() * 60_000)
		w.abrupt = p.rng.IntN(2) == 0
	}
	if p.rng.IntN(2) == 0 {
		w.delay = time.Duration(p.rng.IntN(30)) * time.Millisecond
	}
	if p.rng.IntN(3) == 0 && !p.isCalm() {
		w.rate = 20_000 + p.rng.IntN(200_000)
	}
	if p.rng.IntN(3) == 0 {
		w.stall = int(p.rng.ExpFloat64() * 30_000)
		w.pause = 100*time.Millisecond + time.Duration(p.rng.IntN(2900))*time.Millisecond
	}
	return w, p.rng.IntN(20) > 0
}

// carry carries one connection.
func (p *Proxy) carry(client net.Conn, w weather, ok bool) {
	defer p.forget(client)
	if !ok || !p.remember(client, w.rate > 0) {
		reset(client)
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	defer p.forget(server)
	if !p.remember(server, w.rate > 0) {
		return
	}
	if w.rate > 0 {
		narrow(client)
		narrow(server)
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(server, client, w) })
	both.Go(func() { p.pump(client, server, w) })
	both.Wait()
}

// remember makes Close close c, and returns false if that is over.
func (p *Proxy) remember(c net.Conn, throttled bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = throttled
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	delete(p.open, c)
	p.mu.Unlock()
	_ = c.Close()
}

// pump carries one direction until it ends or is cut.
func (p *Proxy) pump(to, from net.Conn, w weather) {
	buf := make([]byte, 4096)
	for carried := 0; ; {
		n, err := from.Read(buf)
		if n > 0 {
			cut := p.hold(&w, carried, n)
			if cut >= 0 && cut < n {
				_, _ = to.Write(buf[:cut])
				p.cutOff(to, from, w.abrupt)
				return
			}
			if _, failed := to.Write(buf[:n]); failed != nil {
				_ = from.Close()
				return
			}
			carried += n
		}
		if err != nil {
			p.end(to, err)
			return
		}
	}
}

// hold lets time pass before n bytes go on, and returns how many of them still do, -1 for
// all.
func (p *Proxy) hold(w *weather, carried, n int) (cut int) {
	cut = -1
	if p.isCalm() {
		return cut
	}
	if w.cut >= 0 && carried+n > w.cut {
		cut = w.cut - carried
	}
	wait := w.delay
	if w.rate > 0 {
		wait += time.Duration(n) * time.Second / time.Duration(w.rate)
	}
	if w.stall >= 0 && carried+n > w.stall {
		wait, w.stall = wait+w.pause, -1
	}
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.calm:
		}
	}
	return cut
}

func (p *Proxy) isCalm() bool {
	select {
	case <-p.calm:
		return true
	default:
		return false
	}
}

// end passes an end on: that of a stream as such, an error as a reset.
func (p *Proxy) end(to net.Conn, err error) {
	if tcp, ok := to.(*net.TCPConn); ok && isEOF(err) {
		_ = tcp.CloseWrite()
		return
	}
	reset(to)
}

func (p *Proxy) cutOff(a, b net.Conn, abrupt bool) {
	p.mu.Lock()
	p.Cut++
	p.mu.Unlock()
	for _, c := range []net.Conn{a, b} {
		if abrupt {
			reset(c)
		}
		_ = c.Close()
	}
}

// reset closes a connection so that the peer gets an error and no end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// narrow lets little wait in the kernel, so that whoever is slow is felt.
func narrow(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(16 << 10)
		_ = tcp.SetWriteBuffer(16 << 10)
	}
}

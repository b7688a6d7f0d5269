package load

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// handshakes are opening handshakes that go on at the same time.
type handshakes struct {
	poller  *poller
	to      netip.AddrPort
	request []byte
	slots   []slot
	free    []int
}

// A slot is one of them.
type slot struct {
	fd     int
	begun  time.Time
	answer []byte // so far
}

// done is one that has come to its end.
type done struct {
	fd     int // now the receiver's
	answer []byte
	took   time.Duration
}

func newHandshakes(t *Target, concurrent int) (*handshakes, error) {
	to, err := t.addr()
	if err != nil {
		return nil, err
	}
	h := &handshakes{to: to, request: t.request(), slots: make([]slot, concurrent)}
	for i := range h.slots {
		h.slots[i].fd = -1
		h.free = append(h.free, i)
	}
	h.poller, err = newPoller()
	return h, err
}

// pending returns how many have begun and not ended.
func (h *handshakes) pending() int { return len(h.slots) - len(h.free) }

// close resets what has not ended.
func (h *handshakes) close() {
	for _, s := range h.slots {
		if s.fd >= 0 {
			reset(s.fd)
		}
	}
	h.poller.close()
}

// run begins handshakes while more says so, and hands each that has ended to take.
func (h *handshakes) run(more func() bool, take func(done) error) error {
	for {
		for len(h.free) > 0 && more() {
			if err := h.start(); err != nil {
				return err
			}
		}
		if h.pending() == 0 {
			return nil
		}
		events, err := h.poller.wait()
		if err != nil {
			return err
		}
		for _, ev := range events {
			d, err := h.receive(int(ev.Fd))
			if err == nil && d.answer != nil {
				err = take(d)
			}
			if err != nil {
				return err
			}
		}
	}
}

func (h *handshakes) start() error {
	i := h.free[len(h.free)-1]
	s := &h.slots[i]
	s.begun = time.Now()
	fd, err := connect(h.to)
	if err != nil {
		return err
	}
	h.free = h.free[:len(h.free)-1]
	s.fd, s.answer = fd, s.answer[:0]
	if _, err := send(fd, h.request); err != nil { // all of it: the socket is fresh
		return err
	}
	return h.poller.watch(fd, i)
}

// maxAnswer bounds the head of an answer, in bytes.
const maxAnswer = 4 << 10

// receive reads on one handshake. The answer of what it returns is nil if more is
// to come.
func (h *handshakes) receive(i int) (d done, err error) {
	s := &h.slots[i]
	if cap(s.answer) == 0 {
		s.answer = make([]byte, 0, maxAnswer)
	}
	if len(s.answer) == maxAnswer {
		return d, fmt.Errorf("answer longer than %d bytes", maxAnswer)
	}
	n, err := receive(s.fd, s.answer[len(s.answer):maxAnswer])
	if err != nil {
		return d, err
	}
	s.answer = s.answer[:len(s.answer)+n]
	head, rest, ok := bytes.Cut(s.answer, []byte("\r\n\r\n"))
	if !ok {
		return d, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(accept)) || len(rest) > 0 {
		return d, fmt.Errorf("the answer to the handshake is %q", s.answer)
	}
	d = done{s.fd, head, time.Since(s.begun)}
	if err := unix.EpollCtl(h.poller.fd, unix.EPOLL_CTL_DEL, s.fd, nil); err != nil {
		return d, err
	}
	s.fd = -1
	h.free = append(h.free, i)
	return d, nil
}

// Connect does handshakes for a while.
func Connect(ctx context.Context, t *Target, storm *Storm) (*Result, error) {
	concurrent := storm.Concurrent
	if concurrent == 0 {
		concurrent = 16
	}
	h, err := newHandshakes(t, concurrent)
	if err != nil {
		return nil, err
	}
	defer h.close()
	r, begun, cpu := new(Result), time.Now(), ownCPU()
	err = h.run(func() bool { return time.Since(begun) < storm.Duration && ctx.Err() == nil }, func(d done) error {
		reset(d.fd)
		r.Messages++
		r.Latency.Add(d.took, 1)
		return nil
	})
	r.Elapsed, r.CPU = time.Since(begun), ownCPU()-cpu
	if err == nil {
		err = ctx.Err()
	}
	return r, err
}

// ownCPU returns the processor time of this process.
func ownCPU() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

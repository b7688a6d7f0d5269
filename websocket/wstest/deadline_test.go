package wstest

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestDeadlinesAreExact(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		start := time.Now()
		a.SetReadDeadline(start.Add(40 * time.Second))
		_, err := a.Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Since(start), 40*time.Second)

		a.SetWriteDeadline(start.Add(50 * time.Second))
		n, err := a.Write([]byte("123456"))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, n, 4)
		assert.Equal(t, time.Since(start), 50*time.Second)
	})
}

func TestDeadlineErrorIsATimeout(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		a.SetDeadline(time.Now())
		_, err := a.Read(make([]byte, 1))
		var timeout net.Error
		assert.True(t, errors.As(err, &timeout) && timeout.Timeout(), "no net.Error with Timeout: "+err.Error())
		assert.Contains(t, err.Error(), "i/o timeout")
	})
}

func TestPassedDeadlineGoesBeforeBytes(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		write(t, b, "abcd")
		a.SetDeadline(time.Now())
		_, err := a.Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		n, err := a.Write([]byte("x"))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		assert.Equal(t, n, 0)
		a.SetDeadline(time.Time{})
		assert.Equal(t, readN(t, a, 4), "abcd")
		write(t, a, "x")
	})
}

func TestDeadlineCanBeMoved(t *testing.T) {
	tests := []struct {
		name string
		move func(c *PipeConn, start time.Time)
		ends time.Duration // of a Read with a deadline after 10 s that is moved after 5 s
	}{
		{"later", func(c *PipeConn, start time.Time) { c.SetReadDeadline(start.Add(time.Minute)) }, time.Minute},
		{"earlier", func(c *PipeConn, start time.Time) { c.SetReadDeadline(start.Add(7 * time.Second)) }, 7 * time.Second},
		{"into the past", func(c *PipeConn, start time.Time) { c.SetReadDeadline(start) }, 5 * time.Second},
		{"of writes only", func(c *PipeConn, start time.Time) { c.SetWriteDeadline(start) }, 10 * time.Second},
		{"of both", func(c *PipeConn, start time.Time) { c.SetDeadline(start.Add(time.Hour)) }, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
				start := time.Now()
				a.SetReadDeadline(start.Add(10 * time.Second))
				time.AfterFunc(5*time.Second, func() { test.move(a, start) })
				_, err := a.Read(make([]byte, 1))
				assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
				assert.Equal(t, time.Since(start), test.ends)
			})
		})
	}
}

func TestDeadlineTakenAway(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		a.SetReadDeadline(time.Now().Add(time.Second))
		a.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Hour, func() { b.Write([]byte("x")) })
		assert.Equal(t, readN(t, a, 1), "x")
	})
}

// TestDeadlineAtTheSameMoment reads at the moment of the deadline, when the
// timer may not have run yet.
func TestDeadlineAtTheSameMoment(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		write(t, b, "x")
		for range 50 {
			a.SetReadDeadline(time.Now().Add(time.Second))
			time.Sleep(time.Second)
			_, err := a.Read(make([]byte, 1))
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
	})
}

// TestDeadlineThatFiresLate has a timer fire after the deadline was moved: it
// must not count for the new deadline.
func TestDeadlineThatFiresLate(t *testing.T) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	var d deadline
	d.set(time.Now().Add(time.Hour), changed)
	late := d.timer
	d.set(time.Now().Add(time.Hour), changed)
	defer d.stop()
	d.expire(late, changed)
	assert.True(t, !d.passed(), "an old timer made a new deadline pass")
	d.expire(d.timer, changed)
	assert.True(t, d.passed(), "the timer of the deadline did not count")
}

func TestCloseStopsTheTimers(t *testing.T) {
	inBubble(t, 4, func(t *testing.T, a, b *PipeConn) {
		a.SetDeadline(time.Now().Add(time.Hour))
		timer := a.readBy.timer
		a.Close()
		assert.True(t, !timer.Stop(), "the timer of a closed end runs")
		assert.True(t, a.readBy.timer == nil && a.writeBy.timer == nil, "a closed end has timers")
	})
}

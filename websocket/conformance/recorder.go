package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// How much of a test is kept.
const (
	keptBytes     = 4 << 10  // of one exchange
	keptInAll     = 64 << 10 // of all exchanges of a test
	keptExchanges = 200
	sameExchange  = 10 * time.Millisecond // what comes so soon behind is the same exchange
)

// A recorder writes down what goes over the wire, within bounds.
type recorder struct {
	began    time.Time
	log      []Exchange
	sizes    []int // of the exchanges, before they were cut
	bytes    int   // kept in all
	lost     int   // exchanges that were not kept
	sent     track
	received track
}

// add writes down bytes.
func (r *recorder) add(sent bool, b []byte) {
	if len(b) == 0 {
		return
	}
	at := time.Since(r.began)
	if n := len(r.log); n > 0 {
		last := &r.log[n-1]
		if last.Sent == sent && last.Note == "" && last.Data != nil && at-last.At < sameExchange {
			r.keep(n-1, b)
			return
		}
	}
	if !r.grow(Exchange{Sent: sent, At: at, Data: []byte{}}) {
		r.side(sent).take(b)
		return
	}
	r.keep(len(r.log)-1, b)
}

// side returns where a direction stands.
func (r *recorder) side(sent bool) *track {
	if sent {
		return &r.sent
	}
	return &r.received
}

// grow adds an exchange if there is room.
func (r *recorder) grow(x Exchange) bool {
	if len(r.log) >= keptExchanges {
		r.lost++
		return false
	}
	r.log = append(r.log, x)
	r.sizes = append(r.sizes, 0)
	return true
}

// keep adds b to an exchange as far as there is room.
func (r *recorder) keep(i int, b []byte) {
	x := &r.log[i]
	head, rest := r.side(x.Sent).take(b)
	if x.Head+x.Rest == r.sizes[i] { // else a frame has begun in x already
		x.Head += head
		x.Rest += rest
	}
	n := max(0, min(len(b), keptBytes-len(x.Data), keptInAll-r.bytes))
	x.Data = append(x.Data, b[:n]...)
	r.bytes += n
	r.sizes[i] += len(b)
}

// note writes down a remark on what side did.
func (r *recorder) note(sent bool, format string, args ...any) {
	r.grow(Exchange{Sent: sent, At: time.Since(r.began), Note: fmt.Sprintf(format, args...)})
}

// reset begins anew with an opening handshake, on another connection.
func (r *recorder) reset() { r.sent, r.received = track{}, track{} }

// exchanges returns what was written down, with remarks on what was cut.
func (r *recorder) exchanges() []Exchange {
	for i := range r.log {
		x := &r.log[i]
		if n := r.sizes[i] - len(x.Data); n > 0 {
			x.Note = fmt.Sprintf("%d bytes more are not shown", n)
		}
		x.Data = slices.Clip(x.Data)
	}
	if r.lost > 0 {
		r.log = append(r.log, Exchange{At: time.Since(r.began), Note: fmt.Sprintf("%d more exchanges are not shown", r.lost)})
	}
	return r.log
}

// A track is where one direction stands between HTTP and frames, so that whoever
// sees an exchange knows where a frame begins.
type track struct {
	frames bool   // the head is complete, and frames follow
	head   []byte // the part of the head or header that came
	rest   uint64 // bytes of the payload that are to come
}

// take goes on by b. It returns how many bytes of b, from the front, are HTTP, and
// how many behind those belong to a frame that began before b.
func (t *track) take(b []byte) (head, rest int) {
	if !t.frames {
		head = t.takeHead(b)
		b = b[head:]
	}
	inside := head == 0 && (t.rest > 0 || len(t.head) > 0)
	for len(b) > 0 {
		n := t.takeFrame(b)
		if inside {
			rest, inside = rest+n, t.rest > 0 || len(t.head) > 0
		}
		b = b[n:]
	}
	return head, rest
}

// takeHead takes bytes of HTTP, up to the head behind which frames follow.
func (t *track) takeHead(b []byte) (n int) {
	for n < len(b) {
		before := len(t.head)
		t.head = append(t.head, b[n:min(n+maxHead, len(b))]...)
		i := bytes.Index(t.head, []byte("\r\n\r\n"))
		if i < 0 {
			if len(t.head) > maxHead {
				t.head = t.head[len(t.head)-3:]
			}
			n = min(n+maxHead, len(b))
			continue
		}
		head := strings.ToLower(string(t.head[:i+2]))
		t.head = nil
		n += i + 4 - before
		if t.frames = opensFrames(head); t.frames {
			return n
		}
	}
	return n
}

// opensFrames reports whether frames follow on a head: on a 101, and on a request
// without a body.
func opensFrames(head string) bool {
	if strings.HasPrefix(head, "http/") {
		_, status, _ := strings.Cut(head, " ")
		return strings.HasPrefix(status, "101")
	}
	return !strings.Contains(head, "\ncontent-length:") && !strings.Contains(head, "\ntransfer-encoding:")
}

// takeFrame takes bytes of one header or one payload.
func (t *track) takeFrame(b []byte) (n int) {
	if t.rest > 0 {
		n = int(min(t.rest, uint64(len(b))))
		t.rest -= uint64(n)
		return n
	}
	for n < len(b) {
		t.head = append(t.head, b[n])
		n++
		if h := readDrawn(t.head); h.size > 0 {
			t.head, t.rest = nil, h.length
			break
		}
	}
	return n
}

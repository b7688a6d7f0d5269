package client

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/duplexhq/duplex/websocket"
)

// How often to try again. Waiting a random part of a time that doubles spreads
// the clients that a server has lost all at once better than a time that varies a
// little, and needs the fewest attempts.
const (
	minBackoff = 500 * time.Millisecond // bounds the first wait
	maxBackoff = 20 * time.Second       // bounds all others
	stable     = 10 * time.Second       // after so long, a connection counts as good
	maxRetry   = 10 * time.Minute       // a server may not send us away for longer
)

// jitter returns how long to wait after so many attempts that failed.
func jitter(failed int) time.Duration {
	ceiling := min(minBackoff<<min(failed, 16), maxBackoff)
	return rand.N(ceiling) //nolint:gosec // it spreads load, and hides nothing
}

// pace returns how long to wait for the next connection when the last one ended
// with err, after so many that were not good. A time that the server gave in a
// close reason, or in bye, is meant for this client alone and kept exactly.
// Retry-After is the same for everybody whom it refuses, so there time is added.
func pace(err error, failed int) time.Duration {
	var closed *websocket.CloseError
	if errors.As(err, &closed) && closed.Received != nil {
		if d, ok := retryIn(closed.Received.Reason); ok {
			return d
		}
	}
	var dial *DialError
	if errors.As(err, &dial) && dial.Response != nil {
		return retryAfter(dial.Response) + jitter(failed)
	}
	return jitter(failed)
}

// retryIn returns the time of retry=MS in the reason of a close frame.
func retryIn(reason string) (time.Duration, bool) {
	for word := range strings.FieldsSeq(reason) {
		digits, found := strings.CutPrefix(word, "retry=")
		if ms, err := strconv.ParseInt(strings.TrimRight(digits, ",;."), 10, 64); found && err == nil && ms >= 0 {
			return milliseconds(ms), true
		}
	}
	return 0, false
}

// retryAfter returns the time of a header Retry-After in seconds (RFC 9110
// §10.2.3), 0 if there is none.
func retryAfter(r *http.Response) time.Duration {
	s, err := strconv.ParseInt(r.Header.Get("Retry-After"), 10, 64)
	if err != nil || s < 0 {
		return 0
	}
	return milliseconds(min(s, int64(maxRetry/time.Second)) * 1000)
}

// milliseconds returns a time that a server gave, within bounds.
func milliseconds(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), maxRetry.Milliseconds())) * time.Millisecond
}

package conformance

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

const (
	aRequest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	anAnswer = "HTTP/1.1 101 Switching Protocols\r\n\r\n"
)

// record runs f with a recorder in fake time and returns what it wrote down.
func record(t *testing.T, f func(r *recorder)) (log []Exchange) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		r := &recorder{began: time.Now()}
		f(r)
		log = r.exchanges()
	})
	return log
}

func TestRecorderJoinsWhatComesAtOnce(t *testing.T) {
	log := record(t, func(r *recorder) {
		r.add(true, []byte(aRequest))
		time.Sleep(time.Millisecond)
		r.add(true, []byte{0x81})
		r.add(true, []byte{0x00})
		r.add(false, nil)
		r.add(false, []byte(anAnswer))
		time.Sleep(sameExchange)
		r.add(false, []byte{0x89, 0x00})
		r.note(false, "endpoint %s", "closed TCP")
	})
	assert.Equal(t, log, []Exchange{
		{Sent: true, Data: []byte(aRequest + "\x81\x00"), Head: len(aRequest)},
		{Data: []byte(anAnswer), Head: len(anAnswer), At: time.Millisecond},
		{Data: []byte{0x89, 0x00}, At: sameExchange + time.Millisecond},
		{Note: "endpoint closed TCP", At: sameExchange + time.Millisecond},
	})
}

// TestRecorderKnowsWhereFramesBegin sends frames in pieces that are exchanges of
// their own.
func TestRecorderKnowsWhereFramesBegin(t *testing.T) {
	type part struct{ head, rest int }
	tests := []struct {
		name   string
		pieces []string
		want   []part
	}{
		{"whole frames", []string{aRequest, "\x81\x01a", "\x89\x00"}, []part{{len(aRequest), 0}, {}, {}}},
		{"head in two", []string{aRequest[:5], aRequest[5:] + "\x81\x00"}, []part{{5, 0}, {len(aRequest) - 5, 0}}},
		{"end of the head in two", []string{aRequest[:len(aRequest)-1], "\n\x81\x00"}, []part{{len(aRequest) - 1, 0}, {1, 0}}},
		{"payload in three", []string{aRequest + "\x81\x05H", "el", "lo\x89\x00"}, []part{{len(aRequest), 0}, {0, 2}, {0, 2}}},
		{"header in three", []string{aRequest + "\x82", "\x7e\x00", "\x02ab\x81\x00"}, []part{{len(aRequest), 0}, {0, 2}, {0, 3}}},
		{"masked", []string{aRequest + "\x81\x82\x01", "\x02\x03\x04ab", "\x81"}, []part{{len(aRequest), 0}, {0, 5}, {}}},
		{"length that lies", []string{aRequest + "\x82\x7f\x40\x00\x00\x00\x00\x00\x00\x00", "abc", "\x81\x00"}, []part{{len(aRequest), 0}, {0, 3}, {0, 2}}},
		{"answer after another", []string{"HTTP/1.1 103 Early\r\n\r\n", anAnswer + "\x81\x00"}, []part{{22, 0}, {len(anAnswer), 0}}},
		{"answer that refuses", []string{"HTTP/1.1 400 Bad\r\n\r\nNo.", "No."}, []part{{23, 0}, {3, 0}}},
		{"request with a body", []string{"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", "ab"}, []part{{38, 0}, {2, 0}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log := record(t, func(r *recorder) {
				for _, p := range test.pieces {
					r.add(true, []byte(p))
					time.Sleep(time.Second)
				}
			})
			var got []part
			for _, x := range log {
				got = append(got, part{x.Head, x.Rest})
			}
			assert.Equal(t, got, test.want)
		})
	}
}

func TestRecorderIsBounded(t *testing.T) {
	t.Run("exchange", func(t *testing.T) {
		log := record(t, func(r *recorder) {
			r.add(true, make([]byte, keptBytes))
			r.add(true, make([]byte, 100))
		})
		assert.Equal(t, len(log), 1)
		assert.Equal(t, len(log[0].Data), keptBytes)
		assert.Equal(t, log[0].Note, "100 bytes more are not shown")
	})
	t.Run("all bytes", func(t *testing.T) {
		log := record(t, func(r *recorder) {
			for range 2 * keptInAll / keptBytes {
				r.add(true, make([]byte, keptBytes))
				time.Sleep(time.Second)
			}
		})
		kept := 0
		for _, x := range log {
			kept += len(x.Data)
		}
		assert.Equal(t, kept, keptInAll)
		assert.Equal(t, log[len(log)-1].Note, "4096 bytes more are not shown")
	})
	t.Run("all exchanges", func(t *testing.T) {
		log := record(t, func(r *recorder) {
			for range keptExchanges {
				r.note(true, "again")
			}
			r.add(false, []byte("late"))
			r.note(true, "later")
		})
		assert.Equal(t, len(log), keptExchanges+1)
		assert.Equal(t, log[keptExchanges].Note, "2 more exchanges are not shown")
	})
	t.Run("endless head", func(t *testing.T) {
		var r recorder
		for range 100 {
			r.add(true, bytes.Repeat([]byte("a"), maxHead))
		}
		assert.True(t, len(r.sent.head) <= 2*maxHead, "the head is kept")
	})
}

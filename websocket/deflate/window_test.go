package deflate

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestWindowGrowsWithWhatIsReceived sends pieces of random bytes and looks at
// how much memory the window holds.
func TestWindowGrowsWithWhatIsReceived(t *testing.T) {
	for _, c := range []struct {
		received, ring int
		bits           uint8
	}{
		{0, 0, 15}, {1, 1 << 10, 15}, {1 << 10, 1 << 10, 15}, {1<<10 + 1, 2 << 10, 15}, {2 << 10, 2 << 10, 15}, {2<<10 + 1, 4 << 10, 15},
		{10 << 10, 16 << 10, 15}, {16<<10 + 1, 32 << 10, 15}, {32<<10 + 1, 32 << 10, 15}, {300 << 10, 32 << 10, 15},
		{300 << 10, 16 << 10, 14}, {300 << 10, 8 << 10, 13}, {300 << 10, 4 << 10, 12}, {300 << 10, 4 << 10, 11}, {300 << 10, 4 << 10, 8},
	} {
		d, w := NewDecoder(), NewWindow(c.bits)
		message := make([]byte, c.received)
		for len(message) > 0 {
			n := min(len(message), 900)
			got, err := inflateWhole(d, w, new(bitStream).stored(0, message[:n]).put(0, 3).align().b)
			assert.NoError(t, err)
			assert.Equal(t, got, message[:n])
			message = message[n:]
		}
		assert.Equal(t, len(w.ring), c.ring)
		assert.Equal(t, cap(w.ring), c.ring)
	}
}

// TestWindowGrowsWithinAMessage shows that what a message announces makes no
// difference, only what has come.
func TestWindowGrowsWithinAMessage(t *testing.T) {
	d, w := NewDecoder(), NewWindow(15)
	d.Begin(w)
	s := new(bitStream).put(0, 3).align().put(0xffff, 16).put(0, 16)
	_, _, err := d.Next(s.b)
	assert.NoError(t, err)
	assert.Equal(t, len(w.ring), 1<<10)
	out, rest, err := d.Next(make([]byte, 3<<10))
	assert.NoError(t, err)
	assert.Equal(t, len(out), 3<<10) // in one piece
	assert.Equal(t, len(rest), 0)
	assert.Equal(t, len(w.ring), 4<<10)
}

// TestWindowIsAllThatAConnectionKeeps holds the sizes of what there is one of
// per connection and of what is shared.
func TestWindowIsAllThatAConnectionKeeps(t *testing.T) {
	assert.True(t, reflect.TypeFor[Window]().Size() <= 48, "a Window is larger than 48 bytes beside its ring")
	assert.True(t, reflect.TypeFor[Decoder]().Size() <= 6528, "a Decoder is larger than 6,528 bytes, a size class of the allocator")
}

func TestEmptiedWindowKeepsItsRing(t *testing.T) {
	d := NewDecoder()
	message := inflateJSON(100 << 10)
	for _, c := range []struct {
		bits uint8
		ring int
	}{{15, 32 << 10}, {9, 4 << 10}, {14, 16 << 10}, {15, 32 << 10}} {
		w := d.Fresh(c.bits)
		assert.Equal(t, *w, Window{ring: w.ring, bits: c.bits})
		got, err := inflateWhole(d, w, inflatePayload(t, message, 0, nil))
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(got, message), "message is not what was sent")
		assert.Equal(t, len(w.ring), c.ring)
		assert.Equal(t, cap(w.ring), 32<<10)
	}
}

// TestCopyMatch compares with the definition: byte after byte.
func TestCopyMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1951))
	ring, want := make([]byte, 1<<10), make([]byte, 1<<10)
	for range 100_000 {
		for i := range 4 {
			ring[r.IntN(len(ring))] = byte(i)
		}
		copy(want, ring)
		length := 1 + r.IntN(longestMatch)
		next := r.IntN(len(ring) - length + 1)
		distance := 1 + r.IntN(len(ring))
		if r.IntN(2) == 0 {
			distance = 1 + r.IntN(20)
		}
		source := (next - distance + len(ring)) % len(ring)
		copyMatch(ring, next, source, length)
		for i := range length {
			want[next+i] = want[(source+i)%len(ring)]
		}
		if !bytes.Equal(ring, want) {
			t.Fatalf("copy of %d bytes from %d to %d is not as byte after byte", length, source, next)
		}
	}
}

// TestFarthestDistance sends, for every size of window, a match from as far
// back as is legal and one from a byte farther, with the ring at all stages.
func TestFarthestDistance(t *testing.T) {
	for bits := uint8(8); bits <= 15; bits++ {
		size := 1 << bits
		for _, received := range []int{1, 200, size - 1, size, size + 1, 4095, 4096, 5000, 3 * size, 70_000} {
			text := inflateJSON(received + 300)
			for _, length := range []int{3, 258} {
				farthest := min(size, received)
				want := matchFrom(text[:received], farthest, length)
				for _, pad := range []int{0, 20} { // near the end of the input, and not
					got, err := inflateMatch(bits, text[:received], farthest, length, pad)
					assert.NoError(t, err)
					assert.Equal(t, got, append(want, make([]byte, pad)...))
				}
				if farthest+1 > 32<<10 {
					continue // there is no code for it
				}
				wantErr := error(errDistanceStart)
				if farthest == size {
					wantErr = errDistanceBits
				}
				_, err := inflateMatch(bits, text[:received], farthest+1, length, 20)
				assert.ErrorIs(t, err, wantErr)
				_, err = inflateMatch(bits, text[:received], farthest+1, length, 0)
				assert.ErrorIs(t, err, wantErr)
			}
		}
	}
}

// matchFrom returns what a match of this distance and length adds to text.
func matchFrom(text []byte, distance, length int) (added []byte) {
	all := bytes.Clone(text)
	for range length {
		all = append(all, all[len(all)-distance])
	}
	return all[len(text):]
}

// inflateMatch inflates text and then a message that is a match of this
// distance and length and pad bytes 0.
func inflateMatch(bits uint8, text []byte, distance, length, pad int) ([]byte, error) {
	d, w := NewDecoder(), NewWindow(bits)
	for len(text) > 0 {
		n := min(len(text), 1<<16-1)
		s := new(bitStream).stored(0, text[:n])
		if _, err := inflateWhole(d, w, s.put(0, 3).align().b); err != nil {
			return nil, err
		}
		text = text[n:]
	}
	s := new(bitStream).put(1<<1, 3).match(uint(length), uint(distance))
	for range pad {
		s.fixed(0)
	}
	return inflateWhole(d, w, s.fixed(256).put(0, 3).align().b)
}

package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// Who begins to listen between a change and the news of it is told when that is undone: those who
// were there before need not be.
func TestPresenceThatIsUndoneAfterFull(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.join("hasty", "ann")
		r.join("hasty", "bob")
		time.Sleep(time.Second)
		l.expect(t, "1000 hasty 2 +ann,bob -")

		r.join("hasty", "cid")
		r.leave("hasty", "bob")
		assert.Equal(t, fmt.Sprint(r.full("hasty").Names), "[ann cid]")
		r.leave("hasty", "cid")
		r.join("hasty", "bob")
		time.Sleep(time.Second)
		l.expect(t, "2000 hasty 2 +bob -cid")

		r.join("hasty", "cid") // nobody has begun to listen
		r.leave("hasty", "cid")
		time.Sleep(time.Second)
		l.expect(t)
	})
}

// A follower has what a listener knows of who is present.
type follower struct{ names []string }

func (f *follower) tell(c *PresenceChange) {
	if c.Full {
		f.names = slices.Clone(c.Names)
	}
	for _, name := range c.Leave {
		f.names = without(f.names, name)
	}
	for _, name := range c.Join {
		if !slices.Contains(f.names, name) {
			f.names = append(f.names, name)
		}
	}
	slices.Sort(f.names)
}

// However the changes fall, whoever listens knows who is present when all is told.
func TestPresenceIsKnownToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 2))
		s := &Settings{PresenceInterval: 5 * time.Millisecond, PresenceGrace: 1 * time.Millisecond, PresenceSample: 100}
		var mu sync.Mutex
		var followers []*follower
		r := newRoster(func(string) *Settings { return s }, NewLocal(nil), func(c *PresenceChange) {
			mu.Lock()
			defer mu.Unlock()
			for _, f := range followers {
				f.tell(c)
			}
		})
		defer r.close()
		for range 100 {
			for range rnd.IntN(20) {
				name := fmt.Sprint("m", rnd.IntN(3))
				switch rnd.IntN(5) {
				case 0, 1:
					r.join("room", name)
				case 2, 3:
					r.leave("room", name)
				default:
					f := &follower{}
					f.tell(r.full("room"))
					mu.Lock()
					followers = append(followers, f)
					mu.Unlock()
				}
				time.Sleep(time.Duration(rnd.IntN(3)) * time.Millisecond)
				synctest.Wait()
			}
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			want := everybody(r, "room", 100)
			mu.Lock()
			for _, f := range followers {
				assert.Equal(t, fmt.Sprint(f.names), fmt.Sprint(want))
			}
			followers = nil
			mu.Unlock()
		}
	})
}

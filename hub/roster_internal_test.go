package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A listener keeps what a roster tells, as lines of text that begin with the milliseconds
// since began.
type listener struct {
	Engine
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (l *listener) write(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(time.Since(l.began).Milliseconds(), " ")+fmt.Sprintf(format, args...))
}

func (l *listener) tell(c *PresenceChange) {
	more := ""
	if c.More {
		more = " more"
	}
	l.write("%s %d +%s -%s%s", c.Topic, c.Count, strings.Join(c.Join, ","), strings.Join(c.Leave, ","), more)
}

func (l *listener) Announce(topic string, joined, left []string) {
	l.write("announce %s +%s -%s", topic, strings.Join(joined, ","), strings.Join(left, ","))
}

// heard returns the lines since it was last called.
func (l *listener) heard() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// expect compares what was told, without announcements unless they are expected.
func (l *listener) expect(t testing.TB, want ...string) {
	t.Helper()
	lines := l.heard()
	if !strings.Contains(strings.Join(want, ""), "announce") {
		lines = slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(s, "announce") })
	}
	assert.Equal(t, strings.Join(lines, "\n"), strings.Join(want, "\n"))
}

// withRoster runs a test with a roster whose topics tell every second, wait three for those
// who left, and have four names at most.
func withRoster(t *testing.T, f func(t *testing.T, r *roster, l *listener)) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{began: time.Now()}
		s := &Settings{PresenceInterval: time.Second, PresenceGrace: 3 * time.Second, PresenceSample: 4}
		hasty := *s
		hasty.PresenceGrace = -1
		r := newRoster(func(topic string) *Settings {
			if topic == "hasty" {
				return &hasty
			}
			return s
		}, l, l.tell)
		f(t, r, l)
		r.close()
		l.expect(t)
	})
}

// inside calls f with the attendance of a topic.
func inside(r *roster, topic string, f func(a *attendance)) {
	sh := r.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	f(sh.topics[topic])
}

// everybody is all names of a topic, paged.
func everybody(r *roster, topic string, limit int) []string {
	names := []string{}
	after := ""
	for {
		p := r.page(topic, after, limit)
		names = append(names, p.Names...)
		if !p.More {
			return names
		}
		after = p.Names[len(p.Names)-1]
	}
}

func TestPresenceComesAndGoes(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.join("room", "ann")
		assert.Equal(t, r.count("room"), 1)
		time.Sleep(400 * time.Millisecond)
		r.join("room", "bob")
		r.join("hall", "cid")
		time.Sleep(5 * time.Second)
		l.expect(t, "1000 announce room +ann,bob -", "1000 room 2 +ann,bob -",
			"1400 announce hall +cid -", "1400 hall 1 +cid -")

		r.leave("room", "ann") // at 5400
		time.Sleep(3*time.Second - time.Millisecond)
		assert.Equal(t, r.count("room"), 2)
		l.expect(t)
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, r.count("room"), 1)
		time.Sleep(time.Second)
		l.expect(t, "9400 announce room + -ann", "9400 room 1 + -ann")
	})
}

func TestPresenceCountsNamesAndNotSubscriptions(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.join("hasty", "ann")
		r.join("hasty", "ann")
		time.Sleep(time.Second)
		l.expect(t, "1000 hasty 1 +ann -")
		r.leave("hasty", "ann")
		time.Sleep(time.Minute)
		l.expect(t)
		r.leave("hasty", "ann")
		assert.Equal(t, r.count("hasty"), 0)
		r.leave("hasty", "ann") // once too often
		r.leave("hasty", "bob") // was never there
		r.leave("nowhere", "bob")
		time.Sleep(time.Second)
		l.expect(t, "62000 hasty 0 + -ann")
	})
}

func TestPresenceOfOneWhoIsBackInTime(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.join("room", "ann")
		time.Sleep(time.Second)
		l.expect(t, "1000 room 1 +ann -")
		for range 5 {
			r.leave("room", "ann")
			time.Sleep(2 * time.Second)
			r.join("room", "ann")
		}
		time.Sleep(time.Minute)
		l.expect(t)
		assert.Equal(t, r.count("room"), 1)
	})
}

// Without grace, what is undone within the interval is not told.
func TestPresenceChangesThatCancel(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.join("hasty", "ann")
		time.Sleep(time.Second)
		l.expect(t, "1000 hasty 1 +ann -")

		r.leave("hasty", "ann")
		r.join("hasty", "bob")
		r.leave("hasty", "bob")
		r.join("hasty", "ann")
		time.Sleep(time.Minute)
		l.expect(t)

		r.leave("hasty", "ann")
		r.join("hasty", "cid")
		for range 1000 {
			r.join("hasty", "bob")
			r.leave("hasty", "bob")
		}
		inside(r, "hasty", func(a *attendance) { assert.Equal(t, len(a.changed), 3) })
		time.Sleep(time.Second)
		l.expect(t, "62000 hasty 1 +cid -ann")
	})
}

func TestPresenceNoticesAreBounded(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		names := strings.Split("abcdefgh", "")
		for _, name := range names[:5] {
			r.join("hasty", name)
		}
		time.Sleep(time.Second)
		l.expect(t, "1000 hasty 5 +a,b,c,d - more")
		for _, name := range names[:5] {
			r.leave("hasty", name)
		}
		r.join("hasty", "f")
		time.Sleep(time.Second)
		l.expect(t, "2000 hasty 1 +f -a,b,c more")
		for _, name := range names {
			r.join("hasty", name)
		}
		r.leave("hasty", "f")
		time.Sleep(time.Second)
		l.expect(t, "3000 hasty 8 +a,b,c,d - more")
		for _, name := range names {
			r.leave("hasty", name)
			r.join("hasty", name+name)
		}
		time.Sleep(time.Second)
		l.expect(t, "4000 hasty 8 +aa,bb -a,b more")
	})
}

func TestPresenceFull(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		full := func() string {
			c := r.full("room")
			assert.True(t, c.Full && c.Topic == "room" && c.Join == nil && c.Leave == nil, "it is all")
			return fmt.Sprintf("%d%v%t", c.Count, c.Names, c.More)
		}
		assert.Equal(t, full(), "0[]false")
		r.join("room", "bob")
		assert.Equal(t, full(), "1[bob]false")
		r.join("room", "ann")
		assert.Equal(t, full(), "2[ann bob]false")
		first, second := r.full("room"), r.full("room")
		assert.True(t, first == second, "it is shared")
		r.join("room", "eve")
		r.join("room", "dan")
		assert.Equal(t, full(), "4[ann bob dan eve]false")

		// A large audience shares what is as old as the last change that was told.
		r.join("room", "cid")
		assert.Equal(t, full(), "4[ann bob dan eve]false")
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, full(), "5[ann bob cid dan]true")
		r.leave("room", "ann")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		assert.Equal(t, full(), "4[bob cid dan eve]false")
		inside(r, "room", func(a *attendance) {
			assert.True(t, !a.telling && a.armed.IsZero(), "a timer runs for nothing")
		})
		l.heard()
	})
}

func TestPresencePages(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		want := []string{}
		for i := range 1000 {
			want = append(want, fmt.Sprintf("%03d", (i*7)%1000))
			r.join("hasty", want[i])
		}
		slices.Sort(want)
		for _, limit := range []int{1, 7, 999, 1000, 2000} {
			assert.Equal(t, everybody(r, "hasty", limit), want)
		}
		assert.Equal(t, r.page("hasty", "4999", 2), PresencePage{Count: 1000, Names: []string{"500", "501"}, More: true})
		assert.Equal(t, r.page("hasty", "997", 2), PresencePage{Count: 1000, Names: []string{"998", "999"}})
		assert.Equal(t, r.page("hasty", "999", 2), PresencePage{Count: 1000, Names: []string{}})
		assert.Equal(t, r.page("hasty", "", 0), PresencePage{Count: 1000, More: true})
		assert.Equal(t, r.page("nowhere", "", 2), PresencePage{})

		// Those who left are not there, also before that is told.
		for _, name := range want[1:999] {
			r.leave("hasty", name)
		}
		assert.Equal(t, r.page("hasty", "", 2), PresencePage{Count: 2, Names: []string{"000", "999"}})
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, r.page("hasty", "", 2), PresencePage{Count: 2, Names: []string{"000", "999"}})
		inside(r, "hasty", func(a *attendance) { assert.Equal(t, len(a.members.chunks), 1) })
		l.expect(t, "1000 hasty 2 +000,999 -")
	})
}

func TestPresenceOnOtherNodes(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		r.present("n2", "room", []string{"ann", "bob"}, nil)
		r.present("n2", "room", []string{"ann"}, nil) // once more
		r.present("n3", "room", []string{"ann"}, nil)
		assert.Equal(t, r.count("room"), 2)
		time.Sleep(time.Second)
		// What others announced is not announced again.
		assert.Equal(t, l.heard(), []string{"1000 room 2 +ann,bob -"})

		// She is on three nodes, and is there until the last has none.
		r.join("room", "ann")
		time.Sleep(time.Second)
		assert.Equal(t, l.heard(), []string{"2000 announce room +ann -"})
		r.present("n2", "room", nil, []string{"ann", "bob", "cid"})
		time.Sleep(time.Second)
		assert.Equal(t, l.heard(), []string{"3000 room 1 + -bob"})
		r.leave("room", "ann")
		time.Sleep(4 * time.Second)
		assert.Equal(t, l.heard(), []string{"7000 announce room + -ann"})
		r.present("n3", "room", nil, []string{"ann"})
		r.present("n3", "nowhere", nil, []string{"ann"})
		time.Sleep(time.Second)
		assert.Equal(t, l.heard(), []string{"8000 room 0 + -ann"})
	})
}

func TestPresenceIsAnnouncedInPieces(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		for i := range 2*announceAtOnce + 1 {
			r.join("hasty", fmt.Sprint(i))
		}
		time.Sleep(time.Second)
		l.heard()
		for i := range announceAtOnce + 1 {
			r.leave("hasty", fmt.Sprint(i))
			r.join("hasty", fmt.Sprint("x", i))
		}
		time.Sleep(time.Second)
		sizes := []int{}
		for _, line := range l.heard() {
			sizes = append(sizes, strings.Count(line, ",")+1)
		}
		// 1000 joined; 1 joined and 999 left; 2 left; and what is told
		assert.Equal(t, sizes, []int{announceAtOnce, announceAtOnce - 1, 2, 3})
	})
}

// Nothing is left of topics that nobody is in.
func TestPresenceOfEmptyTopicsCostsNothing(t *testing.T) {
	withRoster(t, func(t *testing.T, r *roster, l *listener) {
		for i := range 100 {
			topic := fmt.Sprint("room.", i)
			r.join(topic, "ann")
			r.present("n2", topic, []string{"bob"}, nil)
			r.leave(topic, "ann")
			r.present("n2", topic, nil, []string{"bob", "cid"})
			r.present("n2", topic+".x", nil, []string{"bob", "cid"})
		}
		time.Sleep(time.Minute)
		l.heard()
		for i := range r.shards {
			r.shards[i].mu.Lock()
			assert.Equal(t, len(r.shards[i].topics), 0)
			r.shards[i].mu.Unlock()
		}
	})
}

// What is told while telling takes long waits its turn, and nothing is told after close.
func TestPresenceIsToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{began: time.Now()}
		s := &Settings{PresenceInterval: time.Second, PresenceGrace: -1, PresenceSample: 4}
		var r *roster
		r = newRoster(func(string) *Settings { return s }, l, func(c *PresenceChange) {
			time.Sleep(2500 * time.Millisecond)
			r.count(c.Topic) // no lock is held
			l.tell(c)
		})
		r.join("room", "ann")
		time.Sleep(1500 * time.Millisecond)
		r.join("room", "bob")
		time.Sleep(1500 * time.Millisecond)
		r.leave("room", "ann")
		time.Sleep(time.Second)
		l.expect(t, "1000 announce room +ann -", "3500 room 1 +ann -", "3500 announce room +bob -ann")
		r.join("room", "cid")
		r.close()
		l.expect(t, "6000 room 1 +bob -ann")
		r.join("room", "dan")
		r.leave("room", "bob")
		time.Sleep(time.Minute)
		l.expect(t)
	})
}

func TestPresenceChangeIsEncodedOnce(t *testing.T) {
	c := &PresenceChange{Topic: "room"}
	made := 0
	encode := func(c *PresenceChange) any { made++; return c.Topic + "!" }
	for range 3 {
		assert.Equal(t, c.Encoded(FormB, encode), any("room!"))
	}
	assert.Equal(t, made, 1)
	c.Encoded(FormA, encode)
	assert.Equal(t, made, 2)
}

// Whoever applies what is told has what the roster has in the end.
func TestPresenceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Settings{PresenceInterval: time.Millisecond, PresenceGrace: 2 * time.Millisecond, PresenceSample: 1000}
		var mu sync.Mutex
		seen := map[string]map[string]bool{"room": {}, "hall": {}}
		counts := map[string]int{}
		r := newRoster(func(string) *Settings { return s }, &listener{}, func(c *PresenceChange) {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range c.Join {
				seen[c.Topic][name] = true
			}
			for _, name := range c.Leave {
				delete(seen[c.Topic], name)
			}
			counts[c.Topic] = c.Count
		})
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 500 {
					topic := []string{"room", "hall"}[i%2]
					name := fmt.Sprint(i % 17)
					r.join(topic, name)
					if g == 0 {
						r.present("n2", topic, []string{name}, []string{fmt.Sprint(i % 11)})
						time.Sleep(300 * time.Microsecond)
					}
					r.full(topic)
					r.page(topic, name, 3)
					if i%3 != 0 {
						r.leave(topic, name)
					}
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		for _, topic := range []string{"room", "hall"} {
			assert.Equal(t, slices.Sorted(maps.Keys(seen[topic])), everybody(r, topic, 3))
			assert.Equal(t, counts[topic], r.count(topic))
		}
		r.close()
	})
}

func BenchmarkPresence100kJoins(b *testing.B) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("user-%d", i*7919%len(names))
	}
	s := Settings{}.withDefaults()
	b.ReportAllocs()
	for b.Loop() {
		r := newRoster(func(string) *Settings { return &s }, &listener{}, func(*PresenceChange) {})
		for _, name := range names {
			r.join("room", name)
		}
		r.close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(names)), "ns/join")
}

// One more change and page of a topic costs the same however many members it has.
func BenchmarkPresenceChangeAndPage(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint("members=", n), func(b *testing.B) {
			s := Settings{PresenceGrace: -1}.withDefaults()
			r := newRoster(func(string) *Settings { return &s }, &listener{}, func(*PresenceChange) {})
			defer r.close()
			for i := range n {
				r.join("room", fmt.Sprint(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				r.join("room", "5x")
				r.page("room", "5", 100)
				r.leave("room", "5x")
			}
		})
	}
}

package chaos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/e2e/chaos"
)

// change reads one: a101 is a change of key a at the place of 101 with this number, a101- one
// that removes the key.
func change(t *testing.T, word string) chaos.Change {
	t.Helper()
	text, removed := strings.CutSuffix(word[1:], "-")
	n := number(t, text)
	c := chaos.Change{Key: uint32(word[0] - 'a'), Seq: uint32(n), At: cursor(n)}
	if removed {
		c.Seq = chaos.Removal
	}
	return c
}

// keeperEvents reads what a keeper received: changes, and @, @101 and !101 as in events.
func keeperEvents(t *testing.T, text string) (list []chaos.KeyEvent) {
	t.Helper()
	for i, word := range strings.Fields(text) {
		e := chaos.KeyEvent{When: time.Duration(i+1) * time.Second}
		switch word[0] {
		case '@', '!':
			e.What = map[byte]chaos.What{'@': chaos.Resumed, '!': chaos.Gap}[word[0]]
			if len(word) > 1 {
				e.At = cursor(number(t, word[1:]))
			}
		default:
			e.What, e.Change = chaos.Received, change(t, word)
		}
		list = append(list, e)
	}
	return list
}

// checkKeeper returns what is wrong with a keeper of a topic with these changes. It gets to
// the last one of key z.
func checkKeeper(t *testing.T, h *chaos.History, conflates bool, changes, received string) string {
	t.Helper()
	k := &chaos.Keyed{Topic: "state", Conflates: conflates, Keys: strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z")}
	for word := range strings.FieldsSeq(changes) {
		k.Last = change(t, word)
		k.Changes = append(k.Changes, k.Last)
	}
	events := keeperEvents(t, received)
	caught := len(events) > 0 && events[len(events)-1].Change == k.Last
	k.Keepers = []*chaos.Keeper{{Name: "bob", Events: events, Caught: caught}}
	h.Keyed = []*chaos.Keyed{k}
	return kinds(chaos.Check(h))
}

func TestKeeper(t *testing.T) {
	const changes = "a101 b102 a103 b104- a105 c106 z107"
	for _, c := range []struct{ name, received, kinds string }{
		{"everything", "@ " + changes, ""},
		{"everything over two connections", "@ a101 b102 a103 @103 b104- a105 c106 z107", ""},
		{"from the latest of each key", "@ a103 b104- a105 c106 z107", ""},
		{"the latest of each key", "@ a105 c106 z107", ""},
		{"a gap before the latest", "@ a101 b102 !102 a103 b104- a105 c106 z107", ""},
		{"behind a gap a removed key is still there", "@ a101 b102 !102 a105 c106 z107", ""},
		{"it begins anew without one", "@ a101 b102 !102 @ a105 c106 z107", ""},
		{"a removed key is still there, and no gap", "@ a101 b102 a103 a105 c106 z107", "missing"},
		{"a change is left out", "@ a101 b102 b104- a105 c106 z107", "missing"},
		{"the latest is left out", "@ a101 b102 a103 b104- c106 z107", "missing"},
		{"the latest is left out behind a gap", "@ a101 b102 !102 a103 b104- c106 z107", "missing"},
		{"the latest is left out at a new beginning", "@ a101 b102 !102 @ a105 z107", "missing"},
		{"a key is unknown", "@ a101 b102 a103 b104- a105 z107", "missing"},
		{"a change comes again", "@ a101 b102 a103 @103 a103 b104- a105 c106 z107", "again"},
		{"a change comes too late", "@ a101 a103 b102 b104- a105 c106 z107", "late"},
		{"another one at this place", "@ a101 b102 a103 b104- a105 b106 z107", "missing, moved"},
		{"the end is not reached", "@ a101 b102 a103", "behind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, checkKeeper(t, history(true), false, changes, c.received), c.kinds)
		})
	}
}

// Of a topic that conflates only the latest of each key need come, and no gap.
func TestKeeperOfWhatIsConflated(t *testing.T) {
	const changes = "a101 b102 a103 a104 b105- a106 z107"
	for _, c := range []struct{ name, received, kinds string }{
		{"everything", "@ " + changes, ""},
		{"some are left out", "@ a101 b102 a104 b105- a106 z107", ""},
		{"all but the latest are left out", "@ a101 b105- a106 z107", ""},
		{"the latest is left out", "@ a101 b102 a103 a104 b105- z107", "missing"},
		{"the removal is left out", "@ a101 b102 a103 a104 a106 z107", "missing"},
		{"a gap", "@ a101 b102 !102 a103 a104 b105- a106 z107", "false gap"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, checkKeeper(t, history(true), true, changes, c.received), c.kinds)
		})
	}
}

// A server that keeps nothing has lost all keys in its next life, and says so.
func TestKeeperOverLives(t *testing.T) {
	const changes = "a101 b102 a103 b201 z202"
	for _, c := range []struct{ name, received, kinds string }{
		{"told", "@ a101 b102 !200 b201 z202", ""},
		{"told, and it begins anew", "@ a101 b102 !200 @ b201 z202", ""},
		{"not told, as it began anew", "@ a101 b102 @ b201 z202", ""},
		{"not told", "@ a101 b102 a103 @103 b201 z202", "missing"},
		{"told, and the key of this life is missing", "@ a101 b102 !200 z202", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, checkKeeper(t, history(false), false, changes, c.received), c.kinds)
		})
	}
}

func TestKeyCount(t *testing.T) {
	k := &chaos.Keyed{Keys: []string{"a", "b"}, Conflates: true}
	for word := range strings.FieldsSeq("a101 b102- a103 a104") {
		k.Changes = append(k.Changes, change(t, word))
	}
	s := &chaos.Keeper{Events: keeperEvents(t, "@ a101 @101 b102- a104 !104")}
	assert.Equal(t, k.Count(s), chaos.KeyCount{Messages: 2, Removals: 1, Connections: 2, Anew: 1, Gaps: 1, Skipped: 1})
}

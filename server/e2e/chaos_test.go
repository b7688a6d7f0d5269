package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/e2e/chaos"
)

// runChaos puts trouble on a server for as long as c says, or for the time in DUPLEX_CHAOS,
// such as 1h, and then gives everybody time to get to the end, about 20 s. What it
// decides is decided again with DUPLEX_CHAOS_SEED.
func runChaos(t *testing.T, c chaos.Config) *chaos.History {
	t.Helper()
	c.Program, c.Address, c.Log = duplex(t), freeAddress(t), t.Logf
	c.Seed = rand.Uint64()
	if text := os.Getenv("DUPLEX_CHAOS_SEED"); text != "" {
		var err error
		c.Seed, err = strconv.ParseUint(text, 10, 64)
		assert.NoError(t, err)
	}
	t.Logf("DUPLEX_CHAOS_SEED=%d", c.Seed)
	ctx, cancel := context.WithTimeout(t.Context(), c.Duration+5*time.Minute)
	defer cancel()
	h, err := chaos.Run(ctx, c)
	assert.NoError(t, err)
	t.Log("\n" + h.String())
	return h
}

// troubleTime returns the time in DUPLEX_CHAOS, or usual.
func troubleTime(t *testing.T, usual time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("DUPLEX_CHAOS")
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	assert.NoError(t, err)
	return d
}

// Whatever happens to the server, to the network and to the clients, what was promised is
// kept: docs/explain/delivery.md.
func TestChaos(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		durable  bool
		duration time.Duration
	}{
		{"durable", true, 23 * time.Second},
		{"in memory", false, 16 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := chaos.Config{Duration: troubleTime(t, c.duration), Acks: 2 * fewAcks}
			if c.durable {
				config.Data = t.TempDir()
			}
			h := runChaos(t, config)
			for _, p := range chaos.Check(h) {
				t.Error(p)
			}
			if !t.Failed() {
				checkTrouble(t, h)
				checkBreakages(t, h)
			}
		})
	}
}

// fewAcks is how many messages that were acknowledged are next to nothing.
const fewAcks = 300

// checkTrouble sees that there was a load, and trouble.
func checkTrouble(t *testing.T, h *chaos.History) {
	t.Helper()
	assert.True(t, len(h.Kills) > 0, "the server was never killed")
	assert.True(t, len(h.Acks) > fewAcks, "next to nothing was published")
	connections, forms := make(map[string]int), make(map[string]int)
	for _, s := range h.Subscribers {
		n := s.Count()
		forms[s.Form]++
		connections[s.Form] += n.Connections
		assert.True(t, n.Messages > 30, s.Name+" received next to nothing")
	}
	for form, n := range forms {
		if form != chaos.LateForm {
			assert.True(t, connections[form] > n, form+" kept its connections")
		}
	}
	checkKeyedTrouble(t, h)
	joins, leaves := 0, 0
	for _, o := range h.Room.Observers {
		n := o.Count()
		assert.True(t, n.Connections > 1, o.Name+" kept its connection")
		joins, leaves = joins+n.Joins, leaves+n.Leaves
	}
	assert.True(t, joins > 0 && leaves > 0, "nobody came, or nobody left")
}

// checkKeyedTrouble sees that keys changed, were removed, and that something was lost and
// left out. To the last two it may not come in the usual time on a busy machine, but in the
// time that somebody asks for.
func checkKeyedTrouble(t *testing.T, h *chaos.History) {
	t.Helper()
	for _, k := range h.Keyed {
		var all chaos.KeyCount
		for _, s := range k.Keepers {
			n := k.Count(s)
			all.Gaps, all.Skipped = all.Gaps+n.Gaps, all.Skipped+n.Skipped
			if s.Form != chaos.LateForm {
				assert.True(t, n.Messages > 10 && n.Removals > 0 && n.Connections > 1, s.Name+" received next to nothing")
			}
		}
		shown, missing := all.Gaps > 0, k.Topic+" has lost nothing"
		if k.Conflates {
			shown, missing = all.Skipped > 0, k.Topic+" left nothing out"
		}
		if os.Getenv("DUPLEX_CHAOS") != "" {
			assert.True(t, shown, missing)
		} else if !shown {
			t.Log(missing)
		}
	}
}

// checkBreakages spoils the history, which is good, in all ways that have to be noticed.
func checkBreakages(t *testing.T, h *chaos.History) {
	t.Helper()
	all := chaos.Breakages(h, 1)
	assert.True(t, len(all) > 30, "there is next to nothing to spoil")
	t.Logf("spoiled in %d ways", len(all))
	for _, b := range all {
		found := chaos.Check(b.History)
		if !slices.ContainsFunc(found, func(p chaos.Problem) bool { return p.Kind == b.Kind }) {
			t.Errorf("%s: this goes unnoticed: %v", b.Name, found)
		}
	}
}

// A server that forgets what it was told to keep does not get away with it.
func TestChaosNoticesLoss(t *testing.T) {
	t.Parallel()
	h := runChaos(t, chaos.Config{Data: t.TempDir(), WipeData: true, Duration: 9 * time.Second})
	found := chaos.Check(h)
	for _, kind := range []chaos.Kind{chaos.Lost, chaos.FalseGap} {
		assert.True(t, slices.ContainsFunc(found, func(p chaos.Problem) bool { return p.Kind == kind }), string(kind)+" goes unnoticed")
	}
}

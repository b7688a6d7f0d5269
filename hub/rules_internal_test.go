package hub

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestRulesTheFirstThatMatchesCounts(t *testing.T) {
	r, err := newRules([]Rule{
		{"orders.42", Settings{MaxMessages: 1}},
		{"orders.*", Settings{MaxMessages: 2}},
		{"orders.>", Settings{MaxMessages: 3}},
		{"orders.41", Settings{MaxMessages: 4}}, // comes too late
	}, Settings{MaxMessages: 5})
	assert.NoError(t, err)
	for _, c := range []struct {
		topic string
		want  int
	}{
		{"orders.42", 1}, {"orders.41", 2}, {"orders.eu.41", 3}, {"orders", 5}, {"rooms.1", 5},
		{"orders.*", 2}, {"orders.>", 3}, {"orders.*.state", 3}, {">", 5},
	} {
		t.Run(c.topic, func(t *testing.T) { assert.Equal(t, r.of(c.topic).MaxMessages, c.want) })
	}
}

func TestRulesShareSettingsWithDefaults(t *testing.T) {
	given := []Rule{{"a.*", Settings{MaxAge: -1, Latest: true}}}
	r, err := newRules(given, Settings{})
	assert.NoError(t, err)
	given[0].Settings.Latest = false // the rules have their own

	s := r.of("a.1")
	assert.True(t, s == r.of("a.2"), "topics of a rule share their settings")
	assert.True(t, s.Latest, "the settings given")
	assert.Equal(t, s.MaxAge, -1)
	assert.Equal(t, s.MaxMessages, DefaultMaxMessages)
	assert.True(t, r.of("b") == r.of("c"), "all other topics share theirs")
	assert.Equal(t, *r.of("b"), Settings{}.withDefaults())
}

func TestRulesRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		list []Rule
		rest Settings
		want string
	}{
		{"filter", []Rule{{Filter: "a"}, {Filter: "a.>.b"}}, Settings{},
			"hub: rule 2: filter: '>' at byte 2 is not the last token; write * for one token in the middle"},
		{"policy", []Rule{{"a", Settings{Slow: 3}}}, Settings{},
			"hub: rule 1, a: Slow is 3; it is SlowDisconnect, SlowDropOldest or SlowConflate"},
		{"negative", []Rule{{"a.*", Settings{MaxLag: -1}}}, Settings{},
			"hub: rule 1, a.*: MaxLag is negative; leave it zero for its default"},
		{"default", nil, Settings{PresenceInterval: -time.Second},
			"hub: default settings: PresenceInterval is negative; leave it zero for its default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newRules(c.list, c.rest)
			assert.True(t, err != nil, "no error")
			assert.Equal(t, err.Error(), c.want)
		})
	}
}

// What a negative value is said to mean is no mistake.
func TestRulesNegativeValuesWithAMeaning(t *testing.T) {
	s := Settings{MaxMessages: -1, MaxBytes: -1, MaxAge: -1, PresenceGrace: -1}
	r, err := newRules(nil, s)
	assert.NoError(t, err)
	assert.Equal(t, *r.of("a"), s.withDefaults())
}

func TestRulesOfAllocatesNothing(t *testing.T) {
	r, err := newRules([]Rule{{Filter: "a.*"}, {Filter: "b.>"}}, Settings{})
	assert.NoError(t, err)
	assert.Equal(t, testing.AllocsPerRun(10, func() { r.of("b.c.d") }), 0)
}

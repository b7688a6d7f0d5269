package cli

import (
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/app"
)

func TestTopicRule(t *testing.T) {
	conflate, _ := app.SlowPolicyOf("conflate")
	drop, _ := app.SlowPolicyOf("drop-oldest")
	for text, want := range map[string]app.Rule{
		">":                    {Filter: ">"},
		"  orders.42  ":        {Filter: "orders.42"},
		"a.*.> messages=10000": {Filter: "a.*.>", Settings: app.Settings{MaxMessages: 10000}},
		"a messages=none":      {Filter: "a", Settings: app.Settings{MaxMessages: -1}},
		"a bytes=16MiB age=7d": {Filter: "a", Settings: app.Settings{MaxBytes: 16 << 20, MaxAge: 7 * 24 * time.Hour}},
		"a bytes=unlimited age=unlimited metadata=30d": {Filter: "a",
			Settings: app.Settings{MaxBytes: -1, MaxAge: -1, Metadata: 30 * 24 * time.Hour}},
		"a latest keys=5 slow=conflate": {Filter: "a", Settings: app.Settings{Latest: true, MaxKeys: 5, Slow: conflate}},
		"a slow=drop-oldest lag=64KiB":  {Filter: "a", Settings: app.Settings{Slow: drop, MaxLag: 64 << 10}},
		"a slow=disconnect":             {Filter: "a"},
		"a idempotency=1h30m":           {Filter: "a", Settings: app.Settings{Idempotency: 90 * time.Minute}},
		"a presence=250ms grace=none sample=7": {Filter: "a",
			Settings: app.Settings{PresenceInterval: 250 * time.Millisecond, PresenceGrace: -1, PresenceSample: 7}},
		"a\tgrace=10s\n": {Filter: "a", Settings: app.Settings{PresenceGrace: 10 * time.Second}},
	} {
		var r topicRule
		assert.NoError(t, r.UnmarshalText([]byte(text)))
		assert.Equal(t, r.Rule, want)
	}
}

func TestTopicRuleThatIsNone(t *testing.T) {
	for text, says := range map[string]string{
		"":                       "begins with the topics",
		"a..b":                   "names no topics",
		"messages=5":             "names no topics",
		"a message=5":            `"message" is no setting of topics; there are messages, bytes`,
		"a 5":                    `"5" is no setting`,
		"a messages":             "messages needs a value: write messages=…",
		"a messages=":            "messages needs a value",
		"a messages=0":           `messages: "0" is not a number from 1 on, or none`,
		"a messages=-1":          `"-1" is not a number`,
		"a messages=unlimited":   `"unlimited" is not a number`,
		"a messages=5000000000":  "is not a number",
		"a bytes=5 parts":        `"parts" is no setting`,
		"a bytes=5M":             "write for example 1MiB",
		"a bytes=none":           "write for example 1MiB",
		"a lag=unlimited":        "write for example 1MiB",
		"a age=7":                "write for example 30s, 12h or 7d, or unlimited",
		"a age=-1h":              "is not a time",
		"a age=d":                "is not a time",
		"a age=99999d":           "is not a time",
		"a presence=none":        "is not a time",
		"a latest=yes":           "latest stands alone",
		"a keys=5":               "write latest too",
		"a slow=down":            `slow: "down" is none of disconnect, drop-oldest and conflate`,
		"a latest keys=5 latest": "latest is set twice",
		"a age=1h age=2h":        "age is set twice",
	} {
		var r topicRule
		err := r.UnmarshalText([]byte(text))
		assert.True(t, err != nil, text+" is taken")
		assert.Contains(t, err.Error(), says)
		assert.Equal(t, r.Filter, "")
	}
}

// Whatever is taken has a filter, and no duration or size turns out negative but by a word.
func FuzzTopicRule(f *testing.F) {
	f.Add("a.> messages=5 bytes=1MiB age=7d latest keys=1 slow=conflate lag=1kB")
	f.Add("a metadata=65535d idempotency=1ns presence=1h grace=none sample=2147483647")
	f.Fuzz(func(t *testing.T, text string) {
		var r topicRule
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		assert.NoError(t, app.CheckRule(r.Rule))
		s := r.Settings
		for _, n := range []int64{int64(s.MaxMessages), s.MaxBytes, int64(s.MaxAge), int64(s.PresenceGrace)} {
			assert.True(t, n >= unlimited, "a limit is negative")
		}
		for _, n := range []int64{int64(s.MaxKeys), s.MaxLag, int64(s.Metadata), int64(s.Idempotency), int64(s.PresenceInterval), int64(s.PresenceSample)} {
			assert.True(t, n >= 0, "a limit is negative that has no word for none")
		}
	})
}

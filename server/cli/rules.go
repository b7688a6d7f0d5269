package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/duplexhq/duplex/server/app"
)

// A topicRule is the value of --topic: a filter and the settings of the topics it
// matches, as in "orders.> messages=10000 age=7d latest".
type topicRule struct{ app.Rule }

// unlimited is what the hub takes for no limit.
const unlimited = -1

// ruleSettings are the words that may follow the filter. Those that stand alone get "".
var ruleSettings = map[string]func(s *app.Settings, value string) error{
	"messages":    func(s *app.Settings, v string) error { return setCount(&s.MaxMessages, v, "none") },
	"bytes":       func(s *app.Settings, v string) error { return setSize(&s.MaxBytes, v) },
	"age":         func(s *app.Settings, v string) error { return setAge(&s.MaxAge, v, "unlimited") },
	"latest":      setLatest,
	"keys":        func(s *app.Settings, v string) error { return setCount(&s.MaxKeys, v, "") },
	"slow":        setSlow,
	"lag":         func(s *app.Settings, v string) error { return setBound(&s.MaxLag, v) },
	"metadata":    func(s *app.Settings, v string) error { return setAge(&s.Metadata, v, "") },
	"idempotency": func(s *app.Settings, v string) error { return setAge(&s.Idempotency, v, "") },
	"presence":    func(s *app.Settings, v string) error { return setAge(&s.PresenceInterval, v, "") },
	"grace":       func(s *app.Settings, v string) error { return setAge(&s.PresenceGrace, v, "none") },
	"sample":      func(s *app.Settings, v string) error { return setCount(&s.PresenceSample, v, "") },
}

// ruleWords lists them for people.
const ruleWords = "messages, bytes, age, latest, keys, slow, lag, metadata, idempotency, presence, grace and sample"

// UnmarshalText reads a rule.
func (r *topicRule) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) == 0 {
		return fmt.Errorf("a rule begins with the topics it is for: write for example 'orders.> messages=10000', or '>' for all")
	}
	rule := app.Rule{Filter: words[0]}
	if err := app.CheckRule(rule); err != nil {
		return fmt.Errorf("%q names no topics: %w", words[0], err)
	}
	seen := make(map[string]bool)
	for _, word := range words[1:] {
		name, value, given := strings.Cut(word, "=")
		set, known := ruleSettings[name]
		switch {
		case !known:
			return fmt.Errorf("%q is no setting of topics; there are %s", name, ruleWords)
		case seen[name]:
			return fmt.Errorf("%s is set twice", name)
		case given && name == "latest":
			return fmt.Errorf("latest stands alone: write it to keep the latest message of each key, or leave it out")
		case name != "latest" && value == "":
			return fmt.Errorf("%s needs a value: write %s=…", name, name)
		}
		seen[name] = true
		if err := set(&rule.Settings, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if seen["keys"] && !seen["latest"] {
		return fmt.Errorf("keys bounds what latest keeps: write latest too")
	}
	r.Rule = rule
	return nil
}

func setLatest(s *app.Settings, _ string) error {
	s.Latest = true
	return nil
}

func setSlow(s *app.Settings, value string) error {
	policy, ok := app.SlowPolicyOf(value)
	if !ok {
		return fmt.Errorf("%q is none of disconnect, drop-oldest and conflate", value)
	}
	s.Slow = policy
	return nil
}

// setCount reads a number of things, or the word for none.
func setCount(to *int, value, none string) error {
	if value == none {
		*to = unlimited
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is not a number from 1 on%s", value, orWord(none))
	}
	*to = int(n)
	return nil
}

// setSize reads a size, or unlimited.
func setSize(to *int64, value string) error {
	if value == "unlimited" {
		*to = unlimited
		return nil
	}
	return setBound(to, value)
}

func setBound(to *int64, value string) error {
	var n byteCount
	if err := n.UnmarshalText([]byte(value)); err != nil {
		return err
	}
	*to = int64(n)
	return nil
}

// setAge reads a duration as Go writes it, or in days, or the word for none.
func setAge(to *time.Duration, value, none string) error {
	if value == none {
		*to = unlimited
		return nil
	}
	d, err := time.ParseDuration(value)
	if days, isDays := strings.CutSuffix(value, "d"); isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a time: write for example 30s, 12h or 7d%s", value, orWord(none))
	}
	*to = d
	return nil
}

func orWord(none string) string {
	if none == "" {
		return ""
	}
	return ", or " + none
}

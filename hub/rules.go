package hub

import (
	"fmt"
	"strings"
)

// rules say which settings a topic has.
type rules struct {
	list  []Rule // with the defaults filled in
	other Settings
}

// newRules checks the rules of a hub: the first whose filter matches a topic gives its
// settings, all other topics have those of other.
func newRules(list []Rule, other Settings) (*rules, error) {
	r := &rules{list: make([]Rule, len(list)), other: other.withDefaults()}
	if problem := other.problem(); problem != "" {
		return nil, fmt.Errorf("hub: default settings: %s", problem)
	}
	for i, rule := range list {
		if err := CheckFilter(rule.Filter); err != nil {
			// One prefix is enough.
			return nil, fmt.Errorf("hub: rule %d: %s", i+1, strings.TrimPrefix(err.Error(), "hub: "))
		}
		if problem := rule.Settings.problem(); problem != "" {
			return nil, fmt.Errorf("hub: rule %d, %s: %s", i+1, rule.Filter, problem)
		}
		r.list[i] = Rule{Filter: rule.Filter, Settings: rule.Settings.withDefaults()}
	}
	return r, nil
}

// of returns the settings of a topic, with the defaults filled in. All topics of one
// rule share them, and they never change. A filter may be given instead of a topic:
// it has the settings of the first rule that is about all that it matches.
func (r *rules) of(topic string) *Settings {
	for i := range r.list {
		if Match(r.list[i].Filter, topic) {
			return &r.list[i].Settings
		}
	}
	return &r.other
}

// problem says what is wrong with the settings, "" if nothing is.
func (s *Settings) problem() string {
	if s.Slow > SlowConflate {
		return fmt.Sprintf("Slow is %d; it is SlowDisconnect, SlowDropOldest or SlowConflate", s.Slow)
	}
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"Metadata", int64(s.Metadata)},
		{"MaxKeys", int64(s.MaxKeys)},
		{"MaxLag", s.MaxLag},
		{"Idempotency", int64(s.Idempotency)},
		{"PresenceInterval", int64(s.PresenceInterval)},
		{"PresenceSample", int64(s.PresenceSample)},
	} {
		if field.value < 0 {
			return field.name + " is negative; leave it zero for its default"
		}
	}
	return ""
}

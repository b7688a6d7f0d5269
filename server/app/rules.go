package app

import (
	"errors"

	"github.com/duplexhq/duplex/hub"
)

// A Rule is that of the hub. It has a name here for those who need not know the hub, like
// what it is made of.
type Rule = hub.Rule

// Settings are those of a Rule.
type Settings = hub.Settings

// A SlowPolicy is that of Settings.
type SlowPolicy = hub.SlowPolicy

// SlowPolicyOf returns the policy of a name, as SlowPolicy.String gives it.
func SlowPolicyOf(name string) (p SlowPolicy, ok bool) {
	for _, p := range []SlowPolicy{hub.SlowDisconnect, hub.SlowDropOldest, hub.SlowConflate} {
		if p.String() == name {
			return p, true
		}
	}
	return 0, false
}

// CheckRule says what is wrong with the filter of a rule, in a sentence without a prefix.
func CheckRule(r Rule) error {
	var e *hub.TopicError
	if err := hub.CheckFilter(r.Filter); errors.As(err, &e) {
		return errors.New(e.Problem)
	}
	return nil
}

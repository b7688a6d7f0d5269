package app

import (
	"errors"

	"github.com/duplexhq/duplex/hub"
)

// What rules are made of, for those who need not know the hub.
type (
	Rule       = hub.Rule
	Settings   = hub.Settings
	SlowPolicy = hub.SlowPolicy
)

// ParseSlow returns the policy of a name, as SlowPolicy.String gives it.
func ParseSlow(name string) (p SlowPolicy, ok bool) {
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

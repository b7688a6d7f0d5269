package conformance

import (
	"errors"
	"fmt"

	"github.com/duplexhq/duplex/websocket/frame"
)

// An Outcome is what happened when a case was run.
type Outcome struct {
	Saw     []Event  // what the application saw, in order
	Answers []Answer // the frames that came back, in order
	Ended   End      // how the connection stood when the peer had sent all
}

// Check returns nil if got is what c demands, and otherwise an error that names
// everything that differs, one difference on a line.
func (c *Case) Check(got Outcome) error {
	return errors.Join(
		differ("the application saw", got.Saw, c.Sees, func(a, b Event) bool { return a == b }),
		differ("the peer was answered", got.Answers, c.Answers, sameAnswer),
		c.checkEnd(got.Ended),
	)
}

func (c *Case) checkEnd(got End) error {
	if got == c.Ends {
		return nil
	}
	return fmt.Errorf("the connection is %v, want %v", got, c.Ends)
}

// sameAnswer compares what counts of two frames.
func sameAnswer(a, b Answer) bool {
	if a.Opcode == frame.OpClose {
		a.Payload, b.Payload = "", ""
	}
	return a == b
}

// differ compares two lists and returns an error about the first place where
// they differ.
func differ[T fmt.Stringer](what string, got, want []T, same func(a, b T) bool) error {
	for i := range min(len(got), len(want)) {
		if !same(got[i], want[i]) {
			return fmt.Errorf("%s %v as number %d, want %v", what, got[i], i+1, want[i])
		}
	}
	switch {
	case len(got) > len(want):
		return fmt.Errorf("%s %v as number %d, want no more than %d", what, got[len(want)], len(want)+1, len(want))
	case len(got) < len(want):
		return fmt.Errorf("%s nothing as number %d, want %v", what, len(got)+1, want[len(got)])
	}
	return nil
}

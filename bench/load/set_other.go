//go:build !linux

package load

import (
	"context"
	"errors"
)

// errSystem is the answer of everything.
var errSystem = errors.New("the load needs epoll, and so Linux")

// A Set is connections to one server; not on this system.
type Set struct{}

// Open returns an error.
func Open(context.Context, *Target, int) (*Set, error) { return nil, errSystem }

// Close does nothing.
func (*Set) Close() {}

// Deflates tells nothing.
func (*Set) Deflates() (on, takeover bool) { return false, false }

// Echo returns an error.
func (*Set) Echo(context.Context, *Echo) (*Result, error) { return nil, errSystem }

// FanOut returns an error.
func (*Set) FanOut(context.Context, *FanOut) (*Result, error) { return nil, errSystem }

// Connect returns an error.
func Connect(context.Context, *Target, *Storm) (*Result, error) { return nil, errSystem }

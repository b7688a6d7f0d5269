//go:build !unix

package screen

// watchSize does nothing: there is no signal that tells of a new size.
func watchSize(func()) (stop func()) { return func() {} }

//go:build !linux && !darwin

package pebble

// bootID returns what names the time since the system was started. Here it is not known.
func bootID() string { return "" }

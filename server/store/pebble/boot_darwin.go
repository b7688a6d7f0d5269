package pebble

import "golang.org/x/sys/unix"

// bootID returns what names the time since the system was started, "" if it is not
// known.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}

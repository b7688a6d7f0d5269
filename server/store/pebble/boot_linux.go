package pebble

import "os"

// bootID returns what names the time since the system was started, "" if it is not
// known.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(id)
}

//go:build !linux || 386

package event

// tellsRest returns false: a socket does not tell whether a read was all there is.
func tellsRest(int) bool { return false }

// readRest is readFD. Whether there is more to read is not known, so there may be.
func readRest(fd int, b []byte) (n int, more bool, err error) {
	n, err = readFD(fd, b)
	return n, true, err
}

// writeSocket writes to a descriptor that does not block, as much as there is room for.
func writeSocket(fd int, b []byte) (int, error) { return writeFD(fd, b) }

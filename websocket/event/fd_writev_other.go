//go:build unix && !linux

package event

// writevFD writes a and then b to a descriptor that does not block, as much as there is
// room for.
func writevFD(fd int, a, b []byte) (int, error) {
	n, err := writeFD(fd, a)
	if err != nil || n < len(a) {
		return n, err
	}
	m, err := writeFD(fd, b)
	return n + m, err
}

//go:build poison

package event

// expire overwrites what was lent once it is taken back, so that whoever still reads
// it notices.
func expire(p []byte) {
	for i := range p {
		p[i] = 0xDB
	}
}

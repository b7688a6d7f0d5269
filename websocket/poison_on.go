//go:build poison

package websocket

// poison overwrites what is no longer lent, so that whoever still uses it notices.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}

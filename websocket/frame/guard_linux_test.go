package frame

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// guarded returns a page of memory between two that kill who touches them.
func guarded(t *testing.T) []byte {
	t.Helper()
	size := syscall.Getpagesize()
	whole, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	assert.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, syscall.Munmap(whole)) })
	assert.NoError(t, syscall.Mprotect(whole[:size], syscall.PROT_NONE))
	assert.NoError(t, syscall.Mprotect(whole[2*size:], syscall.PROT_NONE))
	return whole[size : 2*size : 2*size]
}

// Nothing is touched before the first byte and behind the last, neither for
// reading, which no other test would notice, nor for writing.
func TestNothingOutsideIsTouched(t *testing.T) {
	page, other := guarded(t), guarded(t)
	texts := []string{"plain text ", "漢字 и кириллица 😀 ", "漢"}
	eachCode(func(code string) {
		for n := range 400 {
			for _, b := range [][]byte{page[:n], page[len(page)-n:]} {
				Mask(b, 0x01020304)
				MaskCopy(other[:n], b, 0x01020304)
				MaskCopy(other[len(other)-n:], b, 0x01020304)
				for _, text := range texts {
					for at := 0; at < n; {
						at += copy(b[at:], text)
					}
					var v UTF8
					assert.True(t, v.Write(b), fmt.Sprintf("%s: %d bytes of %q refused", code, n, text))
				}
			}
		}
	})
}

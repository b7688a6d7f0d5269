package cli

import (
	"bytes"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// An endless input is the same byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{byte(e)}, len(p)))
	return len(p), nil
}

func TestEndlessInput(t *testing.T) {
	const most = 100_000
	for name, read := range map[string]func() ([]byte, error){
		"lines": lines(endless('x'), most).read, "values": values(endless(' '), most).read, "whole": whole(endless(0), most).read,
	} {
		t.Run(name, func(t *testing.T) {
			data, err := read()
			assert.Equal(t, err, errNoEnd)
			assert.Equal(t, len(data), 0)
		})
	}
}

// The tests of this package run as in a program that may use approved
// cryptography only, wherever Go can enforce that.

//go:build (amd64 || arm64) && !purego && (linux || darwin || windows)

//go:debug fips140=only

package handshake

import (
	"crypto/fips140"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestAcceptKeyUnderFIPS140(t *testing.T) {
	assert.True(t, fips140.Enforced(), "the go:debug line of this file has no effect")
	assert.Equal(t, AcceptKey(sampleKey), sampleAccept)
	assert.True(t, fips140.Enforced(), "the enforcement stays switched off")
}

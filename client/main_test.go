package client

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

package peers_test

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

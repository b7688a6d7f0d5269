package hubtest_test

import (
	"testing"

	"github.com/duplexhq/duplex/hub/hubtest"
)

func TestKillInMemory(t *testing.T) { hubtest.Kill(t, openMemory) }

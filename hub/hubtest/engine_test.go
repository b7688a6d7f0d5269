package hubtest_test

import (
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) { assert.RunWithoutLeaks(m) }

func openMemory(testing.TB, string) hub.Engine { return hub.NewLocal(nil) }

func TestEngineInMemory(t *testing.T) { hubtest.Engine(t, openMemory) }

func TestEngineOnMemStore(t *testing.T) {
	open := openMem()
	hubtest.Engine(t, func(t testing.TB, dir string) hub.Engine { return hub.NewLocal(open(t, dir)) })
}

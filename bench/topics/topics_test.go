package topics_test

import (
	"os"
	"testing"
	"time"

	"github.com/duplexhq/duplex/bench/topics"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestMain(m *testing.M) {
	topics.ServeIfChild()
	os.Exit(m.Run())
}

func TestPublish(t *testing.T) {
	list, err := topics.Publish(t.Context(), t.TempDir(), []int{1, 8}, 20*time.Millisecond, 2)
	assert.NoError(t, err)
	assert.Equal(t, len(list), 8)
	for _, p := range list {
		assert.True(t, p.PerSecond > 0 && p.Wait > 0 && p.Ratio > 0, p.Keeping+": nothing was published")
	}
}

func TestHistory(t *testing.T) {
	reads, disturbed, err := topics.History(t.Context(), t.TempDir(), topics.Volume{Topics: 50, Each: 20, Reads: 20})
	assert.NoError(t, err)
	assert.Equal(t, len(reads), 3)
	assert.True(t, disturbed[0].Reads == 0 && disturbed[1].Reads > 0, "nobody has read meanwhile")
}

func TestMemory(t *testing.T) {
	costs, err := topics.Memory(t.Context(), t.TempDir(), 2000, func(time.Duration) {})
	assert.NoError(t, err)
	assert.Equal(t, len(costs), 5)
	assert.True(t, costs[0].Bytes > 100 && costs[0].Bytes < 1000, "a subscription has another size than it can have")
}

func TestResume(t *testing.T) {
	r, err := topics.Resume(t.Context(), t.TempDir(), 40, 10)
	assert.NoError(t, err)
	assert.True(t, r.All >= r.Open && r.CPU > 0, "it took no time")
}

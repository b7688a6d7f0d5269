package hubtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

const (
	// killDir is set in the process that is to be killed, to the directory of its
	// engine.
	killDir = "HUBTEST_KILL_DIR"

	// killRounds may be set to how often a process is killed.
	killRounds = "HUBTEST_KILL_ROUNDS"
)

const (
	killPublishers = 32
	killTopics     = 24 // a third of them short
	killMostAcks   = 1500
)

// Kill tests that nothing is lost in silence when the process is killed. It runs the test that
// calls it once more, in a process that publishes to many topics at once and tells of each
// message that it is told to be stored, kills that process at some moment, and begins a hub with
// what is left: if the epoch is the same, each message that was said to be stored is
// there once and in order, each cursor continues, and trying again what was not answered makes
// one copy. If the epoch is another, each cursor is a gap.
//
// It does so three times, or as often as HUBTEST_KILL_ROUNDS says.
func Kill(t *testing.T, open OpenEngine) {
	if dir := os.Getenv(killDir); dir != "" {
		publishUntilKilled(t, open(t, dir))
	}
	rounds := 3
	if s := os.Getenv(killRounds); s != "" {
		var err error
		rounds, err = strconv.Atoi(s)
		assert.NoError(t, err)
	}
	k := &killTest{T: t, open: open, dir: t.TempDir(), acked: map[string]ack{}}
	for round := range rounds {
		k.round(round)
		if t.Failed() {
			return
		}
	}
}

// killOptions are those of the hubs of this test.
func killOptions(e hub.Engine) *hub.Options {
	const day = 24 * 60 * 60 * 1e9
	return &hub.Options{
		Engine:  e,
		Rules:   []hub.Rule{{Filter: "short.*", Settings: hub.Settings{MaxMessages: 30, Idempotency: day}}},
		Default: hub.Settings{MaxMessages: 1 << 20, MaxBytes: -1, Idempotency: day},
	}
}

// killTopic returns the topic of a publisher's nth message.
func killTopic(publisher, n int) string {
	i := (publisher*7 + n) % killTopics
	if i%3 == 0 {
		return fmt.Sprint("short.", i)
	}
	return fmt.Sprint("long.", i)
}

// killPayload returns the payload of an ID: of many lengths, so that the blocks of a file end
// everywhere in messages.
func killPayload(id string) []byte {
	var sum uint32
	for _, c := range []byte(id) {
		sum = sum*31 + uint32(c)
	}
	return append([]byte(id), strings.Repeat(".", int(sum%1500))...)
}

// publishUntilKilled is what the other process does. It tells
//
//	try TOPIC ID
//	ack TOPIC ID CURSOR
func publishUntilKilled(t *testing.T, e hub.Engine) {
	go func() { // who has started it is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	h, err := hub.New(killOptions(e))
	assert.NoError(t, err)
	round := rand.Uint32()
	var mu sync.Mutex
	tell := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format, args...)
	}
	var all sync.WaitGroup
	for p := range killPublishers {
		all.Go(func() {
			for n := 0; ; n++ {
				topic, id := killTopic(p, n), fmt.Sprintf("%x-%d-%d", round, p, n)
				tell("try %s %s\n", topic, id)
				r, err := h.Publish(context.Background(), &hub.Message{Topic: topic, ID: id, Payload: killPayload(id)})
				if err != nil {
					tell("error %v\n", err)
					os.Exit(1)
				}
				tell("ack %s %s %s\n", topic, id, r.At)
			}
		})
	}
	all.Wait()
}

// An ack is a message that was said to be stored.
type ack struct {
	topic, id string
	at        hub.Cursor
}

// A killTest is what is known of several rounds.
type killTest struct {
	*testing.T

	open  OpenEngine
	dir   string
	epoch uint64
	acked map[string]ack    // by ID
	tried map[string]string // topics of the IDs of this round that were not answered
}

func (t *killTest) round(round int) {
	t.tried = map[string]string{}
	t.killAfter(1 + rand.IntN(killMostAcks))
	h, err := hub.New(killOptions(t.open(t, t.dir)))
	assert.NoError(t, err)
	defer func() { assert.NoError(t, h.Close()) }()
	c := &killCheck{killTest: t, h: h, logs: map[string][]*hub.Message{}}
	c.read()
	epoch := h.Position("long.1").Epoch
	if t.epoch != 0 && epoch != t.epoch {
		c.allGaps()
		t.acked = map[string]ack{}
	} else {
		c.allThere()
		c.continued()
	}
	c.retry()
	t.epoch = epoch
	t.Logf("round %d: %d stored, %d not answered, epoch %d", round, len(t.acked), len(t.tried), epoch)
}

// killAfter has the other process publish and kills it when it has told of n messages that
// they are stored.
func (t *killTest) killAfter(n int) {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+pattern)
	cmd.Env = append(os.Environ(), killDir+"="+t.dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	assert.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	assert.NoError(t, err)
	assert.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	for acks := 0; ; {
		line, err := lines.ReadString('\n')
		if err != nil { // what it was telling when it was killed counts for nothing
			break
		}
		if t.note(strings.Fields(line)) {
			if acks++; acks == n {
				assert.NoError(t, cmd.Process.Kill())
			}
		}
	}
	assert.True(t, cmd.Wait() != nil, "the process ends because it is killed")
}

// note takes a line of the other process, and returns true for an ack.
func (t *killTest) note(words []string) bool {
	switch {
	case len(words) == 3 && words[0] == "try":
		t.tried[words[2]] = words[1]
	case len(words) == 4 && words[0] == "ack":
		at, err := hub.ParseCursor(words[3])
		assert.NoError(t, err)
		t.acked[words[2]] = ack{words[1], words[2], at}
		delete(t.tried, words[2])
		if t.epoch == 0 {
			t.epoch = at.Epoch
		}
		return true
	default:
		t.Fatalf("the process says: %s", strings.Join(words, " "))
	}
	return false
}

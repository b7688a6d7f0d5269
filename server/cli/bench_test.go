package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/load"
	"github.com/duplexhq/duplex/websocket"
)

// brief are flags for a run that need not measure anything well.
const brief = " -c 4 -d 120ms --warm-up 10ms --timeout 30s -q "

// impatient are the flags for a server that does not answer.
const impatient = brief + "--timeout 300ms"

// bench runs duplex bench with flags.
func runBench(flags string) result {
	return command("", append([]string{"bench"}, strings.Fields(flags)...)...)
}

func TestBench(t *testing.T) {
	at := startServer(t)
	for _, c := range []struct {
		flags string
		says  []string
	}{
		{"/echo", []string{"echo: 4 connections, 64 B text, 1 in flight on each\n", "latency p99.9", "    ≤", "Every message came back"}},
		{"/echo --depth 8 -b --size 2KiB --no-plot", []string{"2 KiB binary, 8 in flight", "payload a second"}},
		{"/echo --content chinese --size 1KiB", []string{"1 KiB text (chinese)"}},
		{"/echo --rate 500/s", []string{", 500 messages/s\n", "sent late p99"}},
		{"/echo --scenario idle --touch 2", []string{"idle: 4 connections, after 2 messages on each\n", "  open ", "handshake p99", "Every connection stayed open."}},
		{"/echo --scenario connect", []string{"connect: 64 at a time\n", "handshakes ", "Every handshake succeeded."}},
		{"/echo --scenario connect --graceful --concurrency 2", []string{"connect: 2 at a time\n", "Every handshake succeeded."}},
		{"/t/room -x fanout --outstanding 3 --publishers 2", []string{"fanout: 4 connections, 64 B text, 3 outstanding, 2 publishers\n", "published ", "deliveries ", "Every message reached every subscriber"}},
		{"/t/room -x fanout --rate 300", []string{", 300 messages/s, 1 publisher\n"}},
		{"/echo -z", []string{", without compression: the server declined it\n"}},
	} {
		t.Run(c.flags, func(t *testing.T) {
			got := runBench(at + c.flags + brief)
			for _, want := range c.says {
				assert.Contains(t, got.out, want)
			}
			assert.Equal(t, got.err, "")
			assert.Equal(t, got.status, 0)
		})
	}
}

// TestBenchProgress says without a terminal what is being done, a line each.
func TestBenchProgress(t *testing.T) {
	got := runBench(startServer(t) + "/echo" + strings.ReplaceAll(brief, "-q", ""))
	assert.True(t, regexp.MustCompile(`^opening 4 connections to ws://\S+/echo\nwarming up for 10ms\nmeasuring for 120ms\n$`).MatchString(got.err), got.err)
	assert.Equal(t, cutLine(progressLine("measuring", 3200*time.Millisecond, 10*time.Second, "messages 12,345/s"), 45),
		"measuring  3.2 s of 10s  messages 12,345/s")
	assert.Equal(t, cutLine("äöü", 2)+cutLine("x", -1), "äö")
}

func TestBenchVs(t *testing.T) {
	a, b := startServer(t), startServer(t)
	for _, flags := range []string{"/echo", "/echo -x connect"} {
		got := runBench(a + flags + " --rounds 3 --vs " + b + "/echo" + brief + "-d 600ms")
		assert.Equal(t, got.status, 0)
		for _, want := range []string{"A  ws://" + a + "/echo\n", "B  ws://" + b + "/echo\n", "3 rounds, in each 100ms to either server\n", "A / B", "\nA  latency\n", "\nB  latency\n"} {
			assert.Contains(t, got.out, want)
		}
		assert.True(t, regexp.MustCompile(`\n  a second +\S+ +\S+   \d+\.\d\d  \(\d+\.\d\d … \d+\.\d\d\)\n`).MatchString(got.out), got.out)
	}
	got := runBench(a + "/t/a -x fanout --rounds 2 --json - --vs " + b + "/t/b" + brief)
	assert.Equal(t, got.status, 0)
	r := readReport(t, got.out)
	assert.Equal(t, r.Ratios[0].Name, "per_second")
	assert.Equal(t, r.Ratios[0].Rounds, 2)
	assert.Equal(t, len(r.Servers[1].Rounds), 2)
}

// A server that shouts sends back something else.
func TestBenchOfABrokenServer(t *testing.T) {
	got := runBench(startShouting(t) + brief)
	assert.Equal(t, got.status, 1)
	for _, want := range []string{"\nproblems\n", "corrupt ", "with another payload: \"", "these numbers are not those of a server that works"} {
		assert.Contains(t, got.out, want)
	}
}

// A server that never answers ends the run in bounded time.
func TestBenchOfASilentServer(t *testing.T) {
	at := startHandler(t, func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		for err == nil {
			_, _, err = c.Read(ctx)
		}
		return err
	}, nil)
	got := runBench(at + impatient)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.out, "nothing came for 300ms")
	assert.Equal(t, got.err, "duplex: no connection is left\n")
}

// What the server says is shown, and cannot write to the terminal.
func TestBenchShowsTheServersWords(t *testing.T) {
	at := startHandler(t, func(ctx context.Context, c *websocket.Conn) error {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		return c.Close(websocket.StatusPolicyViolation, "go away\x1b[2J")
	}, nil)
	got := runBench(at + brief)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.out, "1008 policy violation")
	assert.True(t, !strings.Contains(got.out, "\x1b"), "it wrote to the terminal")

	got = runBench(startServer(t) + "/nothing" + brief)
	assert.Equal(t, got.status, 1)
	assert.Equal(t, got.out, "")
	assert.Contains(t, got.err, "the server answered 404 Not Found instead of opening a WebSocket\n  There is nothing here.")
	got = runBench("127.0.0.1:1" + brief)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "nothing listens there")
	got = runBench("127.0.0.1:1 -x connect" + brief)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "nothing listens there")
}

// A server that does not answer the handshake is given up; one may be interrupted.
func TestBenchOfADeafServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	got := runBench(l.Addr().String() + impatient)
	assert.Equal(t, got.status, 1)
	assert.Equal(t, got.out, "")
	assert.Contains(t, got.err, "duplex: ")

	b := run(t, "bench", l.Addr().String(), "--timeout", "1h")
	b.err.until("opening 100 connections")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 130)
}

func TestBenchOverTLS(t *testing.T) {
	var asked atomic.Pointer[http.Request]
	h := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}, &websocket.AcceptOptions{Subprotocols: []string{"b"}, Compression: &websocket.Compression{Threshold: -1}})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r)
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	got := command("", append([]string{"bench", s.URL, "-z", "-k", "-s", "a", "-s", "b", "-H", "X-Load: yes", "--content", "json", "-n", "1KiB"},
		strings.Fields(brief)...)...)
	assert.Equal(t, got.status, 0)
	assert.Contains(t, got.out, ", permessage-deflate")
	r := asked.Load()
	assert.Equal(t, r.Header.Get("Sec-WebSocket-Protocol"), "a, b")
	assert.Equal(t, r.Header.Get("X-Load"), "yes")

	got = runBench(s.URL + brief)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "--insecure does without the check")
}

func TestBenchIsInterrupted(t *testing.T) {
	at := startServer(t) + "/echo"
	for _, scenario := range []string{"echo", "idle", "connect"} {
		b := run(t, "bench", at, "-x", scenario, "-c", "3", "-d", "1h", "--warm-up", "0s")
		b.err.until(" for 1h0m0s")
		b.signals <- os.Interrupt
		assert.Equal(t, <-b.done, 130)
		assert.Contains(t, b.out.until("until then"), "\nInterrupted; until then: ")
	}
	b := run(t, "bench", at, "--vs", at, "-c", "3", "-d", "1h", "--warm-up", "0s")
	b.err.until("measuring")
	b.signals <- os.Interrupt
	assert.Equal(t, <-b.done, 130)
	assert.Contains(t, b.out.until("until then"), "\nInterrupted; until then: Nothing was measured.")
}

func TestBenchWritesReports(t *testing.T) {
	dir := t.TempDir()
	at := startServer(t) + "/echo"
	svg, js := filepath.Join(dir, "r.svg"), filepath.Join(dir, "r.json")
	got := runBench(at + " --json " + js + " --svg " + svg + brief)
	assert.Equal(t, got.status, 0)
	picture, err := os.ReadFile(svg)
	assert.NoError(t, err)
	assert.Contains(t, string(picture), "<polyline")
	assert.Contains(t, string(picture), "ws://"+at)
	b, err := os.ReadFile(js)
	assert.NoError(t, err)
	r := readReport(t, string(b))
	assert.True(t, r.OK && r.Servers[0].Messages > 0 && r.Servers[0].Latency.P50 > 0, string(b))

	got = runBench(at + " --svg -" + brief)
	assert.True(t, strings.HasPrefix(got.out, "<svg "), got.out)
	assert.Contains(t, got.err, "Every message came back") // the text gives way
	got = runBench(at + " --json " + filepath.Join(dir, "no", "such") + brief)
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "no such file")
}

func readReport(t *testing.T, s string) (r benchReport) {
	t.Helper()
	assert.NoError(t, json.Unmarshal([]byte(s), &r))
	return r
}

// TestBenchJSONIsStable holds the names that programs read.
func TestBenchJSONIsStable(t *testing.T) {
	at := startServer(t) + "/echo"
	got := runBench(at + " --rounds 1 --rate 1000 --json - --vs " + at + fmt.Sprintf(" --pid %d", os.Getpid()) + brief)
	if !canSeeProcesses {
		got = runBench(at + " --rounds 1 --rate 1000 --json - --vs " + at + brief)
	}
	var r any
	assert.NoError(t, json.Unmarshal([]byte(got.out), &r))
	names := map[string]bool{}
	collect(names, "", r)
	for name := range names { // of problems there are none
		assert.True(t, !strings.HasPrefix(name, "servers.problems."), name)
	}
	for want := range strings.FieldsSeq(`duplex scenario ok interrupted settings servers ratios
		settings.connections settings.duration_seconds settings.warm_up_seconds settings.type settings.size settings.content
		settings.depth settings.rate settings.publishers settings.outstanding settings.touch settings.concurrency
		settings.compress settings.rounds
		servers.url servers.opening servers.opening.per_second servers.opening.server_cpu_per_handshake servers.opening.latency
		servers.sent servers.messages servers.bytes servers.ignored servers.unsent servers.connections servers.seconds
		servers.per_second servers.server_cpu servers.server_cpu_per_message servers.own_cpu servers.p50 servers.p99
		servers.problems servers.rounds servers.rounds.messages servers.rounds.seconds servers.rounds.p50
		servers.latency.count servers.latency.mean servers.latency.min servers.latency.p50 servers.latency.p90
		servers.latency.p99 servers.latency.p99.9 servers.latency.p99.99 servers.latency.max servers.late.max
		ratios.name ratios.p25 ratios.median ratios.p75 ratios.rounds`) {
		assert.True(t, names[want], want+" is missing: "+fmt.Sprint(names))
	}
	b, err := json.Marshal(load.Problem{Kind: load.Lost, Count: 2, Example: "x"})
	assert.NoError(t, err)
	assert.Equal(t, string(b), `{"kind":"lost","count":2,"example":"x"}`)
}

// collect gathers the names in v, without the numbers of lists.
func collect(names map[string]bool, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			names[prefix+name] = true
			collect(names, prefix+name+".", inner)
		}
	case []any:
		for _, inner := range v {
			collect(names, prefix, inner)
		}
	}
}

func TestBenchUsage(t *testing.T) {
	for flags, want := range map[string]string{
		"":                                "expected \"<url>\"",
		"ftp://x":                         "the scheme must be ws or wss",
		"x --vs ftp://x":                  "the scheme must be ws or wss",
		"x --scenario dance":              "--scenario",
		"x -c 0":                          "--connections must be at least 1",
		"x --depth 0":                     "--depth must be at least 1",
		"x -d 0s":                         "--duration and --timeout must be more than 0",
		"x --warm-up=-1s":                 "must not be less than 0",
		"x --rate fast":                   "write for example 500/s or 20k/s",
		"x --rate 0":                      "is no rate",
		"x --rate NaN":                    "is no rate",
		"x --rate 5 --depth 2":            "--rate and --depth exclude each other",
		"x --rate 5 --outstanding 2":      "--rate and --outstanding exclude each other",
		"x --rate 5 -x idle":              "--rate is for echo and fanout, not for idle",
		"x --depth 2 -x connect":          "--depth is for echo, not for connect",
		"x -x fanout --size 23":           "--size must be at least 24 for fanout",
		"x -x fanout --size 11 -b":        "--size must be at least 12 for fanout",
		"x -x fanout -c 2 --publishers 3": "--publishers are some of the --connections",
		"x --vs-pid 1":                    "--vs-pid belongs to --vs",
		"x --content poems":               "it is one of auto, ascii, random, json, chinese",
		"x --content random":              "send them with --binary",
		"x --sources a":                   `"a" is no IP address`,
		"x --sources 2":                   "but x is another machine",
		"localhost --sources 0":           "1 to 254",
		"x --json - --svg -":              "only one of --json and --svg",
		"x -H nonsense":                   "write 'Name: value'",
	} {
		t.Run(flags, func(t *testing.T) {
			got := runBench(flags)
			assert.Equal(t, got.status, 2)
			assert.Equal(t, got.out, "")
			assert.Contains(t, got.err, want)
		})
	}
	got := runBench("127.0.0.1:1 --pid 1073741824")
	assert.Equal(t, got.status, 1)
	assert.Contains(t, got.err, "--pid: ")
}

func TestBenchSources(t *testing.T) {
	for flags, want := range map[string]string{
		"3":                   "[127.0.0.1 127.0.0.2 127.0.0.3]",
		"127.0.0.9,127.0.0.8": "[127.0.0.9 127.0.0.8]",
		"::1":                 "[::1]",
		"":                    "[]",
	} {
		c := &benchCommand{URL: "localhost:1"}
		if flags != "" {
			c.Sources = strings.Split(flags, ",")
		}
		got, err := c.sources()
		assert.NoError(t, err)
		assert.Equal(t, fmt.Sprint(got), want)
	}
}

func TestBenchNotes(t *testing.T) {
	late := func(r *load.Result, sent, took int64) *load.Result {
		_ = r.Late.RecordValue(sent)
		_ = r.Latency.RecordValue(took)
		return r
	}
	for _, c := range []struct {
		r    *load.Result
		rate rate
		want string
	}{
		{&load.Result{Elapsed: time.Second}, 0, ""},
		{&load.Result{Unsent: 12345}, 5, "12,345 messages were due and could not be sent in time"},
		{&load.Result{Ignored: 1}, 0, "1 message came unasked"},
		{&load.Result{Elapsed: time.Second, OwnCPU: time.Hour}, 0, "had no processor time left"},
		{late(newResult(), 1e6, 1.5e6), 5, "could not keep its schedule"},
		{late(newResult(), 1e6, 1e7), 5, ""},
	} {
		b := &bench{benchCommand: &benchCommand{Scenario: "echo", Rate: c.rate}, sides: []*side{{result: c.r}}}
		assert.Contains(t, strings.Join(b.notes(), "\n"), c.want)
		assert.Equal(t, len(b.notes()) == 0, c.want == "")
	}
}

// newResult returns one with empty histograms.
func newResult() *load.Result {
	return &load.Result{Latency: load.NewHistogram(), Late: load.NewHistogram()}
}

func TestBenchNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", -1000: "-1,000", -100: "-100", 1234567: "1,234,567"} {
		assert.Equal(t, count(n), want)
	}
	for v, want := range map[float64]string{0: "0", 0.5: "0.50", 12.34: "12.3", 999.6: "1,000", 1e6: "1,000,000", math.Inf(1): "0"} {
		assert.Equal(t, rounded(v), want)
	}
	for v, want := range map[float64]string{0: "0 B", 64: "64 B", 1000: "1000 B", 1024: "1.00 KiB", 15 << 10: "15.0 KiB", 3.1 * (1 << 20): "3.10 MiB", 1 << 50: "1024 TiB"} {
		assert.Equal(t, memory(v), want)
	}
	assert.Equal(t, []string{times(0.0123), times(0.5), times(14.2)}, []string{"0.012", "0.50", "14.20"})
	assert.Equal(t, share(time.Second, 2*time.Second)+share(1, 0)+nanoseconds(0), "50%--")
	assert.Equal(t, plural(1, "delivery")+plural(1000, "delivery"), "1 delivery1,000 deliveries")
	for text, want := range map[string]rate{"500": 500, "500/s": 500, "20k/s": 20000, "0.5": 0.5, "2k": 2000} {
		var r rate
		assert.NoError(t, r.UnmarshalText([]byte(text)))
		assert.Equal(t, r, want)
	}
}

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/duplexhq/duplex/internal/assert"
)

// A result is what a command leaves behind.
type result struct {
	status   int
	out, err string
}

// command runs the program with the lines of in, until it ends.
func command(in string, args ...string) result {
	var out, errs bytes.Buffer
	status := Main(args, Env{In: strings.NewReader(in), Out: &out, Err: &errs})
	return result{status, out.String(), errs.String()}
}

// A background command runs while the test goes on.
type background struct {
	in      *io.PipeWriter
	signals chan os.Signal
	out     *output
	err     *output
	done    chan int
}

// run starts the program.
func run(t *testing.T, args ...string) *background {
	t.Helper()
	r, w := io.Pipe()
	b := &background{in: w, signals: make(chan os.Signal, 2), out: newOutput(t), err: newOutput(t), done: make(chan int, 1)}
	go func() { b.done <- Main(args, Env{In: r, Out: b.out, Err: b.err, Signals: b.signals}) }()
	t.Cleanup(func() { w.Close() })
	return b
}

// An output can be waited on.
type output struct {
	t       *testing.T
	mu      sync.Mutex
	changed *sync.Cond
	text    string
}

func newOutput(t *testing.T) *output {
	o := &output{t: t}
	o.changed = sync.NewCond(&o.mu)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text += string(p)
	o.changed.Broadcast()
	return len(p), nil
}

// until waits until part was written and returns what was written so far.
func (o *output) until(part string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !strings.Contains(o.text, part) {
		o.changed.Wait()
	}
	return o.text
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		says string
	}{
		{"srve", `did you mean "serve"?`},
		{"--wrong", "unknown flag --wrong"},
		{"serve --wrong", "See duplex serve --help."},
		{"serve --listen 8080", `--listen "8080" is no address: write HOST:PORT`},
		{"serve --origin example.com", "a scheme is missing: write https://host"},
		{"serve --origin wss://example.com", "write http:// for ws://"},
		{"serve --max-message 1M", "write for example 1MiB"},
		{"serve --max-message 0", "it must be more than 0"},
		{"serve --log-format xml", "--log-format"},
		{"serve --log-level loud", "--log-level"},
		{"connect", `expected "<url>"`},
		{"connect ftp://localhost", "the scheme must be ws or wss"},
		{"connect ws://", "has no host"},
		{"connect localhost -H nothing", "write 'Name: value'"},
		{"connect localhost -H :value", "write 'Name: value'"},
		{"connect localhost -w 5", "--linger"},
		{"connect a b", "unexpected argument b"},
		{"pub", `expected "<topic>`},
		{"pub a b --json --binary", "--json and --binary exclude each other"},
		{"pub a b --timeout 0s", "--timeout must be more than 0"},
		{"pub a b --server ftp://x", "--server: \"ftp://x\": the scheme must be ws or wss"},
		{"pub a b -H nothing", "write 'Name: value'"},
		{"sub", `expected "<topic>"`},
		{"sub a --last 1001", "--last must be 1 to 1000"},
		{"sub a --last 1 --after x", "--last and --after exclude each other"},
		{"sub a --count=-1", "--count must be more than 0"},
		{"sub a --json --raw", "--json and --raw exclude each other"},
		{"sub a.* --no-follow", "--no-follow needs one topic, not a filter"},
		{"sub > --last 1", "--last needs one topic, not a filter"},
		{"sub a -S ws://", "has no host"},
		{"topics --limit=-1", "--limit must be more than 0"},
		{"topics --timeout 0s", "--timeout must be more than 0"},
		{"topics -S ftp://x", "the scheme must be ws or wss"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := command("", strings.Fields(c.args)...)
			assert.Equal(t, r.status, 2)
			assert.Equal(t, r.out, "")
			assert.Contains(t, r.err, c.says)
			assert.Contains(t, r.err, "--help.\n")
		})
	}
}

func TestHelp(t *testing.T) {
	for args, says := range map[string]string{
		"":               "Run \"duplex <command> --help\"",
		"--help":         "a realtime server for plain WebSockets",
		"serve --help":   "duplex serve --listen :8080 --origin 'https://*.example.com'",
		"connect --help": "echo hello | duplex connect -1 localhost:8080/echo",
		"pub --help":     "tail -f log | duplex pub logs.web",
		"sub --help":     "duplex sub orders.42 --last 20 --no-follow",
		"topics --help":  "duplex topics 'orders.>' --json",
		"version --help": "Example:\n\n    duplex version",
	} {
		r := command("", strings.Fields(args)...)
		assert.Equal(t, r.status, 0)
		assert.Equal(t, r.err, "")
		assert.Contains(t, r.out, says)
	}
}

func TestVersion(t *testing.T) {
	r := command("", "version")
	assert.Equal(t, r.status, 0)
	assert.True(t, strings.HasPrefix(r.out, "duplex "), r.out)
	assert.Contains(t, r.out, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH+"\n")
}

// Every flag has a twin in the environment, of its own name, but --help and what is for one
// start only: an environment would repeat it. Every command has an example in its help.
func TestEveryFlagHasAnEnvironmentTwin(t *testing.T) {
	parser, err := newParser(Env{Out: io.Discard, Err: io.Discard})
	assert.NoError(t, err)
	prefixes := map[string]string{
		"serve": "DUPLEX_", "connect": "DUPLEX_CONNECT_", "check": "DUPLEX_CHECK_", "bench": "DUPLEX_BENCH_",
		"pub": "DUPLEX_PUB_", "sub": "DUPLEX_SUB_", "topics": "DUPLEX_TOPICS_",
	}
	seen := 0
	for _, command := range parser.Model.Children {
		assert.Contains(t, command.Detail, "Example")
		for _, flag := range command.Flags {
			want := prefixes[command.Name] + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			switch flag.Name {
			case "server":
				want = "DUPLEX_SERVER" // the same for all who talk to it
			case "restored":
				want = ""
			}
			assert.Equal(t, fmt.Sprint(flag.Envs), "["+want+"]")
			seen++
		}
	}
	assert.True(t, seen > 10, "the flags were not found")
}

func TestEnvironment(t *testing.T) {
	t.Setenv("DUPLEX_LISTEN", ":9")
	t.Setenv("DUPLEX_ORIGIN", "https://a.example,https://b.example")
	t.Setenv("DUPLEX_MAX_MESSAGE", "64KiB")
	t.Setenv("DUPLEX_CONNECT_HEADER", "A: 1,2")
	t.Setenv("DUPLEX_CONNECT_SLASH", "false")
	var c commands
	parser, err := kong.New(&c)
	assert.NoError(t, err)
	_, err = parser.Parse([]string{"serve", "--listen", ":10"})
	assert.NoError(t, err)
	assert.Equal(t, c.Serve.Listen, ":10") // the flag wins
	assert.Equal(t, c.Serve.Origin, []string{"https://a.example", "https://b.example"})
	assert.Equal(t, c.Serve.MaxMessage, 64<<10)
	_, err = parser.Parse([]string{"connect", "localhost"})
	assert.NoError(t, err)
	assert.Equal(t, c.Connect.Header, []string{"A: 1,2"})
	assert.Equal(t, c.Connect.Slash, false)
}

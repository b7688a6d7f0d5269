package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duplexhq/duplex/server/load"
	"github.com/duplexhq/duplex/websocket"
)

// benchCommand is duplex bench.
type benchCommand struct {
	URL string `arg:"" help:"The endpoint to measure: ws://, wss:// or, as in localhost:8080/echo, neither, which means ws://."`

	Scenario    string        `short:"x" enum:"echo,fanout,idle,connect" default:"echo" placeholder:"NAME" env:"DUPLEX_BENCH_SCENARIO" help:"What to do: echo (default), fanout, idle or connect. See above."`
	Connections int           `short:"c" default:"100" placeholder:"N" env:"DUPLEX_BENCH_CONNECTIONS" help:"How many connections (default ${default})."`
	Duration    time.Duration `short:"d" default:"10s" placeholder:"DURATION" env:"DUPLEX_BENCH_DURATION" help:"How long to measure (default ${default})."`
	WarmUp      time.Duration `default:"1s" placeholder:"DURATION" env:"DUPLEX_BENCH_WARM_UP" help:"How long to do the same before that without measuring (default ${default})."`
	Timeout     time.Duration `default:"5s" placeholder:"DURATION" env:"DUPLEX_BENCH_TIMEOUT" help:"How long nothing may come while something is awaited (default ${default})."`

	Size        byteCount    `short:"n" default:"64" placeholder:"SIZE" env:"DUPLEX_BENCH_SIZE" help:"The size of a message (default ${default} bytes)."`
	Binary      bool         `short:"b" env:"DUPLEX_BENCH_BINARY" help:"Send binary messages instead of text."`
	Content     load.Content `default:"auto" placeholder:"KIND" env:"DUPLEX_BENCH_CONTENT" help:"What messages are filled with: ascii (default for text), json, chinese, or random (default for binary)."`
	Depth       int          `short:"p" default:"1" placeholder:"N" env:"DUPLEX_BENCH_DEPTH" help:"echo: how many messages a connection has in flight (default ${default})."`
	Rate        rate         `short:"r" placeholder:"N/s" env:"DUPLEX_BENCH_RATE" help:"echo, fanout: send so many messages each second in all, answered or not, and count latency from when they were due. Default: a message follows an answer."`
	Publishers  int          `default:"1" placeholder:"N" env:"DUPLEX_BENCH_PUBLISHERS" help:"fanout: how many of the connections publish (default ${default})."`
	Outstanding int          `default:"1" placeholder:"N" env:"DUPLEX_BENCH_OUTSTANDING" help:"fanout: how many messages a publisher sends before it waits until all have arrived (default ${default})."`
	Touch       int64        `placeholder:"N" env:"DUPLEX_BENCH_TOUCH" help:"idle: first send so many messages over each connection to an echo, for the memory that stays after traffic."`
	Concurrency int          `default:"64" placeholder:"N" env:"DUPLEX_BENCH_CONCURRENCY" help:"How many handshakes are in progress at the same time (default ${default})."`
	Graceful    bool         `env:"DUPLEX_BENCH_GRACEFUL" help:"connect: end each connection with a closing handshake instead of a reset."`

	Vs     string `placeholder:"URL" env:"DUPLEX_BENCH_VS" help:"Measure a second server in the same run, in turns of a fraction of a second, and compare."`
	Rounds int    `default:"20" placeholder:"N" env:"DUPLEX_BENCH_ROUNDS" help:"--vs: how often each server has its turn within the duration (default ${default})."`
	PID    []int  `name:"pid" placeholder:"PID" env:"DUPLEX_BENCH_PID" help:"The process of the server, on this machine: measure its processor time and memory (Linux). May be repeated."`
	VsPID  []int  `name:"vs-pid" placeholder:"PID" env:"DUPLEX_BENCH_VS_PID" help:"The process of the server of --vs. May be repeated."`

	Sources     []string `placeholder:"ADDRESS" env:"DUPLEX_BENCH_SOURCES" help:"Connect from these local addresses in turn, for more than 28,000 connections. A number N stands for the first N addresses of 127.0.0.0/8."`
	Loops       int      `placeholder:"N" env:"DUPLEX_BENCH_LOOPS" help:"How many event loops drive the connections (default: one for each processor)."`
	Compress    bool     `short:"z" env:"DUPLEX_BENCH_COMPRESS" help:"Offer compression (permessage-deflate)."`
	Subprotocol []string `short:"s" placeholder:"NAME" env:"DUPLEX_BENCH_SUBPROTOCOL" help:"Offer a subprotocol. May be repeated, best first."`
	Header      []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_BENCH_HEADER" help:"Add a header to the requests. May be repeated."`
	Insecure    bool     `short:"k" env:"DUPLEX_BENCH_INSECURE" help:"Do not check the server's certificate."`

	JSON  string `name:"json" placeholder:"FILE" env:"DUPLEX_BENCH_JSON" help:"Write the report as JSON, to - for the output."`
	SVG   string `name:"svg" placeholder:"FILE" env:"DUPLEX_BENCH_SVG" help:"Write a picture of the latency by percentile, to - for the output."`
	Plot  bool   `default:"true" negatable:"" env:"DUPLEX_BENCH_PLOT" help:"Draw the distribution of the latency (default)."`
	Quiet bool   `short:"q" env:"DUPLEX_BENCH_QUIET" help:"Show no progress."`
}

// Help is what --help says below the summary.
func (*benchCommand) Help() string {
	return `Loads a server and says how it does: how many messages, how long they took by percentile, and, with --pid, what they cost it. Every message that comes is checked, byte by byte and in its order.

  echo     Each connection sends a message when one comes back; --depth many are in flight.
           With --rate, messages are sent on time instead, and those that had to wait show it.
  fanout   --publishers send to a topic that all connections are subscribed to by its URL.
           A message counts once for each connection it reaches.
  idle     The connections are opened and do nothing, for the sake of their memory.
  connect  Connections are opened and ended again, for the sake of the handshakes.

Numbers of one run on one machine say little; ratios of one run with --vs say more.

Examples:

    duplex bench localhost:8080/echo
    duplex bench localhost:8080/echo -c 1000 -r 20000/s --svg latency.svg
    duplex bench localhost:8080/t/load -x fanout -c 1000 --outstanding 32 --pid $(pidof duplex)
    duplex bench localhost:8080/echo -x idle -c 50000 --sources 2 --pid $(pidof duplex)
    duplex bench localhost:8080/echo --vs localhost:9001/echo --depth 16 --json -

Exit status: 0 if every message came back unharmed, 1 if one did not or nothing could be measured, 2 if the arguments make no sense, 130 after an interruption, with the report until then.`
}

// Validate checks what the types of the flags cannot.
func (c *benchCommand) Validate() error {
	if c.URL == "" {
		return nil // kong itself says what is missing
	}
	for _, u := range []string{c.URL, c.Vs} {
		if u == "" {
			continue
		}
		if _, err := completeURL(u); err != nil {
			return err
		}
	}
	if _, err := parseHeader(c.Header); err != nil {
		return err
	}
	if _, err := c.sources(); err != nil {
		return err
	}
	return errors.Join(c.validateNumbers(), c.validateScenario())
}

func (c *benchCommand) validateNumbers() error {
	for _, n := range []struct {
		name string
		n    int
	}{
		{"connections", c.Connections}, {"depth", c.Depth}, {"publishers", c.Publishers},
		{"outstanding", c.Outstanding}, {"concurrency", c.Concurrency}, {"rounds", c.Rounds},
	} {
		if n.n < 1 {
			return fmt.Errorf("--%s must be at least 1", n.name)
		}
	}
	switch {
	case c.Duration <= 0 || c.Timeout <= 0:
		return errors.New("--duration and --timeout must be more than 0")
	case c.WarmUp < 0 || c.Touch < 0 || c.Loops < 0:
		return errors.New("--warm-up, --touch and --loops must not be less than 0")
	case c.JSON == "-" && c.SVG == "-":
		return errors.New("only one of --json and --svg can go to the output: name a file for the other")
	case c.Content == load.Random && !c.Binary:
		return errors.New("random bytes are no text: send them with --binary")
	default:
		return nil
	}
}

// validateScenario refuses flags that the scenario does not look at, as far as they
// change what somebody believes to measure.
func (c *benchCommand) validateScenario() error {
	stamp := byteCount(24)
	if c.Binary {
		stamp = 12
	}
	switch {
	case c.Rate > 0 && c.Scenario != "echo" && c.Scenario != "fanout":
		return fmt.Errorf("--rate is for echo and fanout, not for %s", c.Scenario)
	case c.Rate > 0 && c.Depth > 1:
		return errors.New("--rate and --depth exclude each other: at a fixed rate, messages do not wait for answers")
	case c.Rate > 0 && c.Outstanding > 1:
		return errors.New("--rate and --outstanding exclude each other: at a fixed rate, messages do not wait for answers")
	case c.Depth > 1 && c.Scenario != "echo":
		return fmt.Errorf("--depth is for echo, not for %s", c.Scenario)
	case c.Scenario == "fanout" && c.Size < stamp:
		return fmt.Errorf("--size must be at least %d for fanout, so that messages can be told apart", stamp)
	case c.Scenario == "fanout" && c.Publishers > c.Connections:
		return errors.New("--publishers are some of the --connections, so there cannot be more")
	case len(c.VsPID) > 0 && c.Vs == "":
		return errors.New("--vs-pid belongs to --vs")
	default:
		return nil
	}
}

// sources returns the addresses to connect from.
func (c *benchCommand) sources() ([]netip.Addr, error) {
	if len(c.Sources) != 1 {
		return parseAddresses(c.Sources)
	}
	n, err := strconv.Atoi(c.Sources[0])
	if err != nil {
		return parseAddresses(c.Sources)
	}
	if n < 1 || n > 254 {
		return nil, errors.New("--sources: a number stands for addresses of 127.0.0.0/8, 1 to 254")
	}
	for _, u := range []string{c.URL, c.Vs} {
		if u != "" && !isLoopback(u) {
			return nil, fmt.Errorf("--sources %d stands for addresses of 127.0.0.0/8, but %s is another machine: list addresses of this one", n, u)
		}
	}
	all := make([]netip.Addr, n)
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})
	}
	return all, nil
}

func parseAddresses(list []string) (all []netip.Addr, err error) {
	for _, s := range list {
		a, err := netip.ParseAddr(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("--sources: %q is no IP address", s)
		}
		all = append(all, a)
	}
	return all, nil
}

// isLoopback tells whether a URL leads to this machine by IPv4.
func isLoopback(rawURL string) bool {
	u, err := completeURL(rawURL)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip.To4() != nil && ip.IsLoopback()
}

// target returns a server as the engine wants it.
func (c *benchCommand) target(rawURL string, processes []int) (*load.Target, error) {
	u, err := completeURL(rawURL)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(c.Header)
	if err != nil {
		return nil, err
	}
	sources, err := c.sources()
	if err != nil {
		return nil, err
	}
	o := &websocket.DialOptions{
		Subprotocols: c.Subprotocol,
		Header:       h,
		Host:         h.Get("Host"),
		MaxMessage:   max(2*int64(c.Size), 1<<20),
	}
	h.Del("Host")
	if c.Compress {
		o.Compression = &websocket.Compression{}
	}
	if c.Insecure {
		o.TLSConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what was asked for
	}
	return &load.Target{
		URL: u.String(), Dial: o, Sources: sources, Loops: c.Loops,
		Concurrency: c.Concurrency, Timeout: c.Timeout, Processes: slices.Clone(processes),
	}, nil
}

// message returns what to send.
func (c *benchCommand) message() load.Message {
	m := load.Message{Type: websocket.Text, Size: int(c.Size), Content: c.Content}
	if c.Binary {
		m.Type = websocket.Binary
	}
	return m
}

// rate is a number of messages each second: 500, 500/s, 20k/s.
type rate float64

// UnmarshalText reads a rate.
func (r *rate) UnmarshalText(text []byte) error {
	s := strings.TrimSuffix(strings.TrimSpace(string(text)), "/s")
	times := 1.0
	if rest, found := strings.CutSuffix(s, "k"); found {
		s, times = rest, 1000
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0) || n*times > 1e9 {
		return fmt.Errorf("%q is no rate: write for example 500/s or 20k/s", text)
	}
	*r = rate(n * times)
	return nil
}

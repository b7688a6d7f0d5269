package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"time"

	"golang.org/x/term"

	"github.com/duplexhq/duplex/server/cli/report"
	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// checkCommand is duplex check.
type checkCommand struct {
	URL string `arg:"" optional:"" help:"The echo endpoint of the server to check: ws://, wss:// or, as in localhost:8080/echo, neither, which means ws://."`

	Client  bool   `env:"DUPLEX_CHECK_CLIENT" help:"Check a client: listen, and give each connection the next test."`
	Listen  string `default:"127.0.0.1:9001" placeholder:"HOST:PORT" env:"DUPLEX_CHECK_LISTEN" help:"With --client: where to listen (default ${default})."`
	TLSCert string `placeholder:"FILE" env:"DUPLEX_CHECK_TLS_CERT" help:"With --client: speak TLS with this certificate (PEM)."`
	TLSKey  string `placeholder:"FILE" env:"DUPLEX_CHECK_TLS_KEY" help:"With --client: the key of the certificate (PEM)."`

	Tests   string        `name:"run" short:"r" placeholder:"REGEXP" env:"DUPLEX_CHECK_RUN" help:"Only tests whose area/name matches, for example '^utf8/' or '§5.5'."`
	List    bool          `short:"l" env:"DUPLEX_CHECK_LIST" help:"List the tests instead of running them."`
	JSON    string        `name:"json" placeholder:"FILE" env:"DUPLEX_CHECK_JSON" help:"Write the report as JSON, to - for the output."`
	JUnit   string        `name:"junit" placeholder:"FILE" env:"DUPLEX_CHECK_JUNIT" help:"Write the report as JUnit XML, to - for the output."`
	HTML    string        `name:"html" placeholder:"FILE" env:"DUPLEX_CHECK_HTML" help:"Write the report as a page, to - for the output."`
	Verbose bool          `short:"v" env:"DUPLEX_CHECK_VERBOSE" help:"Show what went over the wire of every test that did not pass, not only of failures."`
	Strict  bool          `env:"DUPLEX_CHECK_STRICT" help:"Exit with 1 for a SHOULD too."`
	Timeout time.Duration `default:"2s" placeholder:"DURATION" env:"DUPLEX_CHECK_TIMEOUT" help:"How long one answer may take (default ${default})."`

	Parallel    int       `short:"p" default:"16" placeholder:"N" env:"DUPLEX_CHECK_PARALLEL" help:"How many tests to run at the same time against a server (default ${default})."`
	MaxMessage  byteCount `placeholder:"SIZE" env:"DUPLEX_CHECK_MAX_MESSAGE" help:"The largest message that the endpoint is set up to accept, for tests of the limit."`
	Subprotocol []string  `short:"s" placeholder:"NAME" env:"DUPLEX_CHECK_SUBPROTOCOL" help:"A subprotocol that the server speaks, for tests of the choice. May be repeated, the server's favourite first."`
	Header      []string  `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_CHECK_HEADER" help:"Add a header to the requests. May be repeated."`
	Insecure    bool      `short:"k" env:"DUPLEX_CHECK_INSECURE" help:"Do not check the server's certificate."`
}

// Help is what --help says below the summary.
func (*checkCommand) Help() string {
	return `Runs the conformance suite of RFC 6455 and RFC 7692 against an endpoint that sends every message back, and says which rules it breaks, with the bytes. A MUST that is broken fails the run; a SHOULD is told and does not, unless --strict is given.

A client is checked the other way round: it connects to the address of --listen, sends every message back until the connection ends, and connects again for the next test, until it is answered with 410 Gone.

Examples:

    duplex check localhost:8080/echo
    duplex check wss://example.com/echo --html report.html --junit report.xml
    duplex check localhost:8080/echo --run '^(utf8|closing)/' --verbose
    duplex check --client --listen 127.0.0.1:9001

Exit status: 0 if no MUST was broken, 1 if one was, or if there was nothing to check at that address, 2 if the arguments make no sense, 130 after an interruption.`
}

// Validate checks what the types of the flags cannot.
func (c *checkCommand) Validate() error {
	if _, err := regexp.Compile(c.Tests); err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	toOutput := 0
	for _, file := range []string{c.JSON, c.JUnit, c.HTML} {
		if file == "-" {
			toOutput++
		}
	}
	switch {
	case toOutput > 1:
		return errors.New("only one of --json, --junit and --html can go to the output: name files for the others")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together")
	case c.TLSCert != "" && !c.Client:
		return errors.New("--tls-cert is for --client; for a server say wss:// in the URL")
	case c.Parallel < 1:
		return errors.New("--parallel must be at least 1")
	case c.Timeout <= 0:
		return errors.New("--timeout must be more than 0")
	case c.List:
		return nil
	case c.Client && c.URL != "":
		return errors.New("--client listens and needs no URL: say where with --listen")
	case c.Client:
		return nil
	case c.URL == "":
		return errors.New("which server? Give the URL of its echo endpoint, or --client to check a client")
	}
	_, err := completeURL(c.URL)
	return err
}

// Run runs the suite and reports.
func (c *checkCommand) Run(env Env) error {
	if c.List {
		return c.list(env.Out)
	}
	signals, stop := env.watchSignals()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	interrupted := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(interrupted)
			cancel()
		case <-ctx.Done():
		}
	}()
	r, err := c.check(ctx, env)
	select {
	case <-interrupted:
		return &failure{status: statusInterrupted}
	default:
	}
	if err != nil {
		return err
	}
	if err := c.write(env, r); err != nil {
		return err
	}
	return c.judge(r)
}

// judge turns the report into the exit status.
func (c *checkCommand) judge(r *conformance.Report) error {
	if !r.OK() || c.Strict && r.Count(conformance.NotStrict) > 0 {
		return &failure{status: statusFailed}
	}
	return nil
}

// list prints the tests that --run selects.
func (c *checkCommand) list(w io.Writer) error {
	tests := conformance.ServerTests()
	if c.Client {
		tests = conformance.ClientTests()
	}
	selected := regexp.MustCompile(c.Tests)
	for _, t := range tests {
		if name := t.Area + "/" + t.Name; selected.MatchString(name) {
			if _, err := fmt.Fprintf(w, "%-6s  %s\n", t.Level, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// check runs the suite, with a bar on a terminal.
func (c *checkCommand) check(ctx context.Context, env Env) (*conformance.Report, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	if screen.IsTerminal(env.Err) {
		bar := report.NewBar(env.Err, func() int { return columns(env.Err) })
		o.Progress = bar.Update
		defer bar.Clear()
	}
	if !c.Client {
		u, err := completeURL(c.URL)
		if err != nil {
			return nil, err
		}
		return conformance.CheckServer(ctx, u.String(), o)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, listenProblem(c.Listen, err)
	}
	defer func() { _ = l.Close() }()
	scheme := "ws"
	if o.TLS != nil {
		scheme = "wss"
	}
	fmt.Fprintf(env.Err, "Waiting for the client at %s://%s/\n"+
		"It should connect, send back every message until the connection ends, and connect again,\n"+
		"%d times in all, until it is answered with 410 Gone.\n", scheme, l.Addr(), c.count())
	return conformance.CheckClients(ctx, l, o)
}

// count returns how many client tests --run selects.
func (c *checkCommand) count() (n int) {
	selected := regexp.MustCompile(c.Tests)
	for _, t := range conformance.ClientTests() {
		if selected.MatchString(t.Area + "/" + t.Name) {
			n++
		}
	}
	return n
}

// options turns flags into what the suite takes.
func (c *checkCommand) options() (*conformance.Options, error) {
	h, err := parseHeader(c.Header)
	if err != nil {
		return nil, err
	}
	o := &conformance.Options{
		Header:       h,
		Run:          c.Tests,
		Parallel:     c.Parallel,
		Timeout:      c.Timeout,
		MaxMessage:   int64(c.MaxMessage),
		Subprotocols: c.Subprotocol,
	}
	switch {
	case c.TLSCert != "":
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	case c.Insecure:
		o.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what was asked for
	}
	return o, nil
}

// write writes the report in all forms that were asked for. The text is left out
// where another form takes its place.
func (c *checkCommand) write(env Env, r *conformance.Report) error {
	forms := []struct {
		file  string
		write func(io.Writer, *conformance.Report) error
	}{
		{c.JSON, report.WriteJSON},
		{c.JUnit, report.WriteJUnit},
		{c.HTML, report.WriteHTML},
	}
	text := env.Out
	for _, f := range forms {
		switch f.file {
		case "":
		case "-":
			text = env.Err
			if err := f.write(env.Out, r); err != nil {
				return err
			}
		default:
			if err := writeFile(f.file, r, f.write); err != nil {
				return err
			}
		}
	}
	return report.WriteText(text, r, report.TextOptions{
		Colour:  screen.IsTerminal(text) && os.Getenv("NO_COLOR") == "",
		Verbose: c.Verbose,
	})
}

// writeFile writes one form of the report to a file.
func writeFile(name string, r *conformance.Report, write func(io.Writer, *conformance.Report) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f, r)
	return errors.Join(err, f.Close())
}

// columns returns how wide the terminal w is.
func columns(w any) int {
	const usual = 80
	f, ok := w.(*os.File)
	if !ok {
		return usual
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return usual
	}
	return width
}

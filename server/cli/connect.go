package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket"
)

// connectCommand is duplex connect.
type connectCommand struct {
	URL string `arg:"" help:"Where to connect: ws://, wss:// or, as in localhost:8080/echo, neither, which means ws://."`

	Header      []string      `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_CONNECT_HEADER" help:"Add a header to the request. May be repeated."`
	Subprotocol []string      `short:"s" placeholder:"NAME" env:"DUPLEX_CONNECT_SUBPROTOCOL" help:"Offer a subprotocol. May be repeated, best first."`
	Origin      string        `placeholder:"ORIGIN" env:"DUPLEX_CONNECT_ORIGIN" help:"Say that the request comes from a page of this origin."`
	Compress    bool          `short:"z" env:"DUPLEX_CONNECT_COMPRESS" help:"Offer compression (permessage-deflate), as browsers do."`
	Insecure    bool          `short:"k" env:"DUPLEX_CONNECT_INSECURE" help:"Do not check the server's certificate."`
	Binary      bool          `short:"b" env:"DUPLEX_CONNECT_BINARY" help:"Send lines as binary messages."`
	Slash       bool          `default:"true" negatable:"" env:"DUPLEX_CONNECT_SLASH" help:"Take lines that begin with / as commands (default). See /help."`
	Linger      time.Duration `short:"w" placeholder:"DURATION" env:"DUPLEX_CONNECT_LINGER" help:"Go on receiving for so long after the end of the input, for example 5s."`
	Once        bool          `short:"1" env:"DUPLEX_CONNECT_ONCE" help:"End after the first message received."`
	Raw         bool          `env:"DUPLEX_CONNECT_RAW" help:"Write messages to a pipe or a file as they came, unescaped."`
	Quiet       bool          `short:"q" env:"DUPLEX_CONNECT_QUIET" help:"Print messages and problems only."`
}

// Help is what --help says below the summary.
func (*connectCommand) Help() string {
	return `A line typed, or read from a pipe, is a text message; messages received are printed, one in a line, with control characters escaped. At the end of the input the conversation is closed with 1000 and ends when the server has answered.

Examples:

    duplex connect localhost:8080/echo
    duplex connect wss://example.com/feed -H 'Authorization: Bearer 4711' -s v1.json
    echo hello | duplex connect -1 localhost:8080/echo
    duplex connect --raw -q -w 10s localhost:8080/t/lobby > log </dev/null

Exit status: 0 after a normal end (close code 1000, 1001 or none, or one of ours), 1 after any other, 2 if something about the request or the input makes no sense.`
}

// Validate checks what the types of the flags cannot.
func (c *connectCommand) Validate() error {
	if c.URL == "" {
		return nil // kong itself says what is missing
	}
	if _, err := completeURL(c.URL); err != nil {
		return err
	}
	_, err := c.header()
	return err
}

// Run dials and holds the conversation.
func (c *connectCommand) Run(env Env) error {
	if c.Raw && screen.IsTerminal(env.Out) {
		return &failure{statusUsage, errors.New("--raw is for pipes and files: a terminal would obey what the server sends")}
	}
	signals, stop := env.watchSignals()
	defer stop()
	conn, err := c.dial(signals)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	sc, err := screen.Open(screen.Options{
		In: env.In, Out: env.Out, Err: env.Err,
		Quiet: c.Quiet, Raw: c.Raw, NoColour: os.Getenv("NO_COLOR") != "",
	})
	if err != nil {
		return err
	}
	defer func() { _ = sc.Close() }()
	c.greet(conn, sc)
	s := newSession(conn, sc, c)
	if status := s.run(signals); status != statusOK {
		return &failure{status: status}
	}
	return nil
}

// greet says what was agreed on.
func (c *connectCommand) greet(conn *websocket.Conn, sc *screen.Screen) {
	u, _ := completeURL(c.URL)
	how := ""
	if p := conn.Subprotocol(); p != "" {
		how = fmt.Sprintf(", subprotocol %q", p)
	}
	if e := conn.Extensions(); e != "" {
		how += ", extensions " + e
	}
	sc.Note("connected to %s%s", u.Redacted(), how)
	if sc.Interactive() && c.Slash {
		sc.Note("a line is a message; /help lists commands, Ctrl-D ends")
	}
}

// dial connects, unless a signal comes first.
func (c *connectCommand) dial(signals <-chan os.Signal) (*websocket.Conn, error) {
	u, err := completeURL(c.URL)
	if err != nil {
		return nil, err
	}
	header, err := c.header()
	if err != nil {
		return nil, err
	}
	o := &websocket.DialOptions{Subprotocols: c.Subprotocol, Header: header, Host: header.Get("Host"), MaxMessage: -1}
	header.Del("Host")
	if c.Compress {
		o.Compression = &websocket.Compression{}
	}
	if c.Insecure {
		o.TLSConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what was asked for
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type outcome struct {
		conn *websocket.Conn
		resp *http.Response
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		conn, resp, err := websocket.Dial(ctx, u.String(), o)
		done <- outcome{conn, resp, err}
	}()
	select {
	case d := <-done:
		if d.err != nil {
			return nil, dialProblem(d.err, d.resp)
		}
		return d.conn, nil
	case <-signals:
		return nil, &failure{status: statusInterrupted}
	}
}

// header returns the headers of the request.
func (c *connectCommand) header() (http.Header, error) {
	h, err := parseHeader(c.Header)
	if c.Origin != "" && err == nil {
		h.Set("Origin", c.Origin)
	}
	return h, err
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// serveCommand is duplex serve.
type serveCommand struct {
	Listen     string    `default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"DUPLEX_LISTEN" help:"Where to listen (default ${default}). Port 0 picks a free one; without a host, everybody who reaches this machine gets in."`
	Origin     []string  `placeholder:"PATTERN" env:"DUPLEX_ORIGIN" help:"Let web pages of this origin connect too, for example https://*.example.com or http://localhost:*. May be repeated."`
	MaxMessage byteCount `default:"1MiB" placeholder:"SIZE" env:"DUPLEX_MAX_MESSAGE" help:"The largest message that may be sent or published (default ${default})."`

	Data       string        `placeholder:"DIR" env:"DUPLEX_DATA" help:"Keep messages, positions and sessions in this directory, so that a restart loses nothing. It is made if it is not there, and one server at a time uses it. Default: in memory, where a restart loses all messages and tells clients so."`
	Sync       string        `enum:"always,interval,off" default:"always" placeholder:"WHEN" env:"DUPLEX_SYNC" help:"When what is published is safe from a power cut, with --data: always (default) before its publisher hears that it is stored, interval within a second, off when the operating system gets to it. The last two are faster for few publishers; clients are told of a gap if something was lost."`
	Restored   bool          `help:"The directory of --data was put back from a copy: begin a new epoch, so that everybody is told of a gap. Use it for the first start after that only: each start with it tells them again."`
	Topic      []topicRule   `sep:";" placeholder:"'FILTER SETTING ...'" env:"DUPLEX_TOPIC" help:"How the topics behave that FILTER matches, see above. May be repeated; the first that matches counts. In the environment, rules have a ; between them."`
	SessionTTL time.Duration `name:"session-ttl" default:"10m" placeholder:"DURATION" env:"DUPLEX_SESSION_TTL" help:"How long a session that a client named with ?session= outlives its last connection (default ${default})."`

	Compress  bool   `env:"DUPLEX_COMPRESS" help:"Compress messages for clients that offer it, as browsers do (default: off). It takes several times the processor time of sending them as they are, and up to 55 KB of memory for each socket. Leave it off where a secret and text of strangers come over one socket: the lengths of messages then give the secret away, through TLS too."`
	LogFormat string `enum:"auto,text,json" default:"auto" placeholder:"FORMAT" env:"DUPLEX_LOG_FORMAT" help:"How to log to stderr: text, json, or auto (default), which is text on a terminal."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" env:"DUPLEX_LOG_LEVEL" help:"What to log: debug, info (default), warn or error, and what is worse."`
}

// Help is what --help says below the summary.
func (*serveCommand) Help() string {
	return `Serves a chat page at /, each topic at /t/{topic}, many topics over one socket at /ws, and an echo at /echo. What is sent to a topic goes to everybody on it, whether they came with a WebSocket, with EventSource or with curl. SIGINT and SIGTERM close all sockets with 1001 and end the server within 10 seconds; a second one ends it at once.

A rule of --topic is a topic, or a filter with * for one part of the name and > for the rest, and settings:

    messages=N         keep the newest N messages (10000); none keeps none
    bytes=SIZE         and not more than so many bytes (4MiB), or unlimited
    age=DURATION       and none that is older (24h), or unlimited; 7d is a week
    latest             keep the latest message of each key beyond that,
                       for those who come anew
    keys=N             of at most so many keys (10000)
    slow=WHAT          a client that reads too slowly is disconnected, to come
                       back where it was (disconnect), loses the oldest messages
                       and is told of it (drop-oldest), or gets the latest of
                       each key only (conflate)
    lag=SIZE           too slowly means that so much waits (1MiB)
    idempotency=DURATION
                       what is published again with the same Idempotency-Key
                       within this time is not there twice (5m)
    metadata=DURATION  remember that the topic was there, so that no cursor into it
                       becomes a gap without need (7d)
    presence=DURATION  tell once in this time who came and went (1s)
    grace=DURATION     whoever is back within this time never left (5s), or none
    sample=N           and at most so many names at once (100)

Examples:

    duplex serve
    duplex serve --data ./data --topic 'orders.> messages=100000 age=7d'
    duplex serve --topic 'prices.* latest slow=conflate' --topic '> age=1h'
    duplex serve --listen :8080 --origin 'https://*.example.com'
    DUPLEX_LISTEN=:8080 DUPLEX_DATA=/var/lib/duplex duplex serve`
}

// Validate checks what the types of the flags cannot.
func (s *serveCommand) Validate() error {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return fmt.Errorf("--listen %q is no address: write HOST:PORT, for example 127.0.0.1:8080 or :8080", s.Listen)
	}
	for _, pattern := range s.Origin {
		var e *handshake.Error
		if err := handshake.CheckOriginPattern(pattern); errors.As(err, &e) {
			return fmt.Errorf("--origin: %s", e.Problem)
		}
	}
	if s.Restored && s.Data == "" {
		return errors.New("--restored is about the directory of --data, and there is none: give it, or leave --restored out")
	}
	if s.SessionTTL <= 0 {
		return fmt.Errorf("--session-ttl %s is no time that a session could live", s.SessionTTL)
	}
	return nil
}

// Run serves until a signal comes; a second one cuts the ending short.
func (s *serveCommand) Run(env Env) error {
	signals, stop := env.watchSignals()
	defer stop()
	log := s.logger(env.Err)
	a := app.New(s.config(log))
	if err := a.Listen(); err != nil {
		return startProblem(s.Listen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case sig := <-signals:
		log.Info("stopping on a signal; a second one ends the server at once", "signal", sig.String())
		cancel()
	}
	select {
	case err := <-done:
		return err
	case <-signals:
		return &failure{status: statusInterrupted}
	}
}

// config returns what the flags ask for.
func (s *serveCommand) config(log *slog.Logger) app.Config {
	c := app.Config{
		Listen:     s.Listen,
		Origins:    s.Origin,
		MaxMessage: int64(s.MaxMessage),
		Compress:   s.Compress,
		Data:       s.Data,
		Sync:       s.Sync,
		Restored:   s.Restored,
		SessionTTL: s.SessionTTL,
		Log:        log,
	}
	for _, rule := range s.Topic {
		c.Rules = append(c.Rules, rule.Rule)
	}
	return c
}

// startProblem says what to do about a server that cannot start.
func startProblem(addr string, err error) error {
	if _, ok := errors.AsType[*app.DataError](err); ok {
		return err
	}
	return listenProblem(addr, err)
}

// windowsAddrInUse is WSAEADDRINUSE, which package syscall does not name. No
// other system has an error of this number.
const windowsAddrInUse = syscall.Errno(10048)

// listenProblem says what to do about an address that cannot be listened on.
func listenProblem(addr string, err error) error {
	const elsewhere = "choose another address with --listen, for example --listen 127.0.0.1:0 for any free port"
	switch {
	case errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsAddrInUse):
		return fmt.Errorf("%s is in use by another program: stop that, or %s", addr, elsewhere)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s needs more rights than this user has: %s", addr, elsewhere)
	default:
		return fmt.Errorf("cannot listen: %w: %s", err, elsewhere)
	}
}

// logger returns the log that the flags ask for.
func (s *serveCommand) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(strings.ToUpper(s.LogLevel))) // kong let only names of levels in
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "text" || s.LogFormat == "auto" && screen.IsTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

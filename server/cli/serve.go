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

	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// serveCommand is duplex serve.
type serveCommand struct {
	Listen     string    `default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"DUPLEX_LISTEN" help:"Where to listen (default ${default}). Port 0 picks a free one; without a host, everybody who reaches this machine gets in."`
	Origin     []string  `placeholder:"PATTERN" env:"DUPLEX_ORIGIN" help:"Let web pages of this origin connect too, for example https://*.example.com or http://localhost:*. May be repeated."`
	MaxMessage byteCount `default:"1MiB" placeholder:"SIZE" env:"DUPLEX_MAX_MESSAGE" help:"The largest message a socket may send (default ${default}). Four of them may wait for a slow reader."`
	Compress   bool      `env:"DUPLEX_COMPRESS" help:"Compress messages for clients that offer it, as browsers do (default: off). It takes several times the processor time of sending them as they are, and up to 55 KB of memory for each socket. Leave it off where a secret and text of strangers come over one socket: the lengths of messages then give the secret away, through TLS too."`
	LogFormat  string    `enum:"auto,text,json" default:"auto" placeholder:"FORMAT" env:"DUPLEX_LOG_FORMAT" help:"How to log to stderr: text, json, or auto (default), which is text on a terminal."`
	LogLevel   string    `enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" env:"DUPLEX_LOG_LEVEL" help:"What to log: debug, info (default), warn or error, and what is worse."`
}

// Help is what --help says below the summary.
func (*serveCommand) Help() string {
	return `Serves a chat page at /, one room for each topic at /t/{topic}, and an echo at /echo. What a socket sends to a room goes to everybody in it. SIGINT and SIGTERM close all sockets with 1001 and end the server within 10 seconds; a second one ends it at once.

Examples:

    duplex serve
    duplex serve --listen :8080 --origin 'https://*.example.com'
    DUPLEX_LISTEN=:8080 DUPLEX_MAX_MESSAGE=64KiB duplex serve`
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
	return nil
}

// Run serves until a signal comes; a second one cuts the ending short.
func (s *serveCommand) Run(env Env) error {
	signals, stop := env.watchSignals()
	defer stop()
	log := s.logger(env.Err)
	a := app.New(app.Config{
		Listen:     s.Listen,
		Origins:    s.Origin,
		MaxMessage: int64(s.MaxMessage),
		Compress:   s.Compress,
		Log:        log,
	})
	if err := a.Listen(); err != nil {
		return listenProblem(s.Listen, err)
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

// Package cli is the command line of duplex: serve, connect, pub, sub, topics, check,
// bench and version.
// Each command is a struct whose fields are its flags, and each flag has a twin in
// the environment.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses.
const (
	statusOK          = 0
	statusFailed      = 1
	statusUsage       = 2
	statusInterrupted = 130 // as shells count it: 128 and SIGINT
)

// An Env is the world that a command runs in.
type Env struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	// Signals takes the place of SIGINT and SIGTERM. Nil: those of the process.
	Signals <-chan os.Signal
}

// commands is the whole command line.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server: topics, chat page and echo."`
	Connect connectCommand `cmd:"" help:"Talk to a WebSocket server, line by line."`
	Pub     pubCommand     `cmd:"" help:"Publish to a topic: a message, or each line of the input."`
	Sub     subCommand     `cmd:"" help:"Print the messages of a topic, and go on where it was."`
	Topics  topicsCommand  `cmd:"" help:"List the topics of a server."`
	Check   checkCommand   `cmd:"" help:"Test how a WebSocket server or client keeps the standard."`
	Bench   benchCommand   `cmd:"" help:"Measure a WebSocket server: throughput, latency, memory, handshakes."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

const description = "Duplex is a realtime server for plain WebSockets, a client to talk to anybody's, commands for its topics, a test of how it keeps the standard, and a load to measure it with."

// A failure ends the program with a status of its own, and with a sentence unless
// that was said already.
type failure struct {
	status int
	err    error // may be nil
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.status)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// An exited is what kong's Exit panics with, so that it need not end the process.
type exited int

// Main runs the command that args, the arguments behind the name of the program,
// ask for, and returns the exit status: 0 if all went well, 1 if not, 2 if the
// arguments make no sense, 130 if it was interrupted.
func Main(args []string, env Env) (status int) {
	defer func() {
		if v := recover(); v != nil {
			code, ok := v.(exited)
			if !ok {
				panic(v)
			}
			status = int(code)
		}
	}()
	parser, err := newParser(env)
	if err != nil {
		panic(err) // the tags of the structs are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return usageError(parser, err)
	}
	err = ctx.Run(env)
	var f *failure
	switch {
	case err == nil:
		return statusOK
	case errors.As(err, &f) && f.err == nil:
		return f.status
	}
	fmt.Fprintln(env.Err, "duplex:", err)
	if f != nil {
		return f.status
	}
	return statusFailed
}

func newParser(env Env) (*kong.Kong, error) {
	return kong.New(&commands{},
		kong.Name("duplex"),
		kong.Description(description),
		kong.Writers(env.Out, env.Err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
}

// usageError says what is wrong with the arguments and where to read on.
func usageError(parser *kong.Kong, err error) int {
	command := "duplex"
	var e *kong.ParseError
	if errors.As(err, &e) && e.Context != nil && e.Context.Selected() != nil {
		command += " " + e.Context.Selected().Path()
	}
	fmt.Fprintf(parser.Stderr, "duplex: %v\nSee %s --help.\n", err, command)
	return statusUsage
}

// watchSignals returns what interrupts the command, and a function to call when
// it has ended.
func (e Env) watchSignals() (signals <-chan os.Signal, stop func()) {
	if e.Signals != nil {
		return e.Signals, func() {}
	}
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	return c, func() { signal.Stop(c) }
}

package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// childEnv tells a program that Start started it.
const childEnv = "DUPLEX_BENCH_LOAD"

// ServeIfChild turns a program that Start has started into the load and does not
// return then. Call it before anything else, in TestMain too.
func ServeIfChild() {
	if os.Getenv(childEnv) != "" {
		os.Exit(obey(os.Stdin, os.Stdout))
	}
}

// A command is what a Worker is told, one JSON value to a line.
type command struct {
	Open    *Target
	Conns   int
	TLS     bool
	Echo    *Echo
	FanOut  *FanOut
	Connect *Storm
}

// An answer is what it answers.
type answer struct {
	Result *Result
	Error  string

	// Of Open:
	Deflates, Takeover bool
}

// A Worker is connections to one server in a process of its own. Its methods must
// not be called concurrently. After an error it is of no more use than to be stopped.
type Worker struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	encoder *json.Encoder
	decoder *json.Decoder
}

// Start runs this program's binary as a Worker, on the processors of this thread. It
// ends with ctx, with Stop, or with this program.
func Start(ctx context.Context) (*Worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &Worker{cmd: exec.CommandContext(ctx, self)}
	w.cmd.Env = append(os.Environ(), childEnv+"=1")
	w.cmd.Stderr = os.Stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.stdin, w.encoder, w.decoder = in, json.NewEncoder(in), json.NewDecoder(out)
	return w, w.cmd.Start()
}

// Stop resets all connections, ends the process and waits for its end.
func (w *Worker) Stop() error {
	_ = w.stdin.Close()
	return w.cmd.Wait()
}

func (w *Worker) do(c *command) (a answer, err error) {
	if err = w.encoder.Encode(c); err == nil {
		err = w.decoder.Decode(&a)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the load has ended")
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a, err
}

// Open opens n connections in the place of those that there are. With TLS, all that
// can be done with them is an Echo with a Total.
func (w *Worker) Open(t *Target, n int, tls bool) error {
	a, err := w.do(&command{Open: t, Conns: n, TLS: tls})
	if err == nil && t.Extensions != "" && !a.Deflates {
		err = errors.New("the server does not compress")
	}
	return err
}

// Echo is Set.Echo.
func (w *Worker) Echo(e *Echo) (*Result, error) {
	a, err := w.do(&command{Echo: e})
	return a.Result, err
}

// FanOut is Set.FanOut.
func (w *Worker) FanOut(f *FanOut) (*Result, error) {
	a, err := w.do(&command{FanOut: f})
	return a.Result, err
}

// Connect is the function of this name.
func (w *Worker) Connect(t *Target, s *Storm) (*Result, error) {
	a, err := w.do(&command{Open: t, Connect: s})
	return a.Result, err
}

// obey does what comes from in until its end, and returns an exit status.
func obey(in io.Reader, out io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	commands := make(chan command)
	go func() {
		defer close(commands)
		defer cancel()
		for d := json.NewDecoder(in); ; {
			var c command
			if d.Decode(&c) != nil {
				return
			}
			commands <- c
		}
	}()
	var w work
	defer w.close()
	encoder := json.NewEncoder(out)
	for c := range commands {
		a, err := w.do(ctx, &c)
		if err != nil {
			a.Error = err.Error()
		}
		if err := encoder.Encode(&a); err != nil {
			return 1
		}
	}
	return 0
}

// errNothing is the answer to a command without connections.
var errNothing = errors.New("no connections are open")

// do carries out one command.
func (w *work) do(ctx context.Context, c *command) (a answer, err error) {
	switch {
	case c.Connect != nil && c.Open != nil:
		a.Result, err = Connect(ctx, c.Open, c.Connect)
	case c.Open != nil && c.TLS:
		w.close()
		w.secure, err = openTLS(ctx, c.Open, c.Conns)
	case c.Open != nil:
		w.close()
		if w.set, err = Open(ctx, c.Open, c.Conns); err == nil {
			a.Deflates, a.Takeover = w.set.Deflates()
		}
	case c.Echo != nil && w.secure != nil:
		a.Result, err = w.secure.echo(ctx, c.Echo)
	case w.set == nil:
		err = errNothing
	case c.Echo != nil:
		a.Result, err = w.set.Echo(ctx, c.Echo)
	case c.FanOut != nil:
		a.Result, err = w.set.FanOut(ctx, c.FanOut)
	default:
		err = fmt.Errorf("unknown command %+v", c)
	}
	return a, err
}

// work is the connections of a Worker.
type work struct {
	set    *Set
	secure *secureSet
}

func (w *work) close() {
	if w.set != nil {
		w.set.Close()
	}
	if w.secure != nil {
		w.secure.close()
	}
	*w = work{}
}

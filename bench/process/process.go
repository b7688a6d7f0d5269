package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/duplexhq/duplex/bench/bun"
	"github.com/duplexhq/duplex/bench/peers"
)

// childEnv tells a program that Start started it.
const childEnv = "DUPLEX_BENCH_SERVER"

// answerTimeout bounds how long a server may take to start and to answer.
const answerTimeout = 30 * time.Second

// ServeIfChild turns a program that Start has started into the server and does
// not return then. Call it before anything else, in TestMain too.
func ServeIfChild() {
	if os.Getenv(childEnv) != "" {
		os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

// A Process is a running server. Its methods must not be called concurrently.
type Process struct {
	// Addr is the address that it listens on, host:port.
	Addr string

	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of its standard output; closed at the end
}

// Any stands for any processor, where Start takes the number of one.
const Any = -1

// Start runs this program's binary as a server with that library, or Bun if that is
// the name, and waits until it listens. If o.TLS is set, the server makes a
// certificate of its own. The process keeps to the given processor, with as many threads of
// Go as that allows: one; Any lets it roam. It ends with ctx, with Stop, or with
// this program.
func Start(ctx context.Context, lib string, o peers.Options, processor int) (*Process, error) {
	p := &Process{lines: make(chan string)}
	var err error
	if lib == bun.Name {
		p.cmd, err = bunCommand(ctx, o, "127.0.0.1:0", true)
	} else {
		p.cmd, err = ownCommand(ctx, lib, o)
	}
	if err == nil {
		p.cmd.Stderr = os.Stderr
		err = p.start(processor)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", lib, err)
	}
	return p, nil
}

// ownCommand returns what runs this program as a server.
func ownCommand(ctx context.Context, lib string, o peers.Options) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{"-control", "-lib", lib, "-compression", o.Compression.String()}
	if o.MaxMessage > 0 {
		args = append(args, fmt.Sprintf("-max-message=%d", o.MaxMessage))
	}
	if o.WindowBits > 0 {
		args = append(args, fmt.Sprintf("-window-bits=%d", o.WindowBits))
	}
	if o.CheckText {
		args = append(args, "-check-text")
	}
	if len(o.Subprotocols) > 0 {
		args = append(args, "-subprotocols="+strings.Join(o.Subprotocols, ","))
	}
	if o.TLS != nil {
		args = append(args, "-tls")
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	return cmd, nil
}

// bunCommand returns what runs Bun.
func bunCommand(ctx context.Context, o peers.Options, listen string, control bool) (*exec.Cmd, error) {
	b := bun.Options{Listen: listen, Compression: o.Compression.String(), MaxMessage: o.MaxMessage, Control: control}
	if b.MaxMessage <= 0 {
		b.MaxMessage = peers.DefaultMaxMessage
	}
	if o.TLS != nil {
		cert, key, err := selfSigned()
		if err != nil {
			return nil, err
		}
		b.Cert, b.Key = string(cert), string(key)
	}
	return bun.Command(ctx, b)
}

func (p *Process) start(processor int) error {
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := startOn(p.cmd, processor); err != nil {
		return err
	}
	go p.scan(stdout)
	line, err := p.line()
	if err != nil {
		return errors.Join(err, p.Stop())
	}
	_, url, _ := strings.Cut(line, "://")
	p.Addr = strings.TrimSuffix(url, "/")
	return nil
}

// scan passes on what the server prints.
func (p *Process) scan(stdout io.Reader) {
	defer close(p.lines)
	for s := bufio.NewScanner(stdout); s.Scan(); {
		p.lines <- s.Text()
	}
}

// line returns the next line that the server prints.
func (p *Process) line() (string, error) {
	select {
	case line, ok := <-p.lines:
		if !ok {
			return "", errors.New("the server ended")
		}
		return line, nil
	case <-time.After(answerTimeout):
		return "", errors.New("the server does not answer")
	}
}

// Usage asks what the process has used up to now.
func (p *Process) Usage() (Usage, error) { return p.ask("usage") }

// Free makes the process give back what memory it can, and asks then. The work
// counts as processor time.
func (p *Process) Free() (Usage, error) { return p.ask("free") }

func (p *Process) ask(command string) (u Usage, err error) {
	if _, err = io.WriteString(p.stdin, command+"\n"); err != nil {
		return u, err
	}
	line, err := p.line()
	if err != nil {
		return u, err
	}
	_, err = fmt.Sscan(line, &u.CPU, &u.Resident, &u.Heap, &u.Stack)
	return u, err
}

// Running tells whether the process has not ended by itself.
func (p *Process) Running() bool {
	_, err := p.Usage()
	return err == nil
}

// Stop ends the process and waits for its end. The error is that of a process
// that had ended before, by a crash for example.
func (p *Process) Stop() error {
	_ = p.stdin.Close() // the server ends with it
	timeout := time.AfterFunc(answerTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timeout.Stop()
	for range p.lines {
		continue // to the end of its output, which Wait must not cut off
	}
	return p.cmd.Wait()
}

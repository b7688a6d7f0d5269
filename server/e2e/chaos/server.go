package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds for what a server takes moments for.
const (
	startPatience = 30 * time.Second
	endPatience   = 30 * time.Second
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// A program is a duplex serve that is started again and again at one address.
type program struct {
	path    string
	args    []string
	address string

	cmd    *exec.Cmd
	exited chan struct{}

	mu      sync.Mutex
	tail    []string // the last lines it wrote
	trouble []string // those that no program may write
}

// start starts it and waits until it says that it listens. That somebody answers at the
// address would not do: it may be another program that has taken it.
func (p *program) start(ctx context.Context) error {
	p.cmd = exec.Command(p.path, append([]string{"serve", "--listen", p.address, "--log-format", "json"}, p.args...)...) //nolint:gosec // the caller's program
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	exited, listens := make(chan struct{}), make(chan struct{})
	p.exited = exited
	go func(cmd *exec.Cmd) {
		defer close(exited)
		p.collect(stderr, listens)
		_ = cmd.Wait() // the status is in ProcessState
	}(p.cmd)
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	select {
	case <-listens:
		return nil
	case <-exited:
		return fmt.Errorf("the server ended at its start: %s", p.last())
	case <-ctx.Done():
		return fmt.Errorf("the server did not listen within %v: %s", startPatience, p.last())
	}
}

// collect keeps the last lines of r, and those that tell of a fault of the program. It closes
// listens when the program says that it does.
func (p *program) collect(r io.Reader, listens chan<- struct{}) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if listens != nil && strings.Contains(line, `"msg":"listening"`) {
			close(listens)
			listens = nil
		}
		p.mu.Lock()
		if p.tail = append(p.tail, line); len(p.tail) > 40 {
			p.tail = p.tail[1:]
		}
		if strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") || strings.Contains(line, `"level":"ERROR"`) {
			p.trouble = append(p.trouble, "the server wrote: "+line)
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r)
}

func (p *program) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// kill ends the server as a crash does.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// term ends the server in order.
func (p *program) term() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.kill()
		return fmt.Errorf("the server did not end within %v: %s", endPatience, p.last())
	}
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		return fmt.Errorf("the server ended with status %d: %s", status, p.last())
	}
	return nil
}

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// duplex returns the path of the program, built once for all tests, with the race
// detector if they have it.
func duplex(t testing.TB) string {
	t.Helper()
	path, err := buildDuplex()
	assert.NoError(t, err)
	return path
}

var buildDuplex = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "duplex")
	args := []string{"build", "-buildvcs=false", "-o", path}
	if raceDetector() {
		args = append(args, "-race")
	}
	output, err := exec.Command("go", append(args, "../cmd/duplex")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

// raceDetector tells whether this test was built with -race.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// A process is a program that runs beside the test.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	exited chan struct{} // closed when it has ended and all it wrote is there

	mu             sync.Mutex
	stdout, stderr []string // lines
}

// start starts a program, which is killed at the end of the test if it still runs.
func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), exited: make(chan struct{})}
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	assert.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	assert.NoError(t, err)
	stderr, err := p.cmd.StderrPipe()
	assert.NoError(t, err)
	assert.NoError(t, p.cmd.Start())
	var pipes sync.WaitGroup
	pipes.Go(func() { p.collect(stdout, &p.stdout) })
	pipes.Go(func() { p.collect(stderr, &p.stderr) })
	go func() {
		defer close(p.exited)
		pipes.Wait()
		_ = p.cmd.Wait() // the status is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if output := p.output(); strings.Contains(output, "DATA RACE") || strings.Contains(output, "panic: ") {
			t.Errorf("%s has a problem", p.cmd)
		}
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.cmd, p.output())
		}
	})
	return p
}

// collect appends the lines of r to lines.
func (p *process) collect(r io.Reader, lines *[]string) {
	for b := bufio.NewReader(r); ; {
		line, err := b.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			*lines = append(*lines, strings.TrimSuffix(line, "\n"))
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// output returns all lines that the program wrote.
func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(p.stdout[:len(p.stdout):len(p.stdout)], p.stderr...), "\n")
}

// lines returns what the program wrote to its standard output.
func (p *process) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout[:len(p.stdout):len(p.stdout)]
}

// awaitLine returns the first line of lines that is there and suits.
func (p *process) awaitLine(what string, lines *[]string, suits func(string) bool) (found string) {
	p.t.Helper()
	waitFor(p.t, what, func() bool {
		over := p.over()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range *lines {
			if suits(line) {
				found = line
				return true
			}
		}
		return over
	})
	if found == "" {
		p.t.Fatalf("%s ended before there was %s\n%s", p.cmd, what, p.output())
	}
	return found
}

func (p *process) over() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// wait returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	receive(p.t, "the end of "+p.cmd.String(), p.exited)
	return p.cmd.ProcessState.ExitCode()
}

// signal sends a signal and waits until the program has ended.
func (p *process) signal(s os.Signal) (status int) {
	p.t.Helper()
	assert.NoError(p.t, p.cmd.Process.Signal(s))
	return p.wait()
}

// A server is a duplex serve.
type server struct {
	*process
	url string // of the page, without a slash at the end
}

// serveDuplex starts duplex serve at an address and waits until it listens.
func serveDuplex(t testing.TB, address string, args ...string) *server {
	t.Helper()
	p := start(t, duplex(t), append([]string{"serve", "--listen", address, "--log-format", "json"}, args...)...)
	var record struct{ Msg, Page string }
	p.awaitLine("a line that says where it listens", &p.stderr, func(line string) bool {
		return json.Unmarshal([]byte(line), &record) == nil && record.Msg == "listening"
	})
	return &server{process: p, url: strings.TrimSuffix(record.Page, "/")}
}

// ws returns the URL of a WebSocket of the server.
func (s *server) ws(path string) string { return socketURL(s.url) + path }

// givenAddresses are those that tests have got, whose servers may not listen at the moment.
var givenAddresses sync.Map

// freeAddress returns an address that nobody uses, and that no other test gets. It stays free:
// the ports that systems give to clients lie higher, those of the tests of cli above 28000.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(8000))
		if _, given := givenAddresses.LoadOrStore(address, true); given {
			continue
		}
		l, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		assert.NoError(t, err)
		assert.NoError(t, l.Close())
		return address
	}
	t.Fatal("found no free port")
	return ""
}

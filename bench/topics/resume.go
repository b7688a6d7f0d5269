package topics

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duplexhq/duplex/server/app"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/event"
)

// serverDir is the environment variable that makes this program the server. It holds the
// directory of its data.
const serverDir = "DUPLEX_TOPICS_SERVER"

// ServeIfChild is the main function of the processes that Resume starts. It returns at once
// in others.
func ServeIfChild() {
	dir := os.Getenv(serverDir)
	if dir == "" {
		return
	}
	a := app.New(app.Config{Listen: "127.0.0.1:0", Data: dir})
	if err := a.Listen(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(a.URL())
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		stop()
	}()
	_ = a.Run(ctx)
	os.Exit(0)
}

// A server is a process that serves topics.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	url string
}

func start(ctx context.Context, dir string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.CommandContext(ctx, self)}
	s.cmd.Env = append(os.Environ(), serverDir+"="+dir)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s.url = strings.TrimSpace(line)
	return s, err
}

// kill ends it as a crash does.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// A Resumed is how long it took until clients had what they missed.
type Resumed struct {
	Clients, Missed int
	Open            time.Duration // until the last was open
	All             time.Duration // until the last had everything
	CPU             time.Duration // of the server
}

// Resume connects clients to one topic, kills the server, publishes messages to the next,
// and has all clients come back at once with the cursor they had.
func Resume(ctx context.Context, dir string, clients, missed int) (Resumed, error) {
	r := Resumed{Clients: clients, Missed: missed}
	dir += "/resume"
	s, err := start(ctx, dir)
	if err != nil {
		return r, err
	}
	cursor, err := publishOver(ctx, s.url, "before")
	s.kill()
	if err != nil {
		return r, err
	}
	if s, err = start(ctx, dir); err != nil {
		return r, err
	}
	for i := range missed {
		if _, err = publishOver(ctx, s.url, fmt.Sprint(strings.Repeat("x", payloadSize-10), i)); err != nil {
			s.kill()
			return r, err
		}
	}
	s.kill()
	if s, err = start(ctx, dir); err != nil { // whose memory is empty
		return r, err
	}
	defer s.kill()
	var got atomic.Int64
	done := make(chan struct{})
	client := event.NewClient(event.Handler{OnMessage: func(*event.Conn, websocket.MessageType, []byte) {
		if got.Add(1) == int64(clients*missed) {
			close(done)
		}
	}}, nil)
	defer func() {
		now, cancel := context.WithCancel(ctx)
		cancel()
		_ = client.Shutdown(now)
	}()
	url := "ws" + strings.TrimPrefix(s.url, "http") + "/t/room?after=" + cursor
	began := time.Now()
	if err := dialAll(ctx, client, url, clients); err != nil {
		return r, err
	}
	r.Open = time.Since(began)
	select {
	case <-done:
	case <-time.After(time.Minute):
		return r, fmt.Errorf("%d of %d messages came within a minute", got.Load(), clients*missed)
	}
	r.All = time.Since(began)
	_ = s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return r, err
	}
	r.CPU = s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime()
	return r, nil
}

// dialAll opens clients, some at the same time as a crowd does.
func dialAll(ctx context.Context, client *event.Client, url string, clients int) error {
	var next atomic.Int64
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range 64 {
		all.Go(func() {
			for next.Add(1) <= int64(clients) && failed.Load() == nil {
				if _, _, err := client.Dial(ctx, url, nil); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	return nil
}

// publishOver publishes one message over HTTP and returns its cursor.
func publishOver(ctx context.Context, url, text string) (cursor string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/t/room", strings.NewReader(text))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/plain")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(answer), `"at":"`)
	cursor, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 {
		return "", errors.New("the answer has no cursor: " + string(answer))
	}
	return cursor, nil
}

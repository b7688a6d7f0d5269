package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// TB is what TestServer and TestClient need of a *testing.T.
type TB[T any] interface {
	Helper()
	Run(name string, f func(T)) bool
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// TestServer runs CheckServer and reports each test as a subtest area/name:
//
//	func TestConformance(t *testing.T) {
//		s := httptest.NewServer(echo)
//		defer s.Close()
//		conformance.TestServer(t, s.URL)
//	}
//
// A test that Failed fails its subtest; what is not strict, informational or
// unsupported is logged.
func TestServer[T TB[T]](t T, url string, o ...Options) {
	t.Helper()
	r, err := CheckServer(t.Context(), url, given(o))
	if err != nil {
		t.Fatalf("%v", err)
	}
	show(t, r)
}

// TestClient runs the tests of a client and reports each as a subtest area/name.
// dial connects to the URL, sends back each message as it came until the
// connection ends, and returns; that it returns an error says nothing. It is
// called for each test, from several goroutines, and must give up when ctx ends.
func TestClient[T TB[T]](t T, dial func(ctx context.Context, url string) error, o ...Options) {
	t.Helper()
	r, err := dialAll(t.Context(), dial, given(o))
	if err != nil {
		t.Fatalf("%v", err)
	}
	show(t, r)
}

// given returns the first of at most one Options.
func given(o []Options) *Options {
	if len(o) == 0 {
		return nil
	}
	return &o[0]
}

// dialAll has dial called until all tests are done.
func dialAll(ctx context.Context, dial func(ctx context.Context, url string) error, o *Options) (*Report, error) {
	o, tests, err := o.settle(ClientTests())
	if err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("websocket: conformance: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h := newHost(ctx, cancel, l, o, tests)
	go h.serve()
	over, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for range min(o.Parallel, len(tests)) {
		wg.Go(func() { h.redial(over, dial) })
	}
	select {
	case <-h.allDone:
	case <-ctx.Done():
	}
	stop()
	wg.Wait()
	return h.end()
}

// misses is how often in a row dial may return without a connection.
const misses = 3

// redial calls dial as long as there are tests.
func (h *host) redial(ctx context.Context, dial func(ctx context.Context, url string) error) {
	url := "ws://" + h.l.Addr().String() + "/"
	if h.o.TLS != nil {
		url = "wss" + strings.TrimPrefix(url, "ws")
	}
	for missed := 0; ctx.Err() == nil; {
		before, more := h.standing()
		if !more {
			return
		}
		err := dial(ctx, url)
		if met, _ := h.standing(); met > before {
			missed = 0
			continue
		}
		if missed++; missed == misses && ctx.Err() == nil {
			if err == nil {
				err = errors.New("it gave no error")
			}
			h.gone(fmt.Errorf("dial returned without a connection: %w", err))
		}
	}
}

// show reports each test as a subtest.
func show[T TB[T]](t T, r *Report) {
	t.Helper()
	for i := range r.Results {
		result := &r.Results[i]
		t.Run(result.Area+"/"+result.Name, func(t T) {
			t.Helper()
			switch result.Verdict {
			case Passed:
			case Failed:
				t.Errorf("%s", result)
			default:
				t.Logf("%s: %s", result.Verdict, result.Problem)
			}
		})
	}
	t.Logf("%s", r)
}

package conformance

import (
	"context"
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
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	url := "ws://" + l.Addr().String() + "/"
	parallel := DefaultParallel
	if o != nil && o.Parallel > 0 {
		parallel = o.Parallel
	}
	if o != nil && o.TLS != nil {
		url = "wss" + strings.TrimPrefix(url, "ws")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for over.Err() == nil {
				_ = dial(over, url)
			}
		})
	}
	r, err := CheckClients(ctx, l, o)
	stop()
	wg.Wait()
	return r, err
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

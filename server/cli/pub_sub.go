package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/server/cli/screen"
	"github.com/duplexhq/duplex/websocket"
)

// byeTimeout bounds how long a command that has done its work waits for the server.
const byeTimeout = 2 * time.Second

// access is how pub, sub and topics reach the server.
type access struct {
	server   string
	header   []string
	insecure bool
}

// check tells what is wrong with the arguments.
func (a access) check() error {
	if _, err := completeURL(a.server); err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	_, err := parseHeader(a.header)
	return err
}

// tlsConfig returns how to speak TLS, nil for the default.
func (a access) tlsConfig() *tls.Config {
	if !a.insecure {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // that is what was asked for
}

// dial connects a client. onState may be nil.
func (a access) dial(ctx context.Context, onState func(client.State)) (*client.Client, error) {
	u, err := completeURL(a.server)
	if err != nil {
		return nil, err
	}
	header, err := parseHeader(a.header)
	if err != nil {
		return nil, err
	}
	// How large a message may be is for the server to say: one that is refused would only come
	// again over the next connection.
	d := &websocket.DialOptions{Header: header, Host: header.Get("Host"), TLSConfig: a.tlsConfig(), MaxMessage: -1}
	header.Del("Host")
	c, err := client.Dial(ctx, u.String(), &client.Options{Dial: d, OnState: onState})
	var failed *client.DialError
	switch {
	case errors.As(err, &failed):
		return nil, unreachable(failed.Err, failed.Response)
	case err != nil:
		return nil, err
	}
	return c, nil
}

// unreachable says why there is no connection, in words that are safe to print.
func unreachable(err error, resp *http.Response) error {
	err = dialProblem(err, resp)
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{statusFailed, err}
}

// httpURL returns the URL of a path of the server over HTTP.
func (a access) httpURL(path string, query url.Values) (*url.URL, error) {
	u, err := completeURL(a.server)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/ws") + path
	u.RawPath, u.RawQuery = "", query.Encode()
	return u, nil
}

// get makes a request of HTTP.
func (a access) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	header, err := parseHeader(a.header)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if r.Header = header; header.Get("Host") != "" {
		r.Host = header.Get("Host")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = a.tlsConfig()
	transport.DisableKeepAlives = true // the program ends behind it
	return (&http.Client{Transport: transport}).Do(r)
}

// untilSignal returns a context that ends with the first signal, and a function to
// call when the command has ended.
func untilSignal(env Env) (ctx context.Context, stop func()) {
	signals, unwatch := env.watchSignals()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-done
		unwatch()
	}
}

// outcome returns how a command ends because of err, which may be nil. What the server
// does not like about the request is a mistake in the arguments.
func outcome(ctx context.Context, err error) error {
	var refused *client.Error
	var f *failure
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &failure{status: statusInterrupted}
	case errors.As(err, &f):
		return err
	case errors.As(err, &refused) && isMistake(refused.Code), errors.Is(err, client.ErrTooLarge):
		return &failure{statusUsage, errors.New(sentence(err))}
	default:
		return errors.New(sentence(err))
	}
}

// isMistake tells whether a code says that the request makes no sense.
func isMistake(code client.Code) bool {
	switch code {
	case client.CodeBadRequest, client.CodeBadTopic, client.CodeBadCursor, client.CodeTooLarge, client.CodeUnsupported:
		return true
	default:
		return false
	}
}

// sentence returns the text of an error of the client, escaped: of a refusal what the
// server said.
func sentence(err error) string {
	if e, ok := errors.AsType[*unstored](err); ok {
		return e.Error() // which says of what message
	}
	var refused *client.Error
	if errors.As(err, &refused) && refused.Message != "" {
		return escaped(refused.Message)
	}
	return plain(errors.New(strings.TrimPrefix(err.Error(), "client: ")))
}

// appendMessage appends a message as a person or a program that reads lines wants it: one
// line, with everything escaped that a terminal would obey; or, raw, the bytes as they
// came.
func appendMessage(dst []byte, binary, raw bool, p []byte) []byte {
	switch {
	case raw:
		dst = append(dst, p...)
		if binary {
			return dst
		}
	case binary:
		dst = screen.AppendBinary(dst, p, "")
	default:
		dst = screen.AppendText(dst, p)
	}
	return append(dst, '\n')
}

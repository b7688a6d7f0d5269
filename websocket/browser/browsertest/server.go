package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Protocols are the subprotocols that the server speaks, best first.
var Protocols = []string{"chat.v2", "chat.v1"}

// largest is how large a message the server takes, in bytes.
const largest = 32 << 20

// Handler returns the server. Pages of every origin may connect. It has the paths
//
//	/echo?id=ID               sends every message back; speaks Protocols
//	/plain                    the same, without subprotocols
//	/deflate?window=N&alone=A the same, compressed: N bits of window for the page, without
//	                          context takeover if A is not empty
//	/close?code=C&reason=R    closes with C and R as soon as it is open, or without a code
//	/hello?code=C&reason=R    sends "one", "two" and the bytes 3 and 4, and then does that
//	/drop                     waits for a message and drops the connection
//	/break                    waits for nothing and breaks the protocol
//	/refuse                   answers the handshake with 403
//	/hang                     never answers the handshake
//	/end?id=ID                waits for the end of the connection to /echo with that ID,
//	                          sends what its close frame said, such as "4000 bye", and closes
//
// Each ID may be used for one connection.
func Handler() http.Handler {
	ends := &endings{of: map[string]chan string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		serve(Protocols, func(ctx context.Context, c *websocket.Conn) error {
			err := echo(ctx, c)
			if id := r.URL.Query().Get("id"); id != "" {
				ends.channel(id) <- describe(err)
			}
			return err
		}).ServeHTTP(w, r)
	})
	mux.Handle("/plain", serve(nil, echo))
	mux.HandleFunc("/deflate", func(w http.ResponseWriter, r *http.Request) {
		window, _ := strconv.Atoi(r.URL.Query().Get("window"))
		alone := r.URL.Query().Get("alone") != ""
		o := options(nil)
		o.Compression = &websocket.Compression{PeerWindowBits: window, NoContextTakeover: alone, PeerNoContextTakeover: alone}
		websocket.Handler(echo, o).ServeHTTP(w, r)
	})
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) {
		serve(nil, closer(r)).ServeHTTP(w, r)
	})
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		serve(nil, func(ctx context.Context, c *websocket.Conn) error {
			return errors.Join(hello(ctx, c), closer(r)(ctx, c))
		}).ServeHTTP(w, r)
	})
	mux.Handle("/drop", serve(nil, func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		return errors.Join(err, c.CloseNow())
	}))
	mux.HandleFunc("/break", breach)
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not you", http.StatusForbidden)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		serve(nil, func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.Text, []byte(<-ends.channel(r.URL.Query().Get("id"))))
		}).ServeHTTP(w, r)
	})
	return mux
}

func serve(protocols []string, f func(context.Context, *websocket.Conn) error) http.Handler {
	return websocket.Handler(f, options(protocols))
}

func options(protocols []string) *websocket.AcceptOptions {
	return &websocket.AcceptOptions{
		Subprotocols: protocols,
		Origins:      []string{"*", "null"},
		MaxMessage:   largest,
	}
}

// echo sends back what comes and returns how the connection ended.
func echo(ctx context.Context, c *websocket.Conn) error {
	for {
		t, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, p); err != nil {
			return err
		}
	}
}

func hello(ctx context.Context, c *websocket.Conn) error {
	return errors.Join(
		c.Write(ctx, websocket.Text, []byte("one")),
		c.Write(ctx, websocket.Text, []byte("two")),
		c.Write(ctx, websocket.Binary, []byte{3, 4}),
	)
}

// closer closes the way r asks for.
func closer(r *http.Request) func(context.Context, *websocket.Conn) error {
	code, err := strconv.ParseUint(r.URL.Query().Get("code"), 10, 16)
	if err != nil {
		code = uint64(websocket.StatusNoStatusReceived)
	}
	return func(_ context.Context, c *websocket.Conn) error {
		return c.Close(websocket.StatusCode(code), r.URL.Query().Get("reason"))
	}
}

// breach opens the connection by hand, sends a frame with a reserved bit set and
// reads until the client hangs up.
func breach(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n\xc1\x00", handshake.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	if rw.Flush() == nil {
		_, _ = io.Copy(io.Discard, rw)
	}
}

// describe tells what the peer's close frame said.
func describe(err error) string {
	var end *websocket.CloseError
	if !errors.As(err, &end) || end.Received == nil {
		return "lost"
	}
	return fmt.Sprintf("%d %s", uint16(end.Received.Code), end.Received.Reason)
}

// endings are the ends of connections, by their IDs.
type endings struct {
	mu sync.Mutex
	of map[string]chan string
}

func (e *endings) channel(id string) chan string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of[id] == nil {
		e.of[id] = make(chan string, 1)
	}
	return e.of[id]
}

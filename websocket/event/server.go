package event

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A Server accepts connections and calls the functions of a Handler for what happens on
// them. Its methods may be called concurrently.
type Server struct {
	engine
	accept websocket.AcceptOptions // for handshakes that come by way of net/http

	listening sync.Mutex
	listeners []net.Listener
	ends      []chan struct{}       // closed to end the loops' use of a listener
	pending   map[net.Conn]struct{} // those whose request a goroutine awaits
}

// NewServer returns a server. o may be nil; it must not be changed afterwards. A server
// that is done with needs a call of Shutdown.
func NewServer(h Handler, o *Options) *Server {
	if o == nil {
		o = &Options{}
	}
	s := &Server{accept: websocket.AcceptOptions{
		Subprotocols: o.Subprotocols, Origins: o.Origins, Header: o.Header, Compression: o.Compression,
	}}
	s.server = s
	s.start(h, o.settings(), proto.Server)
	return s
}

// ServeHTTP accepts a connection that comes by way of net/http, or answers in words why
// it does not, as websocket.Accept does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = s.Upgrade(w, r, nil)
}

// Upgrade is ServeHTTP for those who need to know the connection: data belongs to it, see
// Conn.Data. If it returns an error, the request was answered; the handler should just
// return. The handler should also return after it, as then the memory that net/http holds
// for the request is freed.
func (s *Server) Upgrade(w http.ResponseWriter, r *http.Request, data any) (*Conn, error) {
	if s.isClosed() {
		err := &websocket.HandshakeError{Status: http.StatusServiceUnavailable, Problem: "server is shutting down"}
		http.Error(w, err.Error(), err.Status)
		return nil, err
	}
	t, err := websocket.AcceptTransport(w, r, &s.accept)
	if err != nil {
		return nil, err
	}
	return s.adopt(t, data)
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Serve accepts connections from l until Shutdown, and then returns nil, or until l
// fails. There is no net/http: Options.Accept sees the requests. Serve closes l. The
// epoll driver takes TCP and Unix listeners over, so that nothing but Shutdown ends it;
// TLS and everything else has a goroutine for each connection.
func (s *Server) Serve(l net.Listener) error {
	if !s.listen(l) {
		_ = l.Close()
		return errShutdown
	}
	if ok, err := s.loops.serve(s, l); ok {
		return err
	}
	return s.serveStreams(l)
}

// listen takes note of a listener, unless the server is shutting down.
func (s *Server) listen(l net.Listener) bool {
	s.listening.Lock()
	defer s.listening.Unlock()
	if s.isClosed() {
		return false
	}
	s.listeners = append(s.listeners, l)
	return true
}

// ListenAndServe listens on a TCP address and serves it. With the epoll driver each loop
// has a listener of its own on the address (SO_REUSEPORT), among which the kernel
// distributes the connections.
func (s *Server) ListenAndServe(addr string) error {
	all, err := s.loops.listen(addr)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		return s.Serve(l)
	}
	ended := make(chan error, len(all))
	for _, l := range all {
		go func() { ended <- s.Serve(l) }()
	}
	for range all {
		err = errors.Join(err, <-ended)
	}
	return err
}

// Addr returns the address of the first listener, nil if there is none.
func (s *Server) Addr() net.Addr {
	s.listening.Lock()
	defer s.listening.Unlock()
	if len(s.listeners) == 0 {
		return nil
	}
	return s.listeners[0].Addr()
}

// Broadcast sends m to all connections that are open, as Conn.SendPrepared does.
func (s *Server) Broadcast(m *websocket.Prepared) { s.broadcast(m) }

// Len returns how many connections are open, or in the opening or closing handshake.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// All returns an iterator over the connections open at the time of the call, in no order.
func (s *Server) All() iter.Seq[*Conn] { return s.all() }

// Shutdown closes the listeners, closes every connection with 1001, and waits until each
// has answered or ctx is done; what is left then is dropped, and Shutdown returns ctx's
// error. From its call on, connections are refused, those of net/http with 503.
func (s *Server) Shutdown(ctx context.Context) error {
	s.refuse()
	s.closeListeners()
	return s.shutdown(ctx)
}

func (s *Server) closeListeners() {
	s.listening.Lock()
	defer s.listening.Unlock()
	for _, l := range s.listeners {
		_ = l.Close()
	}
	for _, end := range s.ends {
		close(end)
	}
	s.ends = nil
	for conn := range s.pending {
		_ = conn.SetDeadline(time.Unix(1, 0)) // whoever reads from it closes it
	}
}

// Package app puts the server together and runs it: the hub, its raw rooms, the
// echo and the chat page, behind one http.Server. The command line is a thin
// layer above it, so that a test runs the real program in its own process:
//
//	a := app.New(app.Config{Listen: "127.0.0.1:0"})
//	go a.Run(ctx)
//	resp, err := http.Get(a.URL())
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/server/web"
	"github.com/duplexhq/duplex/server/wire/raw"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Defaults of Config, used where a field is zero.
const (
	DefaultListen          = "127.0.0.1:8080"
	DefaultMaxMessage      = websocket.DefaultMaxMessage // bytes
	DefaultShutdownTimeout = 10 * time.Second
)

// queuedMessages is how many of the largest messages may wait for one socket,
// if MaxQueue is zero: a slow moment is no reason to lose a picture.
const queuedMessages = 4

// Limits of the HTTP side. They do not hold for a WebSocket, which has its own.
const (
	headerTimeout  = 10 * time.Second // for the head of a request
	requestTimeout = 30 * time.Second // for the whole of it, and again for its answer
	idleTimeout    = 2 * time.Minute  // between two requests
	maxHeader      = 64 << 10         // bytes
)

// Config says how the server runs. The zero value means the defaults.
type Config struct {
	// Listen is the address, host:port. Port 0 picks a free one, and an empty
	// host stands for all addresses of the machine. Default 127.0.0.1:8080.
	Listen string

	// Origins lists the web pages of other origins that may connect, as
	// websocket.AcceptOptions says. Default: none.
	Origins []string

	// MaxMessage is the largest message that a socket may send, in bytes.
	// Default 1 MiB; negative: no limit.
	MaxMessage int64

	// MaxQueue is how many bytes may wait for a socket that reads slowly
	// before it is closed. Default: four times MaxMessage, 4 MiB if that has
	// no limit.
	MaxQueue int

	// Compress lets sockets that offer compression have it (RFC 7692), with
	// the defaults of websocket.Compression, which says what it costs and
	// when not to switch it on. Default: every offer is declined.
	Compress bool

	// ShutdownTimeout bounds the end of Run. Default 10 s.
	ShutdownTimeout time.Duration

	// Log is told what happens. Default: nobody is.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = DefaultMaxMessage
	}
	if c.MaxQueue <= 0 {
		c.MaxQueue = queuedMessages * websocket.DefaultMaxMessage
		if c.MaxMessage > 0 {
			c.MaxQueue = int(min(queuedMessages*c.MaxMessage, 1<<30))
		}
	}
	if c.ShutdownTimeout <= 0 {
		c.ShutdownTimeout = DefaultShutdownTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// An App is the server of one process. Make one with New; Run may be called once,
// the other methods at any time by any goroutine.
type App struct {
	config   Config
	hub      *hub.Hub
	sockets  websocket.Registry
	http     http.Server
	listened chan struct{} // closed when listener or err is there
	once     sync.Once     // for Listen
	listener net.Listener
	err      error
}

// New returns a server that does not listen yet.
func New(c Config) *App {
	a := &App{config: c.withDefaults(), hub: hub.New(), listened: make(chan struct{})}
	a.http = http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.config.Log.Handler(), slog.LevelWarn),
	}
	return a
}

// routes is the table of what is where.
func (a *App) routes() http.Handler {
	o := &websocket.AcceptOptions{
		Origins:    a.config.Origins,
		MaxMessage: a.config.MaxMessage,
		MaxQueue:   a.config.MaxQueue,
		Registry:   &a.sockets,
		Trace:      websocket.LogTrace(a.config.Log),
	}
	if a.config.Compress {
		o.Compression = &websocket.Compression{}
	}
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.Handle("/echo", websocket.Handler(echo, o))
	mux.Handle("/t/{topic}", raw.Handler(a.hub, o))
	return mux
}

// echo sends every message back.
func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// Listen checks the configuration and opens the port, so that URL knows it. Run
// does so by itself; calling Listen before tells apart the errors of the start.
// Called again it returns the same error.
func (a *App) Listen() error {
	a.once.Do(func() {
		defer close(a.listened)
		for _, pattern := range a.config.Origins {
			if a.err = handshake.CheckOriginPattern(pattern); a.err != nil {
				return
			}
		}
		a.listener, a.err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.config.Listen)
	})
	return a.err
}

// URL returns where the pages of the server are, such as "http://127.0.0.1:8080".
// It waits until Listen or Run has opened the port, and is "" if that failed.
func (a *App) URL() string {
	<-a.listened
	if a.err != nil {
		return ""
	}
	addr := a.addr()
	host := addr.Addr().String()
	if addr.Addr().IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(addr.Port()))
}

// addr returns the address that the server listens on.
func (a *App) addr() netip.AddrPort {
	tcp, _ := a.listener.Addr().(*net.TCPAddr)
	addr := tcp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Run serves until ctx is done, and then ends in order: the port is closed, every
// socket is closed with 1001 and the reason "server is shutting down", requests
// are answered. What has not ended after ShutdownTimeout is cut off. Run returns
// nil then, and an error only if it could not begin or go on serving.
func (a *App) Run(ctx context.Context) error {
	if err := a.Listen(); err != nil {
		return err
	}
	a.announce()
	failed := make(chan error, 1)
	go func() { failed <- a.http.Serve(a.listener) }()
	select {
	case err := <-failed:
		a.shutdown()
		return err
	case <-ctx.Done():
		a.shutdown()
		return nil
	}
}

// announce logs where the server is, and who can reach it.
func (a *App) announce() {
	log, url := a.config.Log, a.URL()
	log.Info("listening", "page", url+"/", "rooms", "ws"+url[len("http"):]+"/t/{topic}", "echo", "ws"+url[len("http"):]+"/echo")
	if !a.addr().Addr().IsLoopback() {
		log.Warn("listening beyond this machine: everybody who reaches it may read and write all rooms, "+
			"for there is no authentication yet", "address", a.addr().String())
	}
}

// shutdown ends everything, in bounded time.
func (a *App) shutdown() {
	log, start := a.config.Log, time.Now()
	log.Info("shutting down", "sockets", a.sockets.Len())
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	var cut [2]error
	// Both at once: http.Server closes the port first and then waits for
	// requests, and does not know the sockets.
	wg.Go(func() { cut[0] = a.http.Shutdown(ctx) })
	wg.Go(func() { cut[1] = a.sockets.Shutdown(ctx) })
	wg.Wait()
	if err := errors.Join(cut[:]...); err != nil {
		_ = a.http.Close()
		log.Warn("not everything ended in time and was cut off", "timeout", a.config.ShutdownTimeout.String())
	}
	log.Info("bye", "after", time.Since(start).Round(time.Millisecond).String())
}

// Package app puts the server together and runs it: the hub with its store, its
// wires, the echo and the chat page, behind one http.Server. The command line is a
// thin layer above it, so that a test runs the real program in its own process:
//
//	a := app.New(app.Config{Listen: "127.0.0.1:0"})
//	go a.Run(ctx)
//	resp, err := http.Get(a.URL())
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/duplexhq/duplex/hub"
)

// Limits of the HTTP side. They do not hold for a WebSocket, which has its own, and not
// for streams and requests that wait.
const (
	headerTimeout  = 10 * time.Second // for the head of a request
	requestTimeout = 30 * time.Second // for the whole of it
	answerTimeout  = time.Minute      // until it is answered, which is longer: who was too slow is told so
	idleTimeout    = 2 * time.Minute  // between two requests
	maxHeader      = 64 << 10         // bytes
)

// An App is the server of one process. Make one with New; Run may be called once,
// the other methods at any time by any goroutine.
type App struct {
	config   Config
	http     http.Server
	listened chan struct{} // closed when all below, or err, is there
	once     sync.Once     // for Listen
	listener net.Listener
	err      error

	hub     *hub.Hub
	sockets []sockets       // whose are the sockets that must be closed
	ending  context.Context // done when what waits has to end
	end     context.CancelFunc
}

// sockets are those of one path.
type sockets interface {
	http.Handler
	Shutdown(ctx context.Context) error // closes them with 1001
	Len() int
}

// New returns a server that does not listen yet.
func New(c Config) *App {
	a := &App{config: c.withDefaults(), listened: make(chan struct{})}
	a.ending, a.end = context.WithCancel(context.Background())
	a.http = http.Server{
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(a.config.Log.Handler(), slog.LevelWarn),
	}
	a.http.RegisterOnShutdown(a.end) // when the port is closed: those who come back find no server
	return a
}

// Listen checks the configuration, opens the port, so that URL knows it, and then the
// data, for which the error is a [*DataError]. Run does so by itself; calling Listen
// before tells apart the errors of the start. Called again it returns the same error.
func (a *App) Listen() error {
	a.once.Do(func() {
		defer close(a.listened)
		a.err = a.open()
	})
	return a.err
}

func (a *App) open() error {
	if err := a.config.check(); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.config.Listen)
	if err != nil {
		return err
	}
	if a.hub, err = openHub(&a.config); err != nil {
		_ = l.Close()
		return err
	}
	a.listener = l
	a.http.Handler = a.build()
	return nil
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
// socket is closed with 1001, streams of events end and requests are answered, then
// sessions are written and the store is closed. What has not ended after
// ShutdownTimeout is cut off. Run returns nil then, and an error only if it could not
// begin or go on serving, or if the store could not write what it had to.
func (a *App) Run(ctx context.Context) error {
	if err := a.Listen(); err != nil {
		return err
	}
	a.announce()
	failed := make(chan error, 1)
	go func() { failed <- a.http.Serve(a.listener) }()
	select {
	case err := <-failed:
		_ = a.shutdown()
		return err
	case <-ctx.Done():
		return a.shutdown()
	}
}

// announce logs where the server is, where data are kept, and who can reach it.
func (a *App) announce() {
	c, log, url := &a.config, a.config.Log, a.URL()
	sockets := "ws" + url[len("http"):]
	log.Info("listening", "page", url+"/", "topics", sockets+"/t/{topic}", "json", sockets+"/ws", "echo", sockets+"/echo")
	if c.Data != "" {
		log.Info("messages and sessions are kept on disk", "data", c.Data, "sync", c.Sync)
	} else {
		log.Info("messages are kept in memory: a restart loses them, and tells clients so; name a directory to keep them")
	}
	if c.Data != "" && c.Sync != SyncAlways {
		log.Warn("a power cut can lose messages that publishers were told are stored; clients are then told of a gap", "sync", c.Sync)
	}
	if !a.addr().Addr().IsLoopback() {
		log.Warn("listening beyond this machine: everybody who reaches it may read and write all topics, "+
			"for there is no authentication yet", "address", a.addr().String())
	}
}

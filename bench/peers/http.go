package peers

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// headerTimeout bounds how long a client may take for its request.
const headerTimeout = 10 * time.Second

// serveHTTP serves handler on l with net/http until ctx is done.
func serveHTTP(ctx context.Context, l net.Listener, handler http.HandlerFunc) error {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          log.New(io.Discard, "", 0), // clients of a test break off all the time
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	return s.Serve(l)
}

package app

import (
	"context"
	"errors"
	"sync"
	"time"
)

// shutdown ends everything: first, in bounded time, whoever may publish or has something to be
// told, then the hub, which takes the time that the disk takes for what is left to write.
func (a *App) shutdown() error {
	log, start := a.config.Log, time.Now()
	ends, open := []func(context.Context) error{a.http.Shutdown}, 0
	for _, s := range a.sockets {
		ends, open = append(ends, s.Shutdown), open+s.Len()
	}
	log.Info("shutting down", "sockets", open)
	ctx, cancel := context.WithTimeout(context.Background(), a.config.ShutdownTimeout)
	defer cancel()
	var wg sync.WaitGroup
	cut := make([]error, len(ends))
	// All at once: http.Server closes the port first and then waits for requests,
	// and does not know the sockets.
	for i, end := range ends {
		wg.Go(func() { cut[i] = end(ctx) })
	}
	wg.Wait()
	if err := errors.Join(cut...); err != nil {
		_ = a.http.Close()
		log.Warn("not everything ended in time and was cut off", "timeout", a.config.ShutdownTimeout.String())
	}
	err := a.hub.Close()
	if err != nil {
		log.Error("the end of the data could not be written", "problem", err.Error())
	}
	log.Info("bye", "after", time.Since(start).Round(time.Millisecond).String())
	return err
}

package hub_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/hub/hubtest"
	"github.com/duplexhq/duplex/internal/assert"
)

var errDisk = errors.New("the disk is broken")

// A brokenDisk is a store of which one method fails.
type brokenDisk struct {
	hub.Store

	broken string
}

func (d *brokenDisk) check(method string) error {
	if d.broken == method {
		return errDisk
	}
	return nil
}

func (d *brokenDisk) Restart(epoch uint64) error {
	return errors.Join(d.check("Restart"), d.Store.Restart(epoch))
}

func (d *brokenDisk) Read(ctx context.Context, topic string, r hub.Range) (hub.Page, error) {
	if err := d.check("Read"); err != nil {
		return hub.Page{}, err
	}
	return d.Store.Read(ctx, topic, r)
}

func (d *brokenDisk) Latest(ctx context.Context, topic string) ([]*hub.Message, error) {
	if err := d.check("Latest"); err != nil {
		return nil, err
	}
	return d.Store.Latest(ctx, topic)
}

func (d *brokenDisk) Logs(ctx context.Context, after string, limit int) ([]hub.LogInfo, error) {
	if err := d.check("Logs"); err != nil {
		return nil, err
	}
	return d.Store.Logs(ctx, after, limit)
}

func (d *brokenDisk) IDs(since time.Time) ([]hub.StoredID, error) {
	if err := d.check("IDs"); err != nil {
		return nil, err
	}
	return d.Store.IDs(since)
}

func (d *brokenDisk) Close() error { return errors.Join(d.check("Close"), d.Store.Close()) }

// A subscription that cannot be read for ends, and its position is good for when it can.
func TestBrokenDiskEndsWhoCatchesUp(t *testing.T) {
	for _, c := range []struct {
		broken, filter string
		o              func(after hub.Cursor) hub.SubscribeOptions
	}{
		{"Read", "room", func(after hub.Cursor) hub.SubscribeOptions { return hub.SubscribeOptions{After: after} }},
		{"Read", "*", func(after hub.Cursor) hub.SubscribeOptions { return hub.SubscribeOptions{After: after} }},
		{"Logs", "*", func(after hub.Cursor) hub.SubscribeOptions { return hub.SubscribeOptions{After: after} }},
		{"Read", "room", func(hub.Cursor) hub.SubscribeOptions { return hub.SubscribeOptions{Last: 2} }},
		{"Latest", "room", func(hub.Cursor) hub.SubscribeOptions { return hub.SubscribeOptions{Latest: true} }},
	} {
		t.Run(c.broken+" "+c.filter, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := hubtest.NewMemStore()
				o := hub.Options{Engine: hub.NewLocal(store), Default: hub.Settings{Latest: true}}
				h, err := hub.New(&o)
				assert.NoError(t, err)
				at := set(t, h, "room", "a", "1")
				set(t, h, "room", "b", "2")
				assert.NoError(t, h.Close())
				disk := &brokenDisk{store.Reopen(), c.broken}
				o.Engine = hub.NewLocal(disk)
				h, err = hub.New(&o)
				assert.NoError(t, err)
				defer h.Close()
				r := newTape()
				so := c.o(at)
				listen(t, h, c.filter, r, &so)
				synctest.Wait()
				assert.Equal(t, r.list(), []string{"ended"})
				assert.ErrorIs(t, r.ended, errDisk)
				_, err = h.Read(t.Context(), "room", hub.Query{After: at})
				assert.Equal(t, errors.Is(err, errDisk), c.broken == "Read")
				_, err = h.Topics(t.Context(), "", "", 10)
				assert.Equal(t, errors.Is(err, errDisk), c.broken == "Logs")
				disk.broken = ""
				if !so.After.IsZero() {
					assert.Equal(t, resume(t, h, c.filter, r.at), []string{"attached", "2", "live"})
				}
				set(t, h, "room", "c", "3")
				h.CheckInvariants(t)
			})
		})
	}
}

func TestBrokenDiskFailsTheStart(t *testing.T) {
	for _, broken := range []string{"Restart", "IDs", "Close"} {
		t.Run(broken, func(t *testing.T) {
			h, err := hub.New(&hub.Options{Engine: hub.NewLocal(&brokenDisk{hubtest.NewMemStore(), broken})})
			if broken == "Close" {
				assert.NoError(t, err)
				err = h.Close()
			}
			assert.ErrorIs(t, err, errDisk)
		})
	}
}

// What is refused because too much waits is not published, and its ID is free.
func TestBusyStore(t *testing.T) {
	store := hubtest.NewMemStore()
	bubble(t, &hub.Options{Engine: hub.NewLocal(store)}, func(t *testing.T, h *hub.Hub) {
		waits, release := store.HoldAppend()
		payload := make([]byte, 1<<20)
		var refused []*hub.Message
		stored := 0
		for i := range 80 {
			m := &hub.Message{Topic: "room", ID: fmt.Sprint(i), Payload: payload}
			h.PublishAsync(m, func(_ hub.Receipt, err error) {
				switch {
				case errors.Is(err, hub.ErrBusy):
					refused = append(refused, m)
				case err != nil:
					t.Error(err)
				default:
					stored++
				}
			})
		}
		<-waits
		busy := len(refused)
		release()
		synctest.Wait()
		assert.True(t, busy > 0 && busy <= 16, fmt.Sprint("64 MiB may wait, and a batch be stored; refused are ", busy))
		assert.Equal(t, stored, 80-busy)
		for _, m := range refused {
			r, err := h.Publish(t.Context(), m)
			assert.NoError(t, err)
			assert.True(t, !r.Duplicate, "what was refused counts")
		}
	})
}

func TestPublishIsGivenUp(t *testing.T) {
	store := hubtest.NewMemStore()
	bubble(t, &hub.Options{Engine: hub.NewLocal(store)}, func(t *testing.T, h *hub.Hub) {
		waits, release := store.HoldAppend()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-waits
			cancel()
		}()
		_, err := h.Publish(ctx, &hub.Message{Topic: "room", ID: "x", Payload: []byte("1")})
		assert.ErrorIs(t, err, context.Canceled)
		release()
		r, err := h.Publish(t.Context(), &hub.Message{Topic: "room", ID: "x", Payload: []byte("1")})
		assert.NoError(t, err)
		assert.True(t, r.Duplicate, "it was published all the same")
	})
}

// Who waits for others that read may give it up.
func TestReadIsGivenUp(t *testing.T) {
	reopened(t, 3, func(t *testing.T, h *hub.Hub, at []hub.Cursor, disk *slowDisk) {
		for range 4 {
			go func() { _, _ = h.Read(t.Context(), "room", hub.Query{After: at[1]}) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, err := h.Read(ctx, "room", hub.Query{After: at[1]})
		assert.ErrorIs(t, err, context.Canceled)
		close(disk.gate)
		synctest.Wait()
		page, err := h.Read(t.Context(), "room", hub.Query{After: at[3]})
		assert.NoError(t, err)
		assert.Equal(t, page.At.Offset, at[3].Offset)
	})
}

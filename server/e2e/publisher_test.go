package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// A durable server keeps its topics in a directory, as long as a test takes, and always
// has the same address.
type durable struct {
	*server
	t       testing.TB
	address string
	args    []string
}

func serveDurable(t testing.TB, args ...string) *durable {
	t.Helper()
	d := &durable{t: t, address: freeAddress(t), args: append([]string{"--data", t.TempDir(),
		"--topic", "> messages=1000000 bytes=64MiB lag=64MiB"}, args...)}
	d.start()
	return d
}

func (d *durable) start() {
	d.t.Helper()
	d.server = serveDuplex(d.t, d.address, d.args...)
}

// kill ends it as a power cut does, but for what the disk has.
func (d *durable) kill() {
	d.t.Helper()
	assert.Equal(d.t, d.signal(syscall.SIGKILL), -1)
}

// A publisher publishes the numbers from 1 on as text, one after the other, and each
// again and again until it hears that it is stored.
type publisher struct {
	t      testing.TB
	url    string
	run    uint64
	stored atomic.Int64 // how many are
	end    context.CancelFunc
	over   sync.WaitGroup
}

func publishNumbers(t testing.TB, url string) *publisher {
	ctx, cancel := context.WithCancel(context.Background())
	p := &publisher{t: t, url: url, run: rand.Uint64(), end: cancel}
	p.over.Go(func() {
		for n := int64(1); ctx.Err() == nil; n++ {
			for !p.publish(n) {
				time.Sleep(10 * time.Millisecond) // of the outage of a server, not of a test
			}
			p.stored.Store(n)
		}
	})
	t.Cleanup(func() { p.stop() })
	return p
}

// publish tells whether n is stored.
func (p *publisher) publish(n int64) bool {
	// The context does not end it, so that it is known of every number whether it is stored.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(strconv.FormatInt(n, 10)))
	assert.NoError(p.t, err)
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Idempotency-Key", fmt.Sprintf("%d-%d", p.run, n))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// more waits until so many numbers more are stored.
func (p *publisher) more(count int64) {
	p.t.Helper()
	until := p.stored.Load() + count
	waitFor(p.t, "more numbers to be stored", func() bool { return p.stored.Load() >= until })
}

// stop ends it and returns how many numbers are stored.
func (p *publisher) stop() int {
	p.end()
	p.over.Wait()
	return int(p.stored.Load())
}

// complete returns how many of the numbers from 1 on are in seen in their order, and
// how many were there again. A number that comes before one that is missing ends it.
func complete(seen []string) (numbers, again int, err error) {
	for i, text := range seen {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return numbers, again, err
		case n > numbers+1:
			return numbers, again, fmt.Errorf("%d came after %v", n, seen[max(0, i-5):i])
		case n == numbers+1:
			numbers++
		default:
			again++
		}
	}
	return numbers, again, nil
}

// openPage opens a page of testdata/pages that talks to the server at an address,
// and lets it.
func openPage(t testing.TB, name string, serve func(origin string) (address string)) *tab {
	t.Helper()
	pages := httptest.NewServer(file(path.Join("testdata/pages", name), "text/html"))
	t.Cleanup(pages.Close)
	address := serve(pages.URL)
	return openTab(t, browser{newBrowser(t)}, pages.URL+"/?url="+url.QueryEscape(address))
}

// sawAll ends the test unless the page sees all numbers up to count in their order. It
// returns how many it saw again.
func (p *tab) sawAll(expression string, count int) (again int) {
	p.t.Helper()
	p.waitFor(fmt.Sprintf("%s.includes(%q)", expression, strconv.Itoa(count)))
	numbers, again, err := complete(js[[]string](p, expression))
	assert.NoError(p.t, err)
	assert.Equal(p.t, numbers, count)
	return again
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		seen           string
		numbers, again int
		fails          bool
	}{
		{"", 0, 0, false},
		{"1 2 3", 3, 0, false},
		{"1 2 3 2 3 4", 4, 2, false},
		{"1 2 4", 2, 0, true},
		{"2", 0, 0, true},
		{"1 x", 1, 0, true},
	} {
		numbers, again, err := complete(strings.Fields(c.seen))
		assert.True(t, slices.Equal([]int{numbers, again}, []int{c.numbers, c.again}) && (err != nil) == c.fails, c.seen)
	}
}

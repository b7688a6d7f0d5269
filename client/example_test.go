package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"sync"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/websocket"
)

// One that publishes and one that listens. What was published before is there for
// those who ask for it.
func Example() {
	url, stop := startServer()
	defer stop()
	ctx := context.Background()

	ann, err := client.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ann.Close(ctx)
	_, err = ann.Publish(ctx, "orders.42", client.Message{Data: []byte("one pizza")})
	if err != nil {
		fmt.Println(err)
		return
	}

	bob := client.New(url, nil) // connects when it has something to do
	defer bob.Close(ctx)
	sub, err := bob.Subscribe("orders.42", &client.SubscribeOptions{Last: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range sub.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s\n", ev.Topic, ev.Data)
		break
	}
	// Output: orders.42: one pizza
}

// A program that goes on where the one before it has ended: it keeps its position
// and is told if messages behind it are gone.
func ExampleSubscription_At() {
	url, stop := startServer()
	defer stop()
	ctx := context.Background()
	ann := client.New(url, nil)
	defer ann.Close(ctx)
	for _, text := range []string{"first", "second", "third"} {
		if _, err := ann.Publish(ctx, "log", client.Message{Data: []byte(text)}); err != nil {
			fmt.Println(err)
			return
		}
	}

	// run takes n events behind a position and returns the new one.
	run := func(position string, n int) string {
		c := client.New(url, nil)
		defer c.Close(ctx)
		sub, err := c.Subscribe("log", &client.SubscribeOptions{After: position, Last: 10})
		if err != nil {
			fmt.Println(err)
			return position
		}
		for range n {
			ev, err := sub.Next(ctx)
			switch {
			case err != nil:
				fmt.Println(err)
			case ev.Type == client.GapEvent:
				fmt.Println("some messages are lost")
			default:
				fmt.Println(string(ev.Data))
			}
		}
		return sub.At()
	}
	position := run("", 2)
	fmt.Println("the program starts again")
	run(position, 1)
	// Output:
	// first
	// second
	// the program starts again
	// third
}

// startServer stands for a Duplex server: it does what the examples need of
// one, with all topics in one log.
func startServer() (url string, stop func()) {
	var mu sync.Mutex
	var log []string
	frames := func(last int) (frames []string) {
		mu.Lock()
		defer mu.Unlock()
		for i := last; i < len(log); i++ {
			frames = append(frames, log[i])
		}
		return frames
	}
	handler := func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			var r struct {
				Sub, Pub, Text, After string
				ID                    int
			}
			if err != nil || json.Unmarshal(m.Data, &r) != nil {
				return err
			}
			if r.Pub != "" {
				mu.Lock()
				at := len(log) + 1
				log = append(log, fmt.Sprintf(`{"t":%q,"at":"%d","text":%q}`, r.Pub, at, r.Text))
				mu.Unlock()
				_ = c.Post(websocket.Text, fmt.Appendf(nil, `{"ok":%d,"at":"%d"}`, r.ID, at))
				continue
			}
			var after int
			_, _ = fmt.Sscan(r.After, &after)
			_ = c.Post(websocket.Text, fmt.Appendf(nil, `{"sub":%q,"at":"%d","gap":false,"id":%d}`, r.Sub, after, r.ID))
			for _, f := range frames(after) {
				_ = c.Post(websocket.Text, []byte(f))
			}
		}
		return nil
	}
	srv := httptest.NewServer(websocket.Handler(handler, &websocket.AcceptOptions{Subprotocols: []string{"duplex.v1.json"}}))
	return srv.URL, srv.Close
}

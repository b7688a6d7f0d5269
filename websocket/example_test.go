package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/duplexhq/duplex/websocket"
)

// A server that sends every message back.
func ExampleHandler() {
	echo := func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil // the client said goodbye
	}
	http.Handle("/echo", websocket.Handler(echo, nil))
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}

// A server that sends every message back and copies none: each is lent by Next, and the
// answers to those that came together leave together.
func ExampleConn_Next() {
	echo := func(ctx context.Context, c *websocket.Conn) error {
		for {
			t, p, err := c.Next(ctx) // p is ours until the next call
			if err != nil {
				return err
			}
			err = c.Post(t, p)
			if errors.Is(err, websocket.ErrQueueFull) {
				err = c.Write(ctx, t, p) // waits until the client has read some of them
			}
			if err != nil {
				return err
			}
		}
	}
	server := httptest.NewServer(websocket.Handler(echo, nil))
	defer server.Close()

	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	for _, word := range []string{"one", "two", "three"} {
		if err := c.Post(websocket.Text, []byte(word)); err != nil {
			fmt.Println(err)
			return
		}
	}
	var buf []byte
	for range 3 {
		if _, buf, err = c.ReadInto(ctx, buf); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", buf)
	}
	// Output:
	// one
	// two
	// three
}

func ExampleDial() {
	server := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, name, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return c.Write(ctx, websocket.Text, append([]byte("Hello, "), name...))
	}, nil))
	defer server.Close()

	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.Text, []byte("Ann")); err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", m.Data)
	}
	// Output:
	// Hello, Ann
}

// A message may be larger than the memory one wants to give it: the server reads
// it line by line as it comes.
func ExampleConn_Reader() {
	server := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		n := 0
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			n++
		}
		if err := lines.Err(); err != nil {
			return err
		}
		return c.Write(ctx, websocket.Text, fmt.Appendf(nil, "%d lines", n))
	}, &websocket.AcceptOptions{MaxMessage: 1 << 30}))
	defer server.Close()

	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.Text, []byte(strings.Repeat("a line\n", 500_000))); err != nil {
		fmt.Println(err)
		return
	}
	_, answer, err := c.Read(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", answer)
	// Output:
	// 500000 lines
}

// Post waits for nobody, so one slow client does not delay the others.
func ExampleConn_Post() {
	var room websocket.Registry
	server := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		news := fmt.Appendf(nil, "%d in the room", room.Len())
		for c := range room.All() {
			if err := c.Post(websocket.Text, news); errors.Is(err, websocket.ErrQueueFull) {
				_ = c.CloseNow() // it does not keep up
			}
		}
		<-c.CloseRead(ctx).Done()
		return nil
	}, &websocket.AcceptOptions{Registry: &room}))
	defer server.Close()

	ctx := context.Background()
	enter := func() *websocket.Conn {
		c, _, err := websocket.Dial(ctx, server.URL, nil)
		if err != nil {
			log.Fatal(err)
		}
		return c
	}
	hear := func(name string, c *websocket.Conn) {
		_, p, err := c.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", name, p)
	}
	ann := enter()
	defer ann.CloseNow()
	hear("Ann", ann)
	bob := enter()
	defer bob.CloseNow()
	hear("Bob", bob)
	hear("Ann", ann)
	// Output:
	// Ann: 1 in the room
	// Bob: 2 in the room
	// Ann: 2 in the room
}

// http.Server forgets connections that have become WebSockets, so a server that
// ends shuts down both.
func ExampleRegistry_Shutdown() {
	var open websocket.Registry
	server := httptest.NewServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		if err := c.Write(ctx, websocket.Text, []byte("welcome")); err != nil {
			return err
		}
		<-c.CloseRead(ctx).Done()
		return nil
	}, &websocket.AcceptOptions{Registry: &open}))

	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, server.URL, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, p, err := c.Read(ctx)
	fmt.Printf("%s %v\n", p, err)

	done := make(chan error)
	go func() {
		if err := server.Config.Shutdown(ctx); err != nil {
			done <- err
			return
		}
		done <- open.Shutdown(ctx)
	}()
	_, _, err = c.Read(ctx)
	fmt.Println(websocket.CloseStatus(err))
	fmt.Println(<-done, open.Len())
	// Output:
	// welcome <nil>
	// 1001 going away
	// <nil> 0
}

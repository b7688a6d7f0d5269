package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/duplexhq/duplex/client"
)

// pubCommand is duplex pub.
type pubCommand struct {
	Topic   string  `arg:"" help:"Where to publish, for example orders.42."`
	Message *string `arg:"" optional:"" help:"What to publish. Without it, each line of the input is a message."`

	Server   string        `short:"S" default:"ws://127.0.0.1:8080" placeholder:"URL" env:"DUPLEX_SERVER" help:"The server (default ${default}): ws://, wss:// or, as in localhost:8080, neither, which means ws://."`
	JSON     bool          `name:"json" short:"j" env:"DUPLEX_PUB_JSON" help:"The message is JSON, or the input a sequence of JSON values."`
	Binary   bool          `short:"b" env:"DUPLEX_PUB_BINARY" help:"The message is bytes, or all of the input is one message of bytes."`
	Key      string        `placeholder:"KEY" env:"DUPLEX_PUB_KEY" help:"What the message is the latest state of, for topics that keep the latest of each key. An empty message removes the key."`
	ID       string        `name:"id" placeholder:"ID" env:"DUPLEX_PUB_ID" help:"Publish once only, however often the command is repeated within some minutes. Messages of the input get ID.1, ID.2 and so on."`
	Timeout  time.Duration `default:"30s" placeholder:"DURATION" env:"DUPLEX_PUB_TIMEOUT" help:"Give up when for so long nothing could be stored (default ${default})."`
	Header   []string      `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_PUB_HEADER" help:"Add a header to the request. May be repeated."`
	Insecure bool          `short:"k" env:"DUPLEX_PUB_INSECURE" help:"Do not check the server's certificate."`
	Verbose  bool          `short:"v" env:"DUPLEX_PUB_VERBOSE" help:"Print the cursor of each message that is stored."`
}

// Help is what --help says below the summary.
func (*pubCommand) Help() string {
	return `Ends when the server has stored everything. A connection that is lost is opened again, and a message whose answer was lost is stored once. Messages of the input are stored in its order, and the first that cannot be stored ends the command.

Examples:

    duplex pub orders.42 'one pizza'
    duplex pub --json orders.42 '{"pizza":1}'
    duplex pub --binary images.cat < cat.png
    tail -f log | duplex pub logs.web
    duplex pub --json --key 42 --id import-7 orders.42 < order.json

Exit status: 0 if everything was stored, 1 if not, 2 if the arguments or the input make no sense, 130 after an interruption.`
}

// Validate checks what the types of the flags cannot.
func (c *pubCommand) Validate() error {
	switch {
	case c.JSON && c.Binary:
		return errors.New("--json and --binary exclude each other")
	case c.Timeout <= 0:
		return errors.New("--timeout must be more than 0")
	}
	return c.access().check()
}

func (c *pubCommand) access() access { return access{c.Server, c.Header, c.Insecure} }

// Run publishes the message, or the input.
func (c *pubCommand) Run(env Env) error {
	ctx, stop := untilSignal(env)
	defer stop()
	dialling, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	conn, err := c.access().dial(dialling, nil)
	if err != nil {
		return outcome(ctx, err)
	}
	p := &publisher{command: c, client: conn, out: env.Out, freed: make(chan struct{}, 1)}
	if c.Message != nil {
		err = p.all(ctx, single([]byte(*c.Message)))
	} else {
		err = p.all(ctx, c.input(env.In))
	}
	leave(ctx, conn, err)
	return outcome(ctx, err)
}

// leave closes a client that has nothing more to do, or because of err is to do nothing
// more.
func leave(ctx context.Context, c *client.Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, byeTimeout)
	defer cancel()
	if err != nil {
		cancel()
	}
	_ = c.Close(ctx)
}

// window is how many messages are under way at the same time.
const window = 256

// A publisher publishes messages one behind the other without waiting for each
// answer.
type publisher struct {
	command *pubCommand
	client  *client.Client
	out     io.Writer
	freed   chan struct{} // something was stored
}

// A publication is a message under way.
type publication struct {
	n    int // counted from 1
	done chan error
	at   string
}

// all publishes what next returns until io.EOF, and returns when it is stored, or why
// that is not so.
func (p *publisher) all(ctx context.Context, next source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	under := make(chan *publication, window)
	confirmed := make(chan error, 1)
	go func() {
		err := p.confirm(ctx, under, next.one)
		if err != nil {
			cancel(err)
		}
		confirmed <- err
	}()
	read := make(chan error, 1)
	go func() { // by itself, as reading cannot be interrupted
		defer close(under)
		read <- p.send(ctx, next, under)
	}()
	select {
	case err := <-confirmed: // the first that was not stored, or all were
		if err != nil {
			return err
		}
		return <-read
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// send publishes messages and hands them to confirm.
func (p *publisher) send(ctx context.Context, next source, under chan<- *publication) error {
	for n := 1; ; n++ {
		data, err := next.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = p.command.check(data)
		}
		if err != nil {
			return &failure{statusUsage, fmt.Errorf("%s: %w; nothing was published from there on", next.name(n), err)}
		}
		pub := &publication{n: n, done: make(chan error, 1)}
		if err := p.post(ctx, p.message(n, next.one, data), pub); err != nil {
			return err
		}
		select {
		case under <- pub:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// check tells why data are no message of the kind that was asked for.
func (c *pubCommand) check(data []byte) error {
	switch {
	case c.JSON && !json.Valid(data):
		return errors.New("it is not JSON")
	case c.JSON && !utf8.Valid(data):
		return errors.New("it is not UTF-8, which JSON must be")
	case !c.JSON && !c.Binary && !utf8.Valid(data):
		return errors.New("it is not UTF-8, which text must be; --binary publishes all of the input as bytes")
	}
	return nil
}

// message returns the nth message.
func (p *publisher) message(n int, one bool, data []byte) client.Message {
	c := p.command
	m := client.Message{Data: data, Key: c.Key, ID: c.ID}
	switch {
	case c.JSON:
		m.Kind = client.JSON
	case c.Binary:
		m.Kind = client.Binary
	}
	if c.ID != "" && !one {
		m.ID = fmt.Sprintf("%s.%d", c.ID, n)
	}
	return m
}

// post gives a message to the client, and waits while that has no room for it.
func (p *publisher) post(ctx context.Context, m client.Message, pub *publication) error {
	for {
		err := p.client.PublishAsync(p.command.Topic, m, func(r client.Receipt, err error) {
			pub.at = r.At
			pub.done <- err
			select {
			case p.freed <- struct{}{}:
			default:
			}
		})
		if !errors.Is(err, client.ErrQueueFull) {
			return err
		}
		select {
		case <-p.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// confirm waits until each message is stored, in order, and says where.
func (p *publisher) confirm(ctx context.Context, under <-chan *publication, one bool) error {
	for pub := range under {
		timer := time.NewTimer(p.command.Timeout)
		var err error
		select {
		case err = <-pub.done:
		case <-timer.C:
			err = p.late()
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		timer.Stop()
		switch {
		case err != nil && one:
			return err
		case err != nil:
			return &unstored{pub.n, err}
		case p.command.Verbose:
			if _, err := fmt.Fprintln(p.out, escaped(pub.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

// late says why nothing was stored for so long.
func (p *publisher) late() error {
	if s := p.client.State(); s.Phase != client.Open && s.Err != nil {
		return fmt.Errorf("not stored within %v: %s", p.command.Timeout, sentence(s.Err))
	}
	return fmt.Errorf("not stored within %v: the server does not answer", p.command.Timeout)
}

// An unstored is the first message of the input that was not stored.
type unstored struct {
	n   int
	err error
}

func (e *unstored) Error() string {
	return fmt.Sprintf("message %d of the input: %s; %s stored before it", e.n, sentence(e.err), were(e.n-1))
}

func (e *unstored) Unwrap() error { return e.err }

// were returns "1 message was" and the like.
func were(n int) string {
	if n == 1 {
		return "1 message was"
	}
	return plural(n, "message") + " were"
}

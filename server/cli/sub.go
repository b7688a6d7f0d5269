package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/duplexhq/duplex/client"
	"github.com/duplexhq/duplex/server/cli/screen"
)

// subCommand is duplex sub.
type subCommand struct {
	Topic string `arg:"" help:"A topic, or a filter: * stands for any one part of the name, > at the end for one or more."`

	Server     string   `short:"S" default:"ws://127.0.0.1:8080" placeholder:"URL" env:"DUPLEX_SERVER" help:"The server (default ${default}): ws://, wss:// or, as in localhost:8080, neither, which means ws://."`
	Last       int      `short:"l" placeholder:"N" env:"DUPLEX_SUB_LAST" help:"Begin with the newest N messages, at most 1000 (default: with what is new)."`
	After      string   `short:"a" placeholder:"CURSOR" env:"DUPLEX_SUB_AFTER" help:"Begin behind this position."`
	CursorFile string   `short:"c" placeholder:"FILE" env:"DUPLEX_SUB_CURSOR_FILE" help:"Keep the position in this file, and go on behind it the next time; --last and --after say where to begin the first time."`
	Follow     bool     `default:"true" negatable:"" env:"DUPLEX_SUB_FOLLOW" help:"Go on with what is new (default). With --no-follow the command ends behind what there is: all of it, unless --last or --after say otherwise."`
	Count      int      `short:"n" placeholder:"N" env:"DUPLEX_SUB_COUNT" help:"End after N messages."`
	JSON       bool     `name:"json" short:"j" env:"DUPLEX_SUB_JSON" help:"Print an object for each message, with topic, at (the cursor), ts (milliseconds since 1970), key, by, and text, data or base64."`
	Raw        bool     `env:"DUPLEX_SUB_RAW" help:"Write messages to a pipe or a file as they came, unescaped."`
	Quiet      bool     `short:"q" env:"DUPLEX_SUB_QUIET" help:"Do not tell of lost connections. Gaps are told all the same."`
	Header     []string `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_SUB_HEADER" help:"Add a header to the request. May be repeated."`
	Insecure   bool     `short:"k" env:"DUPLEX_SUB_INSECURE" help:"Do not check the server's certificate."`
}

// maxLast is how many of the newest messages the server gives.
const maxLast = 1000

// Help is what --help says below the summary.
func (*subCommand) Help() string {
	return `Prints each message in a line, with control characters escaped. A connection that is lost is opened again, and the messages go on where they were; should some be gone by then, a sentence says so in their place.

A file of --cursor-file is written once a second and at the end, and always has a whole cursor. What is printed within the last second before the program is killed is printed again the next time.

Examples:

    duplex sub orders.42
    duplex sub 'orders.>' --json | jq .data
    duplex sub orders.42 --last 20 --no-follow
    duplex sub 'logs.*' --cursor-file logs.cursor >> logs.txt

Exit status: 0 after --no-follow and --count, 1 if the server could not be reached or ended the subscription, 2 if the arguments make no sense, 130 after an interruption.`
}

// Validate checks what the types of the flags cannot.
func (c *subCommand) Validate() error {
	switch {
	case c.Last < 0 || c.Last > maxLast:
		return fmt.Errorf("--last must be 1 to %d", maxLast)
	case c.Last > 0 && c.After != "":
		return errors.New("--last and --after exclude each other")
	case c.Count < 0:
		return errors.New("--count must be more than 0")
	case c.JSON && c.Raw:
		return errors.New("--json and --raw exclude each other")
	case isFilter(c.Topic) && !c.Follow:
		return errors.New("--no-follow needs one topic, not a filter")
	case isFilter(c.Topic) && c.Last > 0:
		return errors.New("--last needs one topic, not a filter")
	}
	return access{c.Server, c.Header, c.Insecure}.check()
}

// isFilter tells whether a filter may match several topics.
func isFilter(s string) bool { return strings.ContainsAny(s, "*>") }

// Run prints messages until it is interrupted.
func (c *subCommand) Run(env Env) error {
	if c.Raw && screen.IsTerminal(env.Out) {
		return &failure{statusUsage, errors.New("--raw is for pipes and files: a terminal would obey what others publish")}
	}
	position, err := openCursorFile(c.CursorFile)
	if err != nil {
		return &failure{statusUsage, err}
	}
	ctx, stop := untilSignal(env)
	defer stop()
	s := &subscriber{command: c, out: env.Out, err: env.Err, position: position}
	conn, err := access{c.Server, c.Header, c.Insecure}.dial(ctx, s.told)
	if err != nil {
		return outcome(ctx, err)
	}
	if c.Follow {
		err = s.follow(ctx, conn)
	} else {
		err = s.history(ctx, conn)
	}
	if saved := position.save(); err == nil || ctx.Err() != nil {
		if saved != nil {
			err = saved
			ctx = context.Background() // say so, whatever else happened
		}
	}
	leave(ctx, conn, err)
	return outcome(ctx, err)
}

// A subscriber prints what comes.
type subscriber struct {
	command  *subCommand
	out, err io.Writer
	position *cursorFile
	printed  int
	buf      []byte

	mu     sync.Mutex // for err: the client tells its states by itself
	opened bool       // there was a connection
	lost   bool       // that there is none was told
}

// saving is how often the cursor is written.
const saving = time.Second

// errEnough ends the loop over messages.
var errEnough = errors.New("enough messages")

// follow prints what a subscription brings.
func (s *subscriber) follow(ctx context.Context, conn *client.Client) error {
	c := s.command
	o := &client.SubscribeOptions{After: c.After, Last: c.Last}
	if at := s.position.at; at != "" {
		o.After, o.Last = at, 0
	}
	sub, err := conn.Subscribe(c.Topic, o)
	if err != nil {
		return err
	}
	for {
		ev, err := s.next(ctx, sub)
		if err == nil {
			if err = s.show(&ev); err != nil && !errors.Is(err, errEnough) {
				return err // it is not printed, and comes again the next time
			}
		}
		s.position.at = sub.At()
		switch {
		case errors.Is(err, errEnough):
			return nil
		case err != nil:
			return err
		}
		if err := s.position.saveSometimes(); err != nil {
			return err
		}
	}
}

// next waits for an event, and saves the position if none comes for a while.
func (s *subscriber) next(ctx context.Context, sub *client.Subscription) (client.Event, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, saving)
		ev, err := sub.Next(waiting)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return ev, err
		}
		s.position.at = sub.At()
		if err := s.position.save(); err != nil {
			return client.Event{}, err
		}
	}
}

// show prints an event. It returns errEnough behind the last one that is wanted.
func (s *subscriber) show(ev *client.Event) error {
	switch ev.Type {
	case client.GapEvent:
		s.gap(ev.At)
		return nil
	case client.MessageEvent:
		return s.print(&ev.Message)
	default:
		return nil
	}
}

func (s *subscriber) gap(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.err, "duplex: messages are lost: those that come now are behind %s\n", escaped(at))
}

// print prints a message.
func (s *subscriber) print(m *client.Message) error {
	c := s.command
	s.buf = s.buf[:0]
	if c.JSON {
		line, err := json.Marshal(newMessageLine(m))
		if err != nil {
			return err
		}
		s.buf = append(append(s.buf, line...), '\n')
	} else {
		s.buf = appendMessage(s.buf, m.Kind == client.Binary, c.Raw, m.Data)
	}
	if _, err := s.out.Write(s.buf); err != nil {
		return err
	}
	if s.printed++; s.printed == c.Count {
		return errEnough
	}
	return nil
}

// history prints what there is.
func (s *subscriber) history(ctx context.Context, conn *client.Client) error {
	c := s.command
	q := client.Query{After: c.After, Last: c.Last, Limit: maxLast}
	if at := s.position.at; at != "" {
		q.After, q.Last = at, 0
	}
	for {
		h, err := conn.History(ctx, c.Topic, q)
		if err != nil {
			return err
		}
		if h.Gap {
			s.gap(h.At)
		}
		for i := range h.Messages {
			err := s.print(&h.Messages[i])
			if err != nil && !errors.Is(err, errEnough) {
				return err // as above
			}
			s.position.at = h.Messages[i].At
			if errors.Is(err, errEnough) {
				return nil
			}
		}
		s.position.at = h.At
		if !h.More || h.At == q.After {
			return nil
		}
		q.After, q.Last = h.At, 0
	}
}

// told says that the connection is lost, and that it is there again.
func (s *subscriber) told(st client.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.command.Quiet:
	case st.Phase == client.Open && !s.lost:
		s.opened = true
	case st.Phase == client.Waiting && s.opened && !s.lost:
		s.lost = true
		fmt.Fprintf(s.err, "duplex: no connection (%s): trying again until there is one\n", sentence(st.Err))
	case st.Phase == client.Open:
		s.lost = false
		fmt.Fprintln(s.err, "duplex: connected again")
	}
}

// A messageLine is a message as --json prints it.
type messageLine struct {
	Topic  string          `json:"topic"`
	At     string          `json:"at"`
	TS     int64           `json:"ts,omitempty"`
	Key    string          `json:"key,omitempty"`
	By     string          `json:"by,omitempty"`
	Text   *string         `json:"text,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	Base64 *[]byte         `json:"base64,omitempty"`
}

func newMessageLine(m *client.Message) *messageLine {
	l := &messageLine{Topic: m.Topic, At: m.At, Key: m.Key, By: m.By}
	if !m.Time.IsZero() {
		l.TS = m.Time.UnixMilli()
	}
	switch m.Kind {
	case client.JSON:
		l.Data = m.Data
	case client.Binary:
		l.Base64 = &m.Data
	default:
		text := string(m.Data)
		l.Text = &text
	}
	return l
}

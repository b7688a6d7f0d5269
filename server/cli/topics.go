package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// topicsCommand is duplex topics.
type topicsCommand struct {
	Filter string `arg:"" optional:"" default:">" help:"Which topics: * stands for any one part of the name, > at the end for one or more. Default: all."`

	Server   string        `short:"S" default:"ws://127.0.0.1:8080" placeholder:"URL" env:"DUPLEX_SERVER" help:"The server (default ${default}): ws://, wss://, http://, https:// or, as in localhost:8080, none, which means ws://."`
	JSON     bool          `name:"json" short:"j" env:"DUPLEX_TOPICS_JSON" help:"Print an object for each topic."`
	Limit    int           `short:"n" placeholder:"N" env:"DUPLEX_TOPICS_LIMIT" help:"Print at most N topics (default: all)."`
	Timeout  time.Duration `default:"30s" placeholder:"DURATION" env:"DUPLEX_TOPICS_TIMEOUT" help:"How long an answer may take (default ${default})."`
	Header   []string      `short:"H" sep:"none" placeholder:"'NAME: VALUE'" env:"DUPLEX_TOPICS_HEADER" help:"Add a header to the request. May be repeated."`
	Insecure bool          `short:"k" env:"DUPLEX_TOPICS_INSECURE" help:"Do not check the server's certificate."`
}

// maxPage is how many topics the server tells of at once.
const maxPage = 1000

// Help is what --help says below the summary.
func (*topicsCommand) Help() string {
	return `Prints the topics that have messages, subscribers or members, in the order of their names: how many messages are kept and how large they are, how many subscribe, how many are present under a name, and the cursor of the newest message.

Examples:

    duplex topics
    duplex topics 'orders.>' --json
    duplex topics -S https://example.com -H 'Authorization: Bearer 4711'

Exit status: 0 if the server answered, 1 if not, 2 if the arguments make no sense, 130 after an interruption.`
}

// Validate checks what the types of the flags cannot.
func (c *topicsCommand) Validate() error {
	switch {
	case c.Limit < 0:
		return errors.New("--limit must be more than 0")
	case c.Timeout <= 0:
		return errors.New("--timeout must be more than 0")
	}
	return c.access().check()
}

func (c *topicsCommand) access() access { return access{c.Server, c.Header, c.Insecure} }

// A topicLine is what the server tells of a topic.
type topicLine struct {
	Topic       string `json:"topic"`
	Messages    int64  `json:"messages"`
	Bytes       int64  `json:"bytes"`
	Subscribers int64  `json:"subscribers"`
	Present     int64  `json:"present"`
	Last        string `json:"last,omitempty"`
	TS          int64  `json:"ts,omitempty"` // Unix milliseconds
}

// Run prints the topics.
func (c *topicsCommand) Run(env Env) error {
	ctx, stop := untilSignal(env)
	defer stop()
	list, err := c.all(ctx)
	if err != nil {
		return outcome(ctx, err)
	}
	if !c.JSON {
		_, err := io.WriteString(env.Out, topicTable(list))
		return err
	}
	e := json.NewEncoder(env.Out)
	e.SetEscapeHTML(false)
	for i := range list {
		if err := e.Encode(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// all returns the topics of as many pages as there are.
func (c *topicsCommand) all(ctx context.Context) (list []topicLine, err error) {
	after := ""
	for {
		limit := maxPage
		if c.Limit > 0 {
			limit = min(limit, c.Limit-len(list))
		}
		page, more, err := c.page(ctx, after, limit)
		if err != nil {
			return nil, err
		}
		list = append(list, page...)
		if !more || len(page) == 0 || len(list) == c.Limit {
			return list, nil
		}
		next := page[len(page)-1].Topic
		if next <= after {
			return nil, errors.New("the server repeats its topics")
		}
		after = next
	}
}

// page returns the topics behind a name, and whether there are more.
func (c *topicsCommand) page(ctx context.Context, after string, limit int) (list []topicLine, more bool, err error) {
	query := url.Values{"filter": {c.Filter}, "limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	u, err := c.access().httpURL("/topics", query)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	resp, err := c.access().get(ctx, u)
	if err != nil {
		return nil, false, unreachable(bareURLError(err), nil)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, false, topicsRefusal(resp)
	}
	var answer struct {
		Topics []topicLine `json:"topics"`
		More   bool        `json:"more"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, false, fmt.Errorf("what %s answers is not a list of topics: %w: is it a Duplex server?", u.Redacted(), err)
	}
	return answer.Topics, answer.More, nil
}

// bareURLError returns what is wrong, without the URL, which the user knows.
func bareURLError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// topicsRefusal describes an answer that is no list: as a problem (RFC 9457), if it is
// one.
func topicsRefusal(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxSentence*4))
	var problem struct {
		Detail string `json:"detail"`
		Retry  bool   `json:"retry"`
	}
	if json.Unmarshal(body, &problem) != nil || problem.Detail == "" {
		return fmt.Errorf("the server answered %d %s: is it a Duplex server?", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	status := statusFailed
	if resp.StatusCode == http.StatusBadRequest {
		status = statusUsage
	}
	return &failure{status, errors.New(escaped(problem.Detail))}
}

// when returns a time for people, by the clock on their wall.
func when(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format(time.DateTime)
}

// topicTable lines the topics up: names to the left, numbers to the right.
func topicTable(list []topicLine) string {
	rows := [][]string{{"TOPIC", "MESSAGES", "SIZE", "SUBSCRIBERS", "PRESENT", "LAST"}}
	for _, t := range list {
		rows = append(rows, []string{
			escaped(t.Topic), count(t.Messages), memory(float64(t.Bytes)),
			count(t.Subscribers), count(t.Present), when(t.TS),
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := fmt.Sprintf("%-*s  %*s  %*s  %*s  %*s  %s",
			widths[0], row[0], widths[1], row[1], widths[2], row[2], widths[3], row[3], widths[4], row[4], row[5])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

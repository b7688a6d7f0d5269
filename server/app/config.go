package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/websocket"
	"github.com/duplexhq/duplex/websocket/handshake"
)

// Defaults of Config, used where a field is zero.
const (
	DefaultListen          = "127.0.0.1:8080"
	DefaultMaxMessage      = websocket.DefaultMaxMessage // bytes
	DefaultShutdownTimeout = 10 * time.Second
)

// The values of Config.Sync.
const (
	SyncAlways   = "always"
	SyncInterval = "interval"
	SyncOff      = "off"
)

// Config says how the server runs. The zero value means the defaults.
type Config struct {
	// Listen is the address, host:port. Port 0 picks a free one, and an empty
	// host stands for all addresses of the machine. Default 127.0.0.1:8080.
	Listen string

	// Origins lists the web pages of other origins that may connect and use the
	// HTTP forms, as websocket.AcceptOptions says. Default: none.
	Origins []string

	// MaxMessage is the largest message that may be sent or published, in bytes.
	// Default 1 MiB; negative: no limit.
	MaxMessage int64

	// Compress lets sockets that offer compression have it (RFC 7692), with
	// the defaults of websocket.Compression, which says what it costs and
	// when not to switch it on. Default: every offer is declined.
	Compress bool

	// Data is the directory where messages, sessions and all else that should be
	// there after a restart are kept. It is made if it is not there. Default "":
	// they are kept in memory, and a restart loses them.
	Data string

	// Sync says when what is published is safe from a power cut: "always" before
	// its publisher is told that it is stored, "interval" within a second, "off"
	// when the operating system writes it. Default "always". Used with Data.
	Sync string

	// Restored says that Data was put back from a copy: what was published behind
	// that is lost, and everybody who comes back with a cursor or session is told of
	// a gap. Set it for one start only, as each start with it tells them again. Used
	// with Data; the error says so if there is none. Default: it was not.
	Restored bool

	// Rules are the settings of topics, by filter: the first that matches counts.
	// Default: hub.Settings{} for all.
	Rules []hub.Rule

	// SessionTTL is how long a session outlives its last connection. Default 10
	// minutes.
	SessionTTL time.Duration

	// ShutdownTimeout bounds the end of Run. Default 10 s.
	ShutdownTimeout time.Duration

	// Log is told what happens. Default: nobody is.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.MaxMessage = cmp.Or(c.MaxMessage, DefaultMaxMessage)
	c.Sync = cmp.Or(c.Sync, SyncAlways)
	if c.ShutdownTimeout <= 0 {
		c.ShutdownTimeout = DefaultShutdownTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// check says what is wrong with the configuration.
func (c *Config) check() error {
	for _, pattern := range c.Origins {
		if err := handshake.CheckOriginPattern(pattern); err != nil {
			return err
		}
	}
	for _, rule := range c.Rules {
		if err := hub.CheckFilter(rule.Filter); err != nil {
			return fmt.Errorf("rule %q: %w", rule.Filter, err)
		}
	}
	if c.Sync != SyncAlways && c.Sync != SyncInterval && c.Sync != SyncOff {
		return fmt.Errorf("sync %q is none of %s, %s and %s", c.Sync, SyncAlways, SyncInterval, SyncOff)
	}
	if c.Restored && c.Data == "" {
		return errors.New("nothing can be restored without a directory for the data: give one, or start without this")
	}
	return nil
}

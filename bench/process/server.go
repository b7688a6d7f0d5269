package process

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/duplexhq/duplex/bench/bun"
	"github.com/duplexhq/duplex/bench/peers"
)

// config is the server's command line.
type config struct {
	lib     string
	listen  string
	options peers.Options
	tls     bool
	control bool
	profile string // file
}

// flags returns the flags that fill c, for both sides of Start.
func (c *config) flags() *flag.FlagSet {
	names := make([]string, 0, len(peers.All())+1)
	for _, p := range peers.All() {
		names = append(names, p.Name)
	}
	names = append(names, bun.Name)
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.StringVar(&c.lib, "lib", "duplex-conn", "library: "+strings.Join(names, ", "))
	f.StringVar(&c.listen, "listen", "127.0.0.1:0", "address to listen on; port 0 picks a free one")
	f.TextVar(&c.options.Compression, "compression", peers.Off, "off, no-takeover or takeover; a library that can do less does what it can")
	f.Int64Var(&c.options.MaxMessage, "max-message", peers.DefaultMaxMessage, "largest message to echo, in bytes")
	f.IntVar(&c.options.WindowBits, "window-bits", 0, "windows of compression, 8 to 15, where the library can choose them (default its own)")
	f.BoolVar(&c.options.CheckText, "check-text", false, "let the application check text where the library does not")
	f.Func("subprotocols", "subprotocols that the server speaks, with commas between", func(s string) error {
		c.options.Subprotocols = strings.Split(s, ",")
		return nil
	})
	f.BoolVar(&c.tls, "tls", false, "speak TLS, with a certificate made for this run")
	f.StringVar(&c.profile, "cpuprofile", "", "file for a profile of the processor's time, for go tool pprof")
	f.BoolVar(&c.control, "control", false, "read commands from standard input and end with it: usage, free")
	return f
}

// Main runs a server of echoes, and of a fan-out on /fan, until it is interrupted, and returns the exit status
// of the program. It prints one line with the address when it listens.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) (status int) {
	var c config
	f := c.flags()
	f.SetOutput(stderr)
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if f.NArg() > 0 {
		_, _ = fmt.Fprintf(stderr, "unexpected argument %q\n", f.Arg(0))
		return 2
	}
	if err := c.serve(stdin, stdout, stderr); err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func (c *config) serve(stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	scheme := "ws"
	if c.tls {
		var err error
		if c.options.TLS, err = tlsConfig(); err != nil {
			return err
		}
		scheme = "wss"
	}
	if c.lib == bun.Name {
		return c.serveBun(ctx, stdin, stdout, stderr)
	}
	peer, err := peers.Find(c.lib)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "%s echoes on %s://%s/\n", peer.Name, scheme, l.Addr()); err != nil {
		return err
	}
	if c.control {
		go func() {
			defer stop()
			obey(stdin, stdout)
		}()
	}
	stopProfile, err := startProfile(c.profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	return peer.Serve(ctx, l, c.options)
}

// startProfile writes a profile to a file, if it is named, until stop is called.
func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// serveBun runs Bun beside this process until that is interrupted.
func (c *config) serveBun(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	cmd, err := bunCommand(ctx, c.options, c.listen, c.control)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if err := cmd.Run(); ctx.Err() == nil {
		return err
	}
	return nil
}

// obey answers each command with one line, until there are no more.
//
//	usage  what the process has used
//	free   the same, after giving back what memory it can
func obey(stdin io.Reader, stdout io.Writer) {
	for in := bufio.NewScanner(stdin); in.Scan(); {
		switch in.Text() {
		case "usage":
		case "free":
			free()
		default:
			_, _ = fmt.Fprintf(stdout, "unknown command %q\n", in.Text())
			continue
		}
		u := usage()
		_, _ = fmt.Fprintln(stdout, int64(u.CPU), u.Resident, u.Heap, u.Stack)
	}
}

// free returns memory to the operating system. Several rounds: stacks shrink by
// half at a time, pools are emptied in two, and freed pages are returned at the
// end.
func free() {
	for range 8 {
		runtime.GC()
	}
	debug.FreeOSMemory()
}

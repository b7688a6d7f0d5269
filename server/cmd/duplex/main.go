// Duplex is a realtime server for plain WebSockets, and a client to talk to
// anybody's. See duplex --help.
package main

import (
	"os"

	"github.com/duplexhq/duplex/server/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Env{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

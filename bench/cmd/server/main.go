// Command server runs one of the libraries, or Bun, as a server for any load: /fan is a
// fan-out to everybody on it, every other path an echo.
//
//	go run ./bench/cmd/server --lib gorilla --listen 127.0.0.1:9001 --compression no-takeover
//	go run ./bench/cmd/server --lib duplex-epoll --listen 127.0.0.1:9001 --tls
package main

import (
	"os"

	"github.com/duplexhq/duplex/bench/process"
)

func main() { os.Exit(process.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Command server runs one of the libraries as an echo server, on every path:
//
//	go run ./bench/cmd/server --lib gorilla --listen 127.0.0.1:9001 --compression no-takeover
package main

import (
	"os"

	"github.com/duplexhq/duplex/bench/process"
)

func main() { os.Exit(process.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

module github.com/duplexhq/duplex/server

go 1.26

require github.com/duplexhq/duplex v0.0.0-00010101000000-000000000000

replace github.com/duplexhq/duplex => ../

package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/duplexhq/duplex/websocket"
)

// A verb is what a line asks for.
type verb int

const (
	send verb = iota
	ping
	hangUp
	help
)

// An order is a line, understood.
type order struct {
	verb   verb
	binary bool   // of send
	data   []byte // of send
	code   websocket.StatusCode
	reason string
}

// slashHelp is what /help shows.
var slashHelp = []string{
	"text             send a message",
	"//text           send a message that begins with a slash",
	"/binary 68 65 …  send bytes, written as hexadecimal digits",
	"/ping            ask how long an answer takes",
	"/close           end the conversation, or /close CODE REASON",
	"/help            this list",
	"Ctrl-D           end the conversation",
}

// parseLine understands a line that was typed. With slash, one that begins with a
// slash is a command. The order keeps line.
func parseLine(line []byte, slash, binary bool) (order, error) {
	text := order{verb: send, binary: binary, data: line}
	if !slash || len(line) == 0 || line[0] != '/' {
		return text, nil
	}
	if len(line) > 1 && line[1] == '/' {
		text.data = line[1:]
		return text, nil
	}
	name, rest, _ := strings.Cut(string(line[1:]), " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "ping":
		return order{verb: ping}, nil
	case "help", "?":
		return order{verb: help}, nil
	case "binary":
		return parseBinary(rest)
	case "close":
		return parseClose(rest)
	default:
		return order{}, fmt.Errorf("there is no command /%s: see /help, or send it as a message with //%s", name, name)
	}
}

// parseBinary understands what stands behind /binary: digits, in groups or not.
func parseBinary(digits string) (order, error) {
	data, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		return order{}, errors.New("/binary wants pairs of hexadecimal digits, such as /binary 68 65 6c 6c 6f")
	}
	return order{verb: send, binary: true, data: data}, nil
}

// parseClose understands what stands behind /close. Whether the code may be sent
// is for the library to say.
func parseClose(args string) (order, error) {
	o := order{verb: hangUp, code: websocket.StatusNormalClosure}
	if args == "" {
		return o, nil
	}
	digits, reason, _ := strings.Cut(args, " ")
	code, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return order{}, errors.New("/close wants a number and may have a reason, such as /close 1000 good bye")
	}
	o.code, o.reason = websocket.StatusCode(code), strings.TrimSpace(reason)
	return o, nil
}

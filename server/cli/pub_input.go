package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A source is where messages come from.
type source struct {
	read func() ([]byte, error) // the next one, io.EOF behind the last
	one  bool                   // there is only one
	unit string                 // what a message is in the input
}

// name returns the name of the nth message.
func (s source) name(n int) string {
	if s.one {
		return "the message"
	}
	return fmt.Sprintf("%s %d of the input", s.unit, n)
}

// single is a message that is there already.
func single(data []byte) source {
	taken := false
	return source{one: true, read: func() ([]byte, error) {
		if taken {
			return nil, io.EOF
		}
		taken = true
		return data, nil
	}}
}

// input returns the messages of the input.
func (c *pubCommand) input(in io.Reader) source {
	switch {
	case c.Binary:
		return whole(in)
	case c.JSON:
		return values(in)
	default:
		return lines(in)
	}
}

// whole takes all of the input for one message.
func whole(in io.Reader) source {
	taken := false
	return source{one: true, read: func() ([]byte, error) {
		if taken {
			return nil, io.EOF
		}
		taken = true
		return io.ReadAll(in)
	}}
}

// lines takes each line for a message, without its end. A last line without an end
// counts if it is not empty.
func lines(in io.Reader) source {
	r := bufio.NewReader(in)
	return source{unit: "line", read: func() ([]byte, error) {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
	}}
}

// values takes the input for JSON values with white space between them.
func values(in io.Reader) source {
	d := json.NewDecoder(in)
	return source{unit: "value", read: func() (value []byte, err error) {
		var raw json.RawMessage
		err = d.Decode(&raw)
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("it is not JSON: %w", err)
		}
		return raw, err
	}}
}

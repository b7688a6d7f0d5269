package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxInput is how many bytes of the input may be one message: what has no end, such as a
// device, must not take all the memory before anybody notices.
const maxInput = 64 << 20

var errNoEnd = errors.New("it has more than 64 MiB, the most that is published as one message")

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
		return whole(in, maxInput)
	case c.JSON:
		return values(in, maxInput)
	default:
		return lines(in, maxInput)
	}
}

// whole takes all of the input for one message.
func whole(in io.Reader, most int64) source {
	taken := false
	return source{one: true, read: func() ([]byte, error) {
		if taken {
			return nil, io.EOF
		}
		taken = true
		data, err := io.ReadAll(io.LimitReader(in, most+1))
		if int64(len(data)) > most {
			return nil, errNoEnd
		}
		return data, err
	}}
}

// lines takes each line for a message, without its end. A last line without an end
// counts if it is not empty.
func lines(in io.Reader, most int64) source {
	r := bufio.NewReader(in)
	return source{unit: "line", read: func() ([]byte, error) {
		line, err := readLine(r, most)
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
	}}
}

// readLine returns a line with its end, or what there is before an error.
func readLine(r *bufio.Reader, most int64) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case int64(len(line)) > most:
			return nil, errNoEnd
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// A valueReader is the input of a decoder, which keeps what it has read of a value.
type valueReader struct {
	in   io.Reader
	d    *json.Decoder
	read int64
	most int64 // of a value
}

func (r *valueReader) Read(p []byte) (int, error) {
	if r.read-r.d.InputOffset() > r.most {
		return 0, errNoEnd
	}
	n, err := r.in.Read(p)
	r.read += int64(n)
	return n, err
}

// values takes the input for JSON values with white space between them.
func values(in io.Reader, most int64) source {
	r := &valueReader{in: in, most: most}
	d := json.NewDecoder(r)
	r.d = d
	return source{unit: "value", read: func() (value []byte, err error) {
		var raw json.RawMessage
		err = d.Decode(&raw)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errNoEnd) {
			err = fmt.Errorf("it is not JSON: %w", err)
		}
		return raw, err
	}}
}

package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// parseHeader returns the headers that were given as lines, 'Name: value'.
func parseHeader(lines []string) (http.Header, error) {
	h := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("--header %q: write 'Name: value'", line)
		}
		h.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return h, nil
}

// schemes are those of completeURL; http and https are what people copy from the
// address bar.
var schemes = []string{"ws", "wss", "http", "https"}

// completeURL parses a URL that may lack its scheme.
func completeURL(s string) (*url.URL, error) {
	if scheme, _, found := strings.Cut(s, "://"); !found || strings.ContainsAny(scheme, "/?#") {
		s = "ws://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("%q is no URL: %w", s, err)
	case !slices.Contains(schemes, u.Scheme):
		return nil, fmt.Errorf("%q: the scheme must be ws or wss", s)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q has no host", s)
	case u.Fragment != "":
		return nil, fmt.Errorf("%q has a fragment: write # as %%23", s)
	}
	return u, nil
}

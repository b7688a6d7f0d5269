package browser

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/duplexhq/duplex/websocket/frame"
)

// checkProtocols holds the subprotocols to the rules of RFC 6455 §4.1: tokens, each
// of them once.
func checkProtocols(protocols []string) error {
	for i, p := range protocols {
		if !isToken(p) {
			return &exception{ErrSyntax, fmt.Sprintf("subprotocol %q is not a token: it takes letters, digits and any of !#$%%&'*+-.^_`|~", p)}
		}
		if slices.Contains(protocols[:i], p) {
			return &exception{ErrSyntax, fmt.Sprintf("subprotocol %q stands there twice", p)}
		}
	}
	return nil
}

// isToken tells whether s is a token of RFC 2616 §2.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// checkText wants UTF-8, which every string in a page can be made to.
func checkText(what, s string) error {
	if !utf8.ValidString(s) {
		return &exception{ErrSyntax, what + " is not valid UTF-8"}
	}
	return nil
}

// checkClose holds the arguments of Close to the standard's rules.
func checkClose(code StatusCode, reason string) error {
	switch {
	case code == 0 && reason != "":
		return &exception{ErrInvalidAccess, "a reason needs a close code: 1000, or one in 3000 to 4999"}
	case code != 0 && code != frame.StatusNormalClosure && (code < 3000 || code > 4999):
		return &exception{ErrInvalidAccess, fmt.Sprintf("close code %d: it must be 1000, or in 3000 to 4999", uint16(code))}
	case len(reason) > frame.MaxReason:
		return &exception{ErrSyntax, fmt.Sprintf("close reason of %d bytes: %d is the most a close frame takes", len(reason), frame.MaxReason)}
	}
	return checkText("close reason", reason)
}

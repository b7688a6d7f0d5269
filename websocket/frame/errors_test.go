package frame

import (
	"errors"
	"fmt"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestProtocolErrorPrintsTheRule(t *testing.T) {
	err := &ProtocolError{Code: StatusProtocolError, Section: "RFC 6455 §5.2", Problem: "RSV2 or RSV3 set"}
	assert.Equal(t, err.Error(), "websocket: RSV2 or RSV3 set (RFC 6455 §5.2)")
}

func TestProtocolErrorIsFoundInsideOthers(t *testing.T) {
	_, _, cause := ParseClose([]byte{3})
	var found *ProtocolError
	assert.True(t, errors.As(fmt.Errorf("reading: %w", cause), &found), "errors.As finds no *ProtocolError")
	assert.Equal(t, found.Code, StatusProtocolError)
	assert.Equal(t, found.Section, "RFC 6455 §5.5.1")
}

// wantProtocolError checks that err is a *ProtocolError of this status, section
// and problem.
func wantProtocolError(t testing.TB, err error, code StatusCode, section, problem string) {
	t.Helper()
	var found *ProtocolError
	assert.True(t, errors.As(err, &found), fmt.Sprintf("got error %v, want a *ProtocolError", err))
	assert.Equal(t, *found, ProtocolError{Code: code, Section: section, Problem: problem})
}

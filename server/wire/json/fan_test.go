package json

import (
	"strings"
	"testing"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

// However large a message is, what a subscription with a filter receives is the same object.
func TestEncodeForAFilter(t *testing.T) {
	for _, size := range []int{0, largePayload - 1, largePayload, 1 << 20} {
		m := &hub.Message{
			Topic: "цена.~", Kind: hub.Text, Payload: []byte(strings.Repeat(`"`, size)), Key: "a,b", By: "ann",
			At: hub.Cursor{Epoch: 1, Offset: 2, Time: 3},
		}
		want := string(wire.AppendMessage(nil, m, true, "цена.*"))
		assert.True(t, string(encode(m, "цена.*").Payload()) == want, "it differs")
		assert.Contains(t, want, `{"t":"цена.~","sub":"цена.*","at":"1.2.3",`)
	}
}

// TestManyFiltersShareTheEncoding holds what a filter costs beside the first: a copy of the
// frame, and not what it takes to escape the payload and see that it is JSON.
func TestManyFiltersShareTheEncoding(t *testing.T) {
	m := &hub.Message{Topic: "a.b", Kind: hub.JSON, Payload: []byte(`"` + strings.Repeat("x", 1<<16) + `"`)}
	shared := frameOf(m)
	m.Payload = m.Payload[:len(m.Payload)-1] // would not be JSON any more, if somebody looked
	assert.Contains(t, string(encode(m, "a.*").Payload()), `"data":"xxx`)
	assert.True(t, frameOf(m) == shared, "it was encoded again")
}

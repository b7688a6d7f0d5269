package load

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket"
)

func TestFormsAreDistinct(t *testing.T) {
	for _, kind := range []websocket.MessageType{websocket.Text, websocket.Binary} {
		for _, size := range []int{1, 2, 11, 12, 13, 23, 24, 25, 26, 27, 64, 125, 126, 1000} {
			for _, content := range []Content{Auto, ASCII, JSON, Chinese} {
				f, err := Message{kind, size, content}.form()
				assert.NoError(t, err)
				p := bytes.Clone(f.payload)
				var s stamped
				copy(p, f.put(&s, 0x0102, 3))
				assert.Equal(t, len(p), size)
				assert.True(t, kind == websocket.Binary || utf8.Valid(p), "not text: "+string(p))
				assert.True(t, f.is(kind, p, 0x0102, 3), "it does not know itself")
				assert.True(t, !f.is(kind, p, 0x0103, 3), "it is another one too")
				assert.True(t, !f.is(3-kind, p, 0x0102, 3), "it is of the other type too")
				assert.True(t, !f.is(kind, append(p, 'x'), 0x0102, 3), "it may be longer")
				assert.True(t, !f.is(kind, p[:size-1], 0x0102, 3), "it may be shorter")
				for i := range p {
					p[i] ^= 1
					assert.True(t, !f.is(kind, p, 0x0102, 3), "a byte may differ")
					p[i] ^= 1
				}
			}
		}
	}
}

func TestFormRefuses(t *testing.T) {
	for _, m := range []Message{
		{Type: websocket.Text, Content: Random},
		{Size: -1},
		{Type: 7},
	} {
		_, err := m.form()
		assert.True(t, err != nil, "there is such a message")
	}
}

func TestContentNames(t *testing.T) {
	for c := Auto; c <= Chinese; c++ {
		var got Content
		assert.NoError(t, got.UnmarshalText([]byte(c.String())))
		assert.Equal(t, got, c)
	}
	var c Content
	assert.Contains(t, c.UnmarshalText([]byte("poems")).Error(), "it is one of auto, ascii, random, json, chinese")
}

// FuzzRead holds that whatever has a stamp is what put wrote for it.
func FuzzRead(f *testing.F) {
	f.Add(true, []byte("0123456789abcdef01234567"))
	f.Add(false, []byte("0123456789ab"))
	f.Add(true, []byte("0123456789ABCDEF01234567"))
	f.Fuzz(func(t *testing.T, text bool, p []byte) {
		m := Message{Type: websocket.Binary}
		if text {
			m.Type = websocket.Text
		}
		form, err := m.form()
		assert.NoError(t, err)
		seq, id, ok := form.read(p)
		if !ok {
			return
		}
		var s stamped
		assert.Equal(t, string(form.put(&s, seq, id)), string(p[:form.stamp]))
	})
}

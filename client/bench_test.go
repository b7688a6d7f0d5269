package client

import (
	"testing"

	"github.com/duplexhq/duplex/websocket"
)

// What one message costs to take out of its JSON.
func BenchmarkParseFrame(b *testing.B) {
	for name, frame := range map[string]string{
		"text": `{"t":"orders.42","at":"k3x9.1041.mfa2k3x1","ts":1790000000000,"text":"one pizza, and make it large"}`,
		"data": `{"t":"orders.42","sub":"orders.*","at":"k3x9.1041.mfa2k3x1","ts":1790000000000,"data":{"pizza":1,"size":"large"},"key":"42"}`,
		"ok":   `{"ok":1041,"at":"k3x9.1041.mfa2k3x1"}`,
	} {
		b.Run(name, func(b *testing.B) {
			p := []byte(frame)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseFrame(websocket.Text, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

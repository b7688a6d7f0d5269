package proto_test

import (
	"slices"

	"github.com/duplexhq/duplex/websocket/deflate"
	"github.com/duplexhq/duplex/websocket/proto"
)

// A countingPool is a pool that knows what it has lent. It panics if something comes
// back that it has not.
type countingPool[T any] struct {
	make func() *T
	idle []*T
	out  []*T
}

func (p *countingPool[T]) Get() any {
	var x *T
	if n := len(p.idle); n > 0 {
		x, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		x = p.make()
	}
	p.out = append(p.out, x)
	return x
}

func (p *countingPool[T]) Put(v any) {
	x := v.(*T)
	i := slices.Index(p.out, x)
	if i < 0 {
		panic("given back what was not lent")
	}
	p.out = slices.Delete(p.out, i, i+1)
	p.idle = append(p.idle, x)
}

func (p *countingPool[T]) lent() int { return len(p.out) }

// workingMemory is what the machines of a test share.
type workingMemory struct {
	encoders countingPool[deflate.Encoder]
	decoders countingPool[deflate.Decoder]
}

func newWorkingMemory() *workingMemory {
	return &workingMemory{
		encoders: countingPool[deflate.Encoder]{make: deflate.NewEncoder},
		decoders: countingPool[deflate.Decoder]{make: deflate.NewDecoder},
	}
}

// deflate returns the settings of a machine that compresses whatever it can, in the
// largest window that p allows.
func (w *workingMemory) deflate(role proto.Role, p deflate.Params) *proto.Deflate {
	bits := p.ServerMaxWindowBits
	if role == proto.Client {
		bits = p.ClientMaxWindowBits
	}
	return &proto.Deflate{Params: p, WindowBits: bits, Encoders: &w.encoders, Decoders: &w.decoders}
}

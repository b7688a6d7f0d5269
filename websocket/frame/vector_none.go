//go:build !(amd64 || arm64) || purego

package frame

// vector says that there is no assembly for this CPU, or that the build asks
// for none. What it guards is not compiled.
const vector = false

func xorVector(*byte, *byte, int, uint32) { panic("no vector code") }

func validVector(*byte, int, *[3][16]byte) bool { panic("no vector code") }

//go:build (amd64 || arm64) && !purego

package frame

// vector says that the assembly is used. Tests switch it.
var vector = hasVector()

// xorVector masks n bytes from src to dst with key, n at least 32. It touches
// nothing else. The two may be the same memory, but not overlap otherwise.
//
//go:noescape
func xorVector(dst, src *byte, n int, key uint32)

// validVector reports whether nothing is wrong with the n bytes at p, n at
// least 64, save for what openEnd returns of them. They begin with a new
// sequence. It reads nothing else, but the tables utf8Errors.
//
//go:noescape
func validVector(p *byte, n int, tables *[3][16]byte) bool

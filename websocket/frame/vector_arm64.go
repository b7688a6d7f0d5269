//go:build !purego

package frame

// hasVector reports whether the CPU runs the assembly of this package, which
// needs NEON. All that run Go on arm64 have it.
func hasVector() bool { return true }

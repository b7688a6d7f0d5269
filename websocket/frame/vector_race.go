//go:build race && (amd64 || arm64) && !purego

package frame

// The race detector sees what Go code loads and stores, but not assembly. With
// it the Go code runs, so that it finds whoever uses a payload too early.
func init() { vector = false }

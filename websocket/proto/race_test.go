//go:build race

package proto_test

func init() { raced = true }

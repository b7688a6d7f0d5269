// Package assert holds the few checks that tests of this module repeat.
// Each stops the test at once, with what was got and what was wanted.
package assert

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// Equal fails the test unless got and want are deeply equal.
func Equal[T any](t testing.TB, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// NoError fails the test if err is not nil.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// ErrorIs fails the test unless errors.Is(err, target).
func ErrorIs(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error  %v\nwant error %v", err, target)
	}
}

// Contains fails the test unless part occurs in s.
func Contains(t testing.TB, s, part string) {
	t.Helper()
	if !strings.Contains(s, part) {
		t.Fatalf("%q does not contain %q", s, part)
	}
}

// True fails the test with message unless ok.
func True(t testing.TB, ok bool, message string) {
	t.Helper()
	if !ok {
		t.Fatal(message)
	}
}

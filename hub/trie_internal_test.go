package hub

import (
	"fmt"
	"slices"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// matches is what match finds, in order of the values.
func (t *trie[T]) matches(topic string, compare func(a, b T) int) []T {
	found := []T{}
	t.match(topic, func(v T) { found = append(found, v) })
	slices.SortFunc(found, compare)
	return found
}

func compareInts(a, b int) int { return a - b }

func TestTrieFindsTheFiltersOfATopic(t *testing.T) {
	var filters trie[int]
	for i, filter := range []string{">", "*", "a", "a.*", "a.b", "a.>", "*.b", "*.*.c", "a.b.>"} {
		filters.add(filter, i)
	}
	for _, c := range []struct {
		topic string
		want  []int
	}{
		{"a", []int{0, 1, 2}},
		{"b", []int{0, 1}},
		{"a.b", []int{0, 3, 4, 5, 6}},
		{"a.x", []int{0, 3, 5}},
		{"x.b", []int{0, 6}},
		{"a.b.c", []int{0, 5, 7, 8}},
		{"x.y.z", []int{0}},
	} {
		t.Run(c.topic, func(t *testing.T) {
			assert.Equal(t, filters.matches(c.topic, compareInts), c.want)
		})
	}
}

func TestTrieRemovesOneValueAtATime(t *testing.T) {
	var filters trie[int]
	for _, v := range []int{1, 2, 1, 3} {
		filters.add("a.*", v)
	}
	filters.remove("a.*", 1)
	filters.remove("a.*", 9)   // was never there
	filters.remove("a.>", 1)   // nor was this filter
	filters.remove("a.*.b", 1) // nor this
	filters.remove("b", 1)     // nor this
	assert.Equal(t, filters.matches("a.x", compareInts), []int{1, 2, 3})
}

func TestTrieKeepsNothingOfRemovedFilters(t *testing.T) {
	var filters trie[int]
	all := []string{">", "a.b.c.d", "a.b.*", "a.>", "*"}
	for i, filter := range all {
		filters.add(filter, i)
	}
	for i, filter := range all {
		filters.remove(filter, i)
	}
	assert.True(t, filters.root.isEmpty(), "there are nodes left")
}

func TestTrieMatchAllocatesNothing(t *testing.T) {
	var filters trie[int]
	for i, filter := range []string{">", "a.*.c", "*.b.>", "a.b.c"} {
		filters.add(filter, i)
	}
	sum := 0
	assert.Equal(t, testing.AllocsPerRun(10, func() {
		filters.match("a.b.c", func(v int) { sum += v })
	}), 0)
	assert.True(t, sum > 0, "something was found")
}

// fuzzName makes a short name out of two bytes, so that many of them match. The names of
// filters have wildcards too.
func fuzzName(tokens string, a, b byte) string {
	n := byte(len(tokens))
	name := tokens[a%n : a%n+1]
	for _, x := range []byte{a / n, b % 16, b / 16}[:b%4] {
		name += "." + tokens[x%n:x%n+1]
	}
	return name
}

// A list of all filters, each held against the topic, is the model.
func FuzzTrie(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x00\x13\x22\x01\x01\x02"))
	f.Add([]byte("\x00\x04\x00\x00\x04\x00\x02\x04\x00\x01\x04\x00\x02\x04\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		type entry struct {
			filter string
			v      int
		}
		var filters trie[int]
		var model []entry
		for ; len(ops) >= 3; ops = ops[3:] {
			e := entry{fuzzName("ab*>", ops[1], ops[2]), int(ops[0] >> 6)}
			if CheckFilter(e.filter) != nil {
				continue
			}
			if ops[0]&1 == 0 {
				filters.add(e.filter, e.v)
				model = append(model, e)
			} else {
				filters.remove(e.filter, e.v)
				if i := slices.Index(model, e); i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
			}
			topic := fuzzName("abc", ops[2], ops[1])
			want := []int{}
			for _, e := range model {
				if Match(e.filter, topic) {
					want = append(want, e.v)
				}
			}
			slices.Sort(want)
			assert.Equal(t, filters.matches(topic, compareInts), want)
		}
		for _, e := range model {
			filters.remove(e.filter, e.v)
		}
		assert.True(t, filters.root.isEmpty(), "there are nodes left")
	})
}

func BenchmarkTrieMatch(b *testing.B) {
	for _, n := range []int{1, 100, 100_000} {
		b.Run(fmt.Sprint("filters=", n), func(b *testing.B) {
			var filters trie[int]
			for i := range n {
				filters.add(fmt.Sprintf("orders.%d.*", i), i)
			}
			filters.add("orders.>", -1)
			found := 0
			b.ReportAllocs()
			for b.Loop() {
				filters.match("orders.0.state", func(int) { found++ })
			}
			assert.Equal(b, found, 2*b.N)
		})
	}
}

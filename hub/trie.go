package hub

import "strings"

// A trie finds the values of all filters that match a topic. What that costs depends
// on the tokens of the topic and on how many filters begin like it, not on how
// many there are. The zero trie is empty. It has no lock of its own.
type trie[T comparable] struct{ root trieNode[T] }

// A trieNode stands for the tokens that lead to it.
type trieNode[T comparable] struct {
	next map[string]*trieNode[T] // by the token that follows, "*" among them
	here []T                     // of the filter that ends here
	rest []T                     // of the filter that goes on with ">"
}

// add gives filter one value more.
func (t *trie[T]) add(filter string, v T) {
	n := &t.root
	for more := true; more; {
		if filter == ">" {
			n.rest = append(n.rest, v)
			return
		}
		var token string
		token, filter, more = strings.Cut(filter, ".")
		child := n.next[token]
		if child == nil {
			child = new(trieNode[T])
			if n.next == nil {
				n.next = make(map[string]*trieNode[T])
			}
			n.next[token] = child
		}
		n = child
	}
	n.here = append(n.here, v)
}

// remove takes a value of filter away, once if it was added several times. Values of
// one filter are searched one by one.
func (t *trie[T]) remove(filter string, v T) { t.root.remove(filter, true, v) }

// remove is told whether there are more tokens: what is left of the filter may be
// empty either way.
func (n *trieNode[T]) remove(filter string, more bool, v T) {
	switch {
	case !more:
		n.here = without(n.here, v)
	case filter == ">":
		n.rest = without(n.rest, v)
	default:
		token, rest, more := strings.Cut(filter, ".")
		child := n.next[token]
		if child == nil {
			return
		}
		child.remove(rest, more, v)
		if child.isEmpty() {
			delete(n.next, token)
		}
	}
}

func (n *trieNode[T]) isEmpty() bool {
	return len(n.next) == 0 && len(n.here) == 0 && len(n.rest) == 0
}

// without returns list without the first v. The order of the others may change.
func without[T comparable](list []T, v T) []T {
	for i := range list {
		if list[i] != v {
			continue
		}
		last := len(list) - 1
		list[i] = list[last]
		clear(list[last:]) // for the garbage collector
		if last == 0 {
			return nil
		}
		return list[:last]
	}
	return list
}

// match calls f with each value of each filter that matches topic, in no order. It
// allocates nothing. f must not change the trie.
func (t *trie[T]) match(topic string, f func(T)) { t.root.match(topic, f) }

func (n *trieNode[T]) match(topic string, f func(T)) {
	for _, v := range n.rest {
		f(v)
	}
	if n.next == nil {
		return
	}
	token, rest, more := strings.Cut(topic, ".")
	for _, step := range [...]string{token, "*"} {
		child := n.next[step]
		switch {
		case child == nil:
		case more:
			child.match(rest, f)
		default:
			for _, v := range child.here {
				f(v)
			}
		}
	}
}

package pebble

import (
	"context"
	"fmt"
	"sync"

	lsm "github.com/cockroachdb/pebble/v2"

	"github.com/duplexhq/duplex/hub"
)

// infoCacheSize is how many topics the writer need not look up on the disk.
const infoCacheSize = 32 << 10

// An infoCache has what is known of the logs that were written last. Only Append and Trim
// put something into it, Trim before it removes anything and Append after everything is
// there; so what it says is true for readers also while they write:
// a log has no more than it says, and nothing that it says is trimmed.
//
// It has two generations. What is used comes into the young one, and when that is full
// it becomes the old one, so that what was not used in between is gone.
type infoCache struct {
	mu         sync.RWMutex
	young, old map[string]info
	forgotten  uint64
}

func (c *infoCache) init(forgotten uint64) {
	c.young, c.forgotten = make(map[string]info), forgotten
}

// get returns what is known of a topic without looking at the disk. What is known may be
// that it has no log: then Last is 0.
func (c *infoCache) get(topic string) (in info, known bool, forgotten uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if in, known = c.young[topic]; !known {
		in, known = c.old[topic]
	}
	return in, known, c.forgotten
}

func (c *infoCache) put(in info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young[in.Topic] = in
}

// forget notes that a topic has no log any more.
func (c *infoCache) forget(in info) (forgotten uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgotten = max(c.forgotten, in.Last)
	c.young[in.Topic] = absent(in.Topic, c.forgotten)
	return c.forgotten
}

// rotate makes room. The writer calls it when nothing of what it puts there is under way.
func (c *infoCache) rotate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) > infoCacheSize/2 {
		c.old, c.young = c.young, make(map[string]info)
	}
}

// absent is what is known of a topic without a log: it may have had one that is
// forgotten.
func absent(topic string, forgotten uint64) info {
	return info{LogInfo: hub.LogInfo{Topic: topic, Trimmed: forgotten}}
}

// info returns what is known of a log.
func (s *Store) info(topic string) (info, error) {
	in, known, forgotten := s.infos.get(topic)
	if known && in.Last == 0 {
		return absent(topic, forgotten), nil
	}
	if known {
		return in, nil
	}
	value, found, err := s.get(nameKey(spaceInfo, topic))
	if err != nil {
		return info{}, err
	}
	if !found {
		return absent(topic, forgotten), nil
	}
	return s.parseInfo(topic, value)
}

func (s *Store) parseInfo(topic string, value []byte) (info, error) {
	in, err := parseInfo(topic, value)
	if err != nil {
		return info{}, fmt.Errorf("pebble: what is known of the topic %q is not readable: %w", topic, err)
	}
	return in, nil
}

// Info implements hub.Store.
func (s *Store) Info(topic string) (hub.LogInfo, error) {
	if err := s.enter(); err != nil {
		return hub.LogInfo{}, err
	}
	defer s.leave()
	in, err := s.info(topic)
	return in.LogInfo, err
}

// Logs implements hub.Store.
func (s *Store) Logs(ctx context.Context, after string, limit int) (list []hub.LogInfo, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	readable := s.readable.Load()
	it, err := s.db.NewIterWithContext(ctx, &lsm.IterOptions{
		LowerBound: append(nameKey(spaceInfo, after), 0),
		UpperBound: []byte{layout, spaceInfo + 1},
	})
	if err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	defer it.Close()
	for ok := it.First(); ok && len(list) < limit && ctx.Err() == nil; ok = it.Next() {
		in, err := s.parseInfo(string(it.Key()[keyPrefixLen:]), it.Value())
		if err == nil && in.Last > readable { // Append has not returned: what was before?
			in, err = s.info(in.Topic)
		}
		if err != nil {
			return nil, err
		}
		if in.Last != 0 {
			list = append(list, in.LogInfo)
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("pebble: reading %s: %w", s.dir, err)
	}
	return list, ctx.Err()
}

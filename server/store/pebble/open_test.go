package pebble

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/duplexhq/duplex/hub"
	"github.com/duplexhq/duplex/internal/assert"
)

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, nil)
	assert.NoError(t, err)
	_, err = Open(dir, nil)
	assert.Contains(t, err.Error(), "is in use by another duplex; stop it, or give this one a directory of its own")
	assert.NoError(t, s.Close())
	s, err = Open(dir, nil)
	assert.NoError(t, err)
	assert.NoError(t, s.Close())
}

func TestNoDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	assert.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(dir, nil)
		assert.Contains(t, err.Error(), "cannot be made; make it, and let this user write to it")
	}
}

func TestWrittenByANewer(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T, vfs.FS)
	}{
		{"store", func(t *testing.T, disk vfs.FS) {
			s := openOn(t, disk, Options{})
			b := s.db.NewBatch()
			setNumber(b, keyFormat, format+1)
			assert.NoError(t, s.apply(b, true))
			assert.NoError(t, s.Close())
		}},
		{"database", func(t *testing.T, disk vfs.FS) {
			s := openOn(t, disk, Options{})
			assert.NoError(t, s.Close())
			names, err := disk.List("data")
			assert.NoError(t, err)
			for _, name := range names {
				if ok, _ := filepath.Match("marker.format-version.*", name); ok {
					assert.NoError(t, disk.Rename("data/"+name, "data/marker.format-version.000099.999"))
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := vfs.NewMem()
			c.make(t, disk)
			_, err := Open("data", &Options{fs: disk})
			assert.Contains(t, err.Error(), "the store in data was written by a newer duplex; use that one")
			_, err = Open("data", &Options{fs: disk}) // the directory was not left locked
			assert.Contains(t, err.Error(), "newer")
		})
	}
}

// A value that is not readable is told with its place. It is trimmed, or expires, like others.
func TestDamaged(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{})
	assert.NoError(t, s.Append([]hub.Entry{entryAt("room", 1), entryAt("room", 2), entryAt("room", 3)}))
	assert.NoError(t, s.SaveSessions([]hub.SessionRecord{{ID: "session-1", Seen: time.UnixMilli(1)}}))
	key := appendMessageKey(nil, "room", 2)
	for _, value := range [][]byte{nil, {9, 9}, appendMessage(nil, entryAt("room", 7).Message)} {
		assert.NoError(t, s.db.Set(key, value, nil))
		_, err := s.Read(context.Background(), "room", hub.Range{Limit: 9, MaxBytes: 1 << 20})
		assert.Contains(t, err.Error(), `the message of the topic "room" at the offset 2 is not readable`)
	}
	assert.Equal(t, lastOf(t, s, "room"), 3)
	info, err := s.Trim("room", hub.Settings{MaxMessages: 1}, time.UnixMilli(1_790_000_000_000))
	assert.NoError(t, err)
	assert.Equal(t, info.Messages, 1)
	assert.Equal(t, info.Trimmed, 2)

	assert.NoError(t, s.db.Set(nameKey(spaceSession, "session-1"), []byte{1}, nil))
	_, _, err = s.Session("session-1")
	assert.Contains(t, err.Error(), `the session "session-1" is not readable`)
	list := []hub.SessionRecord{{ID: "session-2", Seen: time.UnixMilli(2), Cursors: map[string]hub.Cursor{"room": {Offset: 1}}}}
	assert.NoError(t, s.SaveSessions(list))
	expired, err := s.ExpiredSessions(time.UnixMilli(9), 9)
	assert.NoError(t, err)
	assert.Equal(t, expired, append([]hub.SessionRecord{{ID: "session-1", Seen: time.UnixMilli(1)}}, list...))
	for i := range expired {
		expired[i].Forget = true
	}
	assert.NoError(t, s.SaveSessions(expired))
	_, ok, err := s.Session("session-1")
	assert.True(t, !ok && err == nil, "it can be removed")
	_, found, err := s.get(seenKey(1, "session-1"))
	assert.True(t, !found && err == nil, "nothing of it stays")

	assert.NoError(t, s.db.Set(nameKey(spaceInfo, "lost"), []byte{1}, nil))
	_, err = s.Info("lost")
	assert.Contains(t, err.Error(), `the topic "lost"`)
	assert.NoError(t, s.db.Set(keyEpoch, []byte{1}, nil))
	assert.NoError(t, s.Close())
	_, err = Open("data", &Options{fs: s.o.fs})
	assert.Contains(t, err.Error(), `the number "epoch"`)
}

// IDs do not stay on the disk when they have expired.
func TestIDsAreDropped(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{})
	count := func() int {
		got, err := s.IDs(time.UnixMilli(0))
		assert.NoError(t, err)
		return len(got)
	}
	for offset := range uint64(10) {
		assert.NoError(t, s.Append([]hub.Entry{entryAt("room", offset+1)}))
	}
	late := entryAt("room", 11)
	late.At.Time += (59 * time.Minute).Milliseconds()
	assert.NoError(t, s.Append([]hub.Entry{late}))
	assert.Equal(t, count(), 11)
	later := entryAt("room", 12)
	later.At.Time += (62 * time.Minute).Milliseconds()
	assert.NoError(t, s.Append([]hub.Entry{later}))
	assert.Equal(t, count(), 2)
}

// A log that is much too long is shortened in several calls, so that none takes long.
func TestTrimInParts(t *testing.T) {
	s := openOn(t, vfs.NewMem(), Options{Sync: SyncOff})
	batch := make([]hub.Entry, 2*trimMost+10)
	for i := range batch {
		batch[i] = entryAt("room", uint64(i+1))
	}
	assert.NoError(t, s.Append(batch))
	for _, left := range []int64{trimMost + 10, 10, 5, 5} {
		info, err := s.Trim("room", hub.Settings{MaxMessages: 5, MaxBytes: -1, MaxAge: -1}, time.Now())
		assert.NoError(t, err)
		assert.Equal(t, info.Messages, left)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := openOn(t, vfs.NewMem(), Options{Log: log})
	assert.NoError(t, s.Close())
	assert.Contains(t, out.String(), "level=DEBUG")
	assert.True(t, !bytes.Contains(out.Bytes(), []byte("level=ERROR")), "nothing went wrong")
}

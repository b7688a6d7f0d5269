package poll_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/server/wire"
)

func (s *site) batch(body string) []receipt {
	s.t.Helper()
	var answer struct{ Results []receipt }
	s.do("POST", "/batch", body, "Content-Type", "application/json").into(s.t, &answer)
	return answer.Results
}

func TestBatch(t *testing.T) {
	s := serve(t, nil)
	assert.Equal(t, s.do("POST", "/batch", "[]", "Content-Type", "application/json").body, "{\"results\":[]}\n")
	got := s.batch(`[
		{"pub":"a","text":"1","idem":"x"}, {"pub":"no topic","text":""}, {"pub":"a","data":[2]},
		{"pub":"b","base64":"/w==","key":"k"}, {"pub":"a","text":"again","idem":"x"}, {"pub":"a"},
		{"pub":"a","text":"` + strings.Repeat("x", 1001) + `"},
		{"pub":"a","text":"","key":"` + strings.Repeat("k", 129) + `"}
	]`)
	assert.Equal(t, len(got), 8)
	codes := make([]string, 0, len(got))
	for _, r := range got {
		codes = append(codes, r.Code)
		assert.Equal(t, r.Code == "", r.At != "")
		assert.Equal(t, r.Code == "", r.Message == "")
	}
	assert.Equal(t, strings.Join(codes, ","), ",bad_topic,,,,bad_request,too_large,bad_request")
	assert.Equal(t, got[4], receipt{At: got[0].At, Duplicate: true})
	assert.Equal(t, s.history("a").String(), "1 [2]")
	assert.Equal(t, s.history("b").Messages[0].Key, "k")
}

// Messages of one topic stand in it in the order of the array.
func TestBatchKeepsOrder(t *testing.T) {
	s := serve(t, nil)
	items := make([]map[string]any, wire.MaxBatch)
	var want strings.Builder
	for i := range items {
		items[i] = map[string]any{"pub": "a", "data": i}
		fmt.Fprint(&want, i, " ")
	}
	body, err := json.Marshal(items)
	assert.NoError(t, err)
	results := s.batch(string(body))
	h := s.history("a?limit=1000")
	assert.Equal(t, h.String()+" ", want.String())
	for i, r := range results {
		assert.Equal(t, h.Messages[i].At, r.At)
	}
}

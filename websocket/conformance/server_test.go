package conformance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duplexhq/duplex/internal/assert"
)

// aFew selects some quick tests.
const aFew = `^framing/§5\.2 text of (\d|\d\d) bytes$`

// quick is for servers that do not answer.
const quick = 200 * time.Millisecond

func TestCheckServerReports(t *testing.T) {
	var progress []Progress
	url := serveMutants(t, &breed{})
	r, err := CheckServer(t.Context(), url, &Options{Run: aFew, Timeout: patience, Progress: func(p Progress) { progress = append(progress, p) }})
	assert.NoError(t, err)
	assert.Equal(t, r.Role, "server")
	assert.Equal(t, r.Endpoint, url)
	assert.True(t, len(r.Results) > 10 && r.OK() && r.Count(Passed) == len(r.Results), r.String())
	assert.True(t, r.Elapsed > 0 && time.Since(r.Started) < time.Minute, "the times are wrong")
	assert.Equal(t, len(progress), len(r.Results))
	for i, p := range progress {
		assert.Equal(t, p.Done, i+1)
		assert.Equal(t, p.Total, len(r.Results))
		assert.True(t, p.Result.Name != "" && p.Result.Elapsed > 0, "no result")
	}
	var names []string
	for _, test := range ServerTests() {
		if i := slices.IndexFunc(r.Results, func(res Result) bool { return res.ID() == test.ID() }); i >= 0 {
			assert.Equal(t, r.Results[i].Rule, test.Rule)
			names = append(names, test.Name)
		}
	}
	for i, res := range r.Results {
		assert.Equal(t, res.Name, names[i]) // in the order of the tests
	}
}

func TestCheckServerSendsTheHeader(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer me" || r.URL.String() != "/a%20b?c" {
			http.Error(w, "Who are you?", http.StatusUnauthorized)
			return
		}
		(&breed{}).ServeHTTP(w, r)
	}))
	defer s.Close()
	o := &Options{Run: aFew, Timeout: patience, Header: http.Header{"Authorization": {"Bearer me"}}}
	r, err := CheckServer(t.Context(), s.URL+"/a%20b?c", o)
	assert.NoError(t, err)
	assert.Equal(t, r.Count(Passed), len(r.Results))

	_, err = CheckServer(t.Context(), s.URL+"/a%20b?c", nil)
	assert.Contains(t, err.Error(), `cannot be tested: the server refused a correct handshake with 401 Unauthorized "Who are you?"`)
}

// TestCheckServerExplains shows what is said about servers that cannot be tested
// at all, and about options that make no sense.
func TestCheckServerExplains(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = silence
	secure.StartTLS()
	defer secure.Close()
	for _, test := range []struct{ url, want string }{
		{"ws://" + gone.Addr().String(), "nobody listens at " + gone.Addr().String()},
		{"ws://" + silent.Addr().String(), "the server gave no answer within 200ms"},
		{"wss://" + silent.Addr().String(), "no answer within 200ms"},
		{plain.URL + "/x", plain.URL + "/x cannot be tested: the server refused a correct handshake with 404 Not Found \"404 page not found\""},
		{secure.URL, "its certificate is signed by nobody this machine trusts, see Options.TLS"},
		{strings.Replace(plain.URL, "http", "wss", 1), "it does not speak TLS, is it a ws URL?"},
		{strings.Replace(plain.URL, "http", "ws", 1) + "/%zz", "invalid URL escape"},
		{"ftp://example.com", `URL "ftp://example.com": the scheme must be ws, wss, http or https`},
		{"ws://", `URL "ws:" has no host`},
	} {
		o := &Options{Timeout: patience}
		if strings.Contains(test.want, "no answer") {
			o.Timeout = quick
		}
		_, err := CheckServer(t.Context(), test.url, o)
		assert.True(t, err != nil, test.url+": no error")
		assert.Contains(t, err.Error(), test.want)
		assert.Equal(t, err.Error()[:24], "websocket: conformance: ")
	}
}

func TestCheckServerRefusesOptions(t *testing.T) {
	for want, o := range map[string]Options{
		"Run is not a regular expression: ":                          {Run: "("},
		`no test matches Run "nothing of the kind"`:                  {Run: "nothing of the kind"},
		"Parallel, Timeout and MaxMessage must not be negative":      {Timeout: -1},
		"MaxMessage is 10 bytes: set the endpoint up with at least ": {MaxMessage: 10},
		"Header must not have sec-websocket-key":                     {Header: http.Header{"sec-websocket-key": {"a"}}},
		"Header must not have Host":                                  {Header: http.Header{"Host": {"a"}}},
		`Header has "A B", which is no field of HTTP`:                {Header: http.Header{"A B": {"a"}}},
		`Header has "A", which is no field of HTTP`:                  {Header: http.Header{"A": {"a\r\nB: b"}}},
	} {
		_, err := CheckServer(t.Context(), "ws://127.0.0.1:1", &o)
		assert.True(t, err != nil, want+": no error")
		assert.Contains(t, err.Error(), want)
		l := wlisten(t)
		_, err = CheckClients(t.Context(), l, &o)
		assert.Contains(t, err.Error(), want)
		_, err = l.Accept()
		assert.ErrorIs(t, err, net.ErrClosed)
	}
}

// wlisten listens on this machine.
func wlisten(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// TestCheckServerStops ends the context in the middle of a run that would take
// long.
func TestCheckServerStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serveMutants(t, &breed{flaws: []string{"never echoes"}})
	o := &Options{Run: "^framing/", Parallel: 2, Timeout: 100 * time.Millisecond}
	o.Progress = func(p Progress) {
		if p.Done == 5 {
			o.Timeout = time.Hour // of no effect: options are copied
			cancel()
		}
	}
	r, err := CheckServer(ctx, url, o)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Contains(t, err.Error(), "websocket: conformance: stopped after 5 of ")
	assert.Equal(t, len(r.Results), 5)
	_, err = CheckServer(ctx, url, o)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestCheckServerOverTLS(t *testing.T) {
	url := serveMutants(t, &breed{secure: true})
	r, err := CheckServer(t.Context(), url, &Options{Run: aFew, Timeout: patience, TLS: &tls.Config{RootCAs: authority()}})
	assert.NoError(t, err)
	assert.Equal(t, r.Count(Passed), len(r.Results))
}

// TestReportAsJSON holds the names of fields and values, which other programs
// read.
func TestReportAsJSON(t *testing.T) {
	r := Report{
		Endpoint: "ws://a", Role: "server", Started: time.Unix(0, 0).UTC(), Elapsed: time.Second,
		Results: []Result{
			{Name: "§1 a", Area: "framing", Rule: "Must.", Level: Must, Verdict: Passed, Elapsed: time.Millisecond},
			{
				Name: "§1 b", Area: "utf8", Rule: "Should.", Level: Should, Verdict: NotStrict, Problem: "bad",
				Log: []Exchange{
					{Sent: true, Data: []byte{1, 2}, Head: 1, Rest: 1, At: 5},
					{Note: "endpoint closed TCP"},
				},
			},
			{Name: "§1 c", Area: "utf8", Rule: "May.", Level: May, Verdict: Informational},
			{Name: "§1 d", Area: "utf8", Rule: "Must.", Verdict: Unsupported},
			{Name: "§1 e", Area: "utf8", Rule: "Must.", Verdict: Failed},
		},
	}
	b, err := json.Marshal(&r)
	assert.NoError(t, err)
	assert.Equal(t, string(b), `{"endpoint":"ws://a","role":"server","started":"1970-01-01T00:00:00Z","elapsed_ns":1000000000,"results":[`+
		`{"name":"§1 a","area":"framing","rule":"Must.","level":"MUST","verdict":"passed","elapsed_ns":1000000},`+
		`{"name":"§1 b","area":"utf8","rule":"Should.","level":"SHOULD","verdict":"not strict","problem":"bad","log":[`+
		`{"sent":true,"data":"AQI=","head":1,"rest":1,"at_ns":5},{"sent":false,"at_ns":0,"note":"endpoint closed TCP"}],"elapsed_ns":0},`+
		`{"name":"§1 c","area":"utf8","rule":"May.","level":"MAY","verdict":"informational","elapsed_ns":0},`+
		`{"name":"§1 d","area":"utf8","rule":"Must.","level":"MUST","verdict":"unsupported","elapsed_ns":0},`+
		`{"name":"§1 e","area":"utf8","rule":"Must.","level":"MUST","verdict":"failed","elapsed_ns":0}]}`)
	var back Report
	assert.NoError(t, json.Unmarshal(b, &back))
	assert.Equal(t, back.String(), "server ws://a: 5 tests, 1 passed, 1 not strict, 1 informational, 1 unsupported, 1 failed")
	assert.True(t, !back.OK(), "OK")
	assert.True(t, json.Unmarshal([]byte(`{"results":[{"verdict":"good"}]}`), &back) != nil, "no such verdict")
	assert.True(t, json.Unmarshal([]byte(`{"results":[{"level":"CAN"}]}`), &back) != nil, "no such level")
}

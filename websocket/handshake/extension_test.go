package handshake

import (
	"runtime"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

func TestParseExtensions(t *testing.T) {
	deflate := Extension{Name: "permessage-deflate"}
	window := Param{Name: "server_max_window_bits", Value: "10", HasValue: true}
	tests := []struct {
		name   string
		values []string
		want   []Extension
	}{
		{"no header", nil, nil},
		{"name alone", []string{"permessage-deflate"}, []Extension{deflate}},
		{"parameter alone, as browsers send it", []string{"permessage-deflate; client_max_window_bits"},
			[]Extension{{deflate.Name, []Param{{Name: "client_max_window_bits"}}}}},
		{"parameter with a value", []string{"permessage-deflate; server_max_window_bits=10"},
			[]Extension{{deflate.Name, []Param{window}}}},
		{"quoted value", []string{`permessage-deflate; server_max_window_bits="10"`},
			[]Extension{{deflate.Name, []Param{window}}}},
		{"quoted value with backslashes", []string{`permessage-deflate; server_max_window_bits="\1\0"`},
			[]Extension{{deflate.Name, []Param{window}}}},
		{"backslash in the middle", []string{`a; b="x\yz"`},
			[]Extension{{"a", []Param{{"b", "xyz", true}}}}},
		{"RFC 6455 §9.1 example", []string{"foo", "bar; baz=2"},
			[]Extension{{Name: "foo"}, {"bar", []Param{{"baz", "2", true}}}}},
		{"the same in one line", []string{"foo, bar; baz=2"},
			[]Extension{{Name: "foo"}, {"bar", []Param{{"baz", "2", true}}}}},
		{"RFC 6455 §9.1 second example", []string{`bar; baz=2, foo; baz=2`},
			[]Extension{{"bar", []Param{{"baz", "2", true}}}, {"foo", []Param{{"baz", "2", true}}}}},
		{"one name with two offers", []string{"a; b, a"},
			[]Extension{{"a", []Param{{Name: "b"}}}, {Name: "a"}}},
		{"one parameter twice is for the extension to judge", []string{"a; b; b=1"},
			[]Extension{{"a", []Param{{Name: "b"}, {"b", "1", true}}}}},
		{"no white space", []string{"a;b=1;c,d"},
			[]Extension{{"a", []Param{{"b", "1", true}, {Name: "c"}}}, {Name: "d"}}},
		{"white space everywhere", []string{"\t a ; b = 1 ;\tc = \"2\" , d \t"},
			[]Extension{{"a", []Param{{"b", "1", true}, {"c", "2", true}}}, {Name: "d"}}},
		{"empty elements", []string{", ,a,,", "", ",b"}, []Extension{{Name: "a"}, {Name: "b"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseExtensions(tt.values)
			assert.NoError(t, err)
			assert.Equal(t, got, tt.want)
		})
	}
}

func TestExtensionsDoNotOverlap(t *testing.T) {
	list, err := ParseExtensions([]string{"a; b; c, d; e, f; g"})
	assert.NoError(t, err)
	for i := range list {
		list[i].Params = append(list[i].Params, Param{Name: "more"})
	}
	assert.Equal(t, list, []Extension{
		{"a", []Param{{Name: "b"}, {Name: "c"}, {Name: "more"}}},
		{"d", []Param{{Name: "e"}, {Name: "more"}}},
		{"f", []Param{{Name: "g"}, {Name: "more"}}},
	})
}

var badExtensions = []struct{ name, value, part string }{
	{"empty", "", "is empty"},
	{"white space", " \t", "is empty"},
	{"commas", ",,", "is empty"},
	{"no name", "; a", "no name"},
	{"no name in the second", "a, ; b", "no name"},
	{"name in quotation marks", `"a"`, "no name"},
	{"empty parameter", "a;", "a parameter has no name"},
	{"empty parameter before another", "a;;b", "a parameter has no name"},
	{"empty parameter before a comma", "a; , b", "a parameter has no name"},
	{"parameter without name", "a; =1", "a parameter has no name"},
	{"no value", "a; b=", "'=' but no value"},
	{"no value before a semicolon", "a; b=; c", "'=' but no value"},
	{"no value before a comma", "a; b=, c", "'=' but no value"},
	{"name with a value", "a=1", "unexpected text"},
	{"two names", "a b", "unexpected text"},
	{"two parameters without semicolon", "a; b c", "unexpected text"},
	{"two values", "a; b=1 2", "unexpected text"},
	{"two equals signs", "a; b==1", "'=' but no value"},
	{"slash", "a/b", "unexpected text"},
	{"control character", "a\x00", "unexpected text"},
	{"line break", "a\r\nb", "unexpected text"},
	{"beyond ASCII", "aé", "unexpected text"},
	{"open quote", `a; b="1`, "does not end"},
	{"open quote, backslash last", `a; b="1\`, "does not end"},
	{"escaped closing quote", `a; b="1\"`, "does not end"},
	{"empty quoted value", `a; b=""`, "not a token"},
	{"quoted space", `a; b="1 2"`, "not a token"},
	{"quoted comma", `a; b="1,2"`, "not a token"},
	{"quoted quote", `a; b="\""`, "not a token"},
	{"quoted backslash", `a; b="\\"`, "not a token"},
	{"quoted line break", "a; b=\"1\r\n\"", "not a token"},
	{"quoted beyond ASCII", `a; b="é"`, "not a token"},
	{"text behind a quote", `a; b="1"2`, "unexpected text"},
	{"quote behind text", `a; b=1"2"`, "unexpected text"},
}

func TestParseExtensionsRefuses(t *testing.T) {
	for _, tt := range badExtensions {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseExtensions([]string{tt.value})
			assertError(t, err, 400, "RFC 6455 §9.1", tt.part)
			if part := tt.part; part != "is empty" {
				_, err = ParseExtensions([]string{"good; x=1", tt.value})
				assertError(t, err, 400, "RFC 6455 §9.1", part)
			}
		})
	}
}

func TestParseExtensionsBoundsTheList(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		ok     bool
	}{
		{"256 extensions", []string{strings.Repeat("a,", 256)}, true},
		{"257 extensions", []string{strings.Repeat("a,", 257)}, false},
		{"256 on two lines", []string{strings.Repeat("a,", 128), strings.Repeat("a,", 128)}, true},
		{"257 on two lines", []string{strings.Repeat("a,", 128), strings.Repeat("a,", 129)}, false},
		{"255 parameters", []string{"a" + strings.Repeat(";b", 255)}, true},
		{"256 parameters", []string{"a" + strings.Repeat(";b", 256)}, false},
		{"a header of parameters", []string{"a" + strings.Repeat(";b=1", 1<<18)}, false},
		{"extensions and parameters together", []string{strings.Repeat("a;b,", 128)}, true},
		{"one too many together", []string{strings.Repeat("a;b,", 128) + "a"}, false},
		{"any number of empty elements", []string{strings.Repeat(",", 1<<18) + "a"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseExtensions(tt.values)
			if tt.ok {
				assert.NoError(t, err)
				return
			}
			assertError(t, err, 400, "RFC 6455 §9.1", "more than 256 extensions and parameters")
		})
	}
}

// TestQuotedValuesCostWhatTheyHold fails if each escaped value takes room for
// the rest of the header, which made a megabyte of header cost a hundred.
func TestQuotedValuesCostWhatTheyHold(t *testing.T) {
	values := []string{"a" + strings.Repeat(`;b="\1"`, 200) + "," + strings.Repeat(",", 1<<20)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ParseExtensions(values)
	runtime.ReadMemStats(&after)
	assert.NoError(t, err)
	assert.True(t, after.TotalAlloc-before.TotalAlloc < 1<<20, "200 values of one byte take more than 1 MiB")
}

func TestAppendExtension(t *testing.T) {
	tests := []struct {
		e    Extension
		want string
	}{
		{Extension{Name: "a"}, "a"},
		{Extension{"a", []Param{{Name: "b"}, {"c", "1", true}}}, "a; b; c=1"},
		// Without HasValue there is no value, whatever Value holds.
		{Extension{"a", []Param{{"b", "1", false}}}, "a; b"},
	}
	for _, tt := range tests {
		assert.Equal(t, string(AppendExtension([]byte("x, "), tt.e)), "x, "+tt.want)
	}
}

// FuzzParseExtensions checks that parse and append are inverse to each other
// and that every name and value is a token, so that nothing else can get into
// a header through them.
func FuzzParseExtensions(f *testing.F) {
	for _, tt := range badExtensions {
		f.Add(tt.value)
	}
	f.Add("permessage-deflate; client_max_window_bits, permessage-deflate")
	f.Add("\t a ; b = 1 ;\tc = \"2\\3\" , d \t\nfoo,,")
	f.Fuzz(func(t *testing.T, lines string) {
		list, err := ParseExtensions(strings.Split(lines, "\n"))
		if err != nil {
			assertPrintable(t, err)
			assert.Equal(t, len(list), 0)
			return
		}
		var joined []byte
		for i, e := range list {
			assert.True(t, isToken(e.Name), "the name is no token: "+quote(e.Name))
			for _, p := range e.Params {
				assert.True(t, isToken(p.Name), "the parameter is no token: "+quote(p.Name))
				assert.True(t, p.HasValue == isToken(p.Value), "the value is no token: "+quote(p.Value))
			}
			if i > 0 {
				joined = append(joined, ", "...)
			}
			joined = AppendExtension(joined, e)
		}
		again, err := ParseExtensions([]string{string(joined)})
		assert.NoError(t, err)
		assert.Equal(t, again, list)
	})
}

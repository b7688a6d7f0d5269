package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
	"github.com/duplexhq/duplex/websocket/conformance"
)

// report returns a report of tests, each "area/name|rule|verdict". Rules that end in
// "?" are no more than recommendations.
func report(t *testing.T, tests ...string) *conformance.Report {
	r := new(conformance.Report)
	for _, test := range tests {
		parts := strings.Split(test, "|")
		area, name, _ := strings.Cut(parts[0], "/")
		result := conformance.Result{Area: area, Name: name, Rule: parts[1]}
		if strings.HasSuffix(result.Rule, "?") {
			result.Level = conformance.Should
		}
		assert.NoError(t, result.Verdict.UnmarshalText([]byte(parts[2])))
		r.Results = append(r.Results, result)
	}
	return r
}

func TestPage(t *testing.T) {
	libs, err := find([]string{"duplex-conn", "gorilla"})
	assert.NoError(t, err)
	duplex, gorilla := libs[0], libs[1]
	all := []outcome{
		{peer: duplex, report: report(t, "framing/§5.2 a|A.|passed", "utf8/§8.1 b|B.|passed", "transport/§1 t|T.|unsupported")},
		{
			peer:    gorilla,
			crashes: []string{"framing/§5.2 a"},
			picky:   errors.New("refused"),
			report: report(t, "framing/§5.2 a|A.|failed", "framing/§5.1 aa|A.|failed", "utf8/§8.1 b|B.|failed",
				"framing/RFC 7692 §6.1 c|C.|not strict", "framing/RFC 7692 §6.2 c|C.|not strict",
				"framing/RFC 9110 §1 e|E?|not strict", "framing/§10.2 d|D.|informational"),
			text: report(t, "utf8/§8.1 b|B.|passed"),
		},
	}
	got, found := strings.CutPrefix(page(all), opening)
	assert.True(t, found, "the page does not begin with its explanation")
	assert.Equal(t, got, "\n"+`## What was tested

| library | version | compression | passed | not strict | failed | informational | unsupported |
|---|---|---|--:|--:|--:|--:|--:|
| duplex-conn (github.com/duplexhq/duplex) | this repository | takeover | 2 | 0 | 0 | 0 | 1 |
| gorilla (github.com/gorilla/websocket) | v1.5.3 | no-takeover | 0 | 3 | 3 | 1 | 0 |

## By area

Passed / not strict / failed, of all tests with one of these results.

| area | duplex-conn | gorilla |
|---|---|---|
| framing | all 1 | 0 / 3 / 2 of 5 |
| transport | – | – |
| utf8 | all 1 | 0 / 0 / 1 of 1 |

## Text that is checked by the application

These libraries hand over text messages without a look at whether they are UTF-8, which RFC 6455 §8.1 makes the endpoint's
duty. An application can check each message with `+"`utf8.Valid`"+` and close with 1007; this is what the area utf8 looks like then.

| library | as it comes | with `+"`utf8.Valid`"+` in the application |
|---|---|---|
| gorilla | 0 / 0 / 1 of 1 | all 1 |

## duplex-conn

Keeps every rule that was tested, and every recommendation.

## gorilla

**1 test ended the whole process**, with all its connections; they count as failed.

Set up with subprotocols it refuses clients that offer none of them, so the tests of subprotocols were not run.

What the RFCs demand and it does not do:

- §5.1, §5.2: A. (2 tests)
- §8.1: B. (1 test)

What the RFCs demand and it does, but not as they recommend (TCP ends without a close frame, or it has another code, or it comes late):

- RFC 7692 §6.1, §6.2: C. (2 tests)

What the RFCs recommend and it does not do:

- RFC 9110 §1: E? (1 test)

What the RFCs leave open and it does in its own way:

- §10.2: D. (1 test)
`)
}

func TestSection(t *testing.T) {
	for name, want := range map[string]string{
		"§5.2 text":                 "§5.2",
		"§5.2":                      "§5.2",
		"RFC 7692 §7.1.2.1 offer §": "RFC 7692 §7.1.2.1",
	} {
		assert.Equal(t, section(name), want)
	}
}

func TestExactly(t *testing.T) {
	r := report(t, "a/§1 (x)|R|passed", "a/§1 (x)+|R|failed")
	failed := func(r *conformance.Result) bool { return r.Verdict == conformance.Failed }
	assert.Equal(t, exactly(r, failed), `^(a/§1 \(x\)\+)$`)
	assert.Equal(t, exactly(r, func(*conformance.Result) bool { return false }), "")
}

func TestMerge(t *testing.T) {
	r := report(t, "a/1|R|failed", "a/2|R|failed", "a/3|R|not strict")
	merge(r, report(t, "a/1|R|passed", "a/3|R|failed", "a/4|R|passed"),
		func(was, is conformance.Result) bool { return is.Verdict < was.Verdict })
	var got []string
	for _, result := range r.Results {
		got = append(got, result.Name+" "+result.Verdict.String())
	}
	assert.Equal(t, got, []string{"1 passed", "2 failed", "3 not strict"})
}

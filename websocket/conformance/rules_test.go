package conformance

import (
	"testing"

	"github.com/duplexhq/duplex/internal/assert"
)

// TestEachRuleHasCases shows that no row is hidden by those before it.
func TestEachRuleHasCases(t *testing.T) {
	used := map[*rule]int{}
	for _, c := range Cases() {
		used[ruleOf(&c)]++
	}
	for i := range wireRules {
		assert.True(t, used[&wireRules[i]] > 0, "no case is about "+wireRules[i].cases)
	}
}

func TestLevelsOfCases(t *testing.T) {
	levels := map[string]Level{}
	for _, c := range Cases() {
		if c.Deflate == nil {
			levels[c.Name] = levelOf(&c)
		}
	}
	for name, want := range map[string]Level{
		"§7.4 close with the illegal code 1005":                          Must,
		"§7.4 close with the illegal code 1006 and a reason":             Must,
		"§7.4 close with the illegal code 999":                           Should,
		"§7.4 close with the illegal code 2999 and a reason":             Should,
		"§7.4 close with the illegal code 5000":                          May,
		"§7.4 close with 1012":                                           Should,
		"§7.4 close with 1011":                                           Must,
		"§5.4 129 empty fragments in a row":                              May,
		"§5.4 128 empty fragments in a row, then an empty last one":      Should,
		"§5.5 ping that declares 126 bytes, found at its header":         Should,
		"§8.1 text has the byte C0":                                      Must,
		"§8.1 text has the byte C0, found before the frame is complete":  Should,
		"§8.1 text that is not UTF-8 in a fragment that is not the last": Should,
		"§5.2 text of 0 bytes with a length of 16 bits":                  Should,
	} {
		got, ok := levels[name]
		assert.True(t, ok, "no case is named "+name)
		assert.True(t, got == want, name+" is "+got.String())
	}
}

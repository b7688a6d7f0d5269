package conformance

import "fmt"

// goodOfferTests make one offer which may be accepted. The server may decline it;
// if it accepts, its answer must be legal for it.
func goodOfferTests() (tests []Test) {
	const rule = "A server that accepts an offer answers with parameters that are legal for it, and keeps to them; or it " +
		"leaves the offer out of its answer."
	const plain = "permessage-deflate"
	list := []offering{
		{"§7", "", []string{plain}},
		{"§7.1.1.1", "", []string{plain + "; server_no_context_takeover"}},
		{"§7.1.1.2", "", []string{plain + "; client_no_context_takeover"}},
		{"§7.1.1", "", []string{plain + "; server_no_context_takeover; client_no_context_takeover"}},
		{"§7.1.2.2", "", []string{plain + "; client_max_window_bits"}},
		{"§7.1.2", "", []string{plain + "; server_max_window_bits=10; client_max_window_bits"}},
		{"§7.1.2", "", []string{plain + "; client_max_window_bits=9; server_max_window_bits=9"}},
		{"§7.1", "", []string{plain + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11"}},
		{"§7.1", "", []string{plain + "; client_max_window_bits=11; server_max_window_bits=12; client_no_context_takeover; server_no_context_takeover"}},
		{"§7.1", "", []string{plain + ";server_no_context_takeover;server_max_window_bits=8"}},
		{"§7.1.2.1", "", []string{plain + `; server_max_window_bits="10"`}},
		{"§7.1.2.2", "", []string{plain + `; client_max_window_bits="10"`}},
		{"§7.1.2.1", "", []string{plain + `; server_max_window_bits="1\0"`}},
	}
	for bits := 8; bits <= 15; bits++ {
		list = append(list,
			offering{"§7.1.2.1", "", []string{fmt.Sprintf("%s; server_max_window_bits=%d", plain, bits)}},
			offering{"§7.1.2.2", "", []string{fmt.Sprintf("%s; client_max_window_bits=%d", plain, bits)}},
		)
	}
	for _, o := range list {
		tests = append(tests, o.test("offer of ", Must, rule))
	}
	return tests
}

// badParams are parameters of an offer that a server must decline, and of an
// answer that a client must fail for.
var badParams = []struct{ section, params string }{
	{"§7", "x-unknown"},
	{"§7", "x-unknown=1"},
	{"§7", "server_max_window_bits=10; x-unknown"},
	{"§7", "server_max_windowbits=10"},
	{"§7", "no_context_takeover"},
	{"§7", "server_no_context_takeover; server_no_context_takeover"},
	{"§7", "client_no_context_takeover; client_no_context_takeover"},
	{"§7", "server_max_window_bits=10; server_max_window_bits=10"},
	{"§7", "server_max_window_bits=10; server_max_window_bits=12"},
	{"§7", "client_max_window_bits=10; client_max_window_bits=10"},
	{"§7.1.1.1", "server_no_context_takeover=1"},
	{"§7.1.1.1", "server_no_context_takeover=true"},
	{"§7.1.1.1", `server_no_context_takeover="on"`},
	{"§7.1.1.2", "client_no_context_takeover=1"},
	{"§7.1.1.2", "client_no_context_takeover=false"},
	{"§7.1.2.1", "server_max_window_bits"},
	{"§7.1.2.1", "server_max_window_bits=0"},
	{"§7.1.2.1", "server_max_window_bits=7"},
	{"§7.1.2.1", "server_max_window_bits=16"},
	{"§7.1.2.1", "server_max_window_bits=08"},
	{"§7.1.2.1", "server_max_window_bits=010"},
	{"§7.1.2.1", "server_max_window_bits=-10"},
	{"§7.1.2.1", "server_max_window_bits=+10"},
	{"§7.1.2.1", "server_max_window_bits=10.0"},
	{"§7.1.2.1", "server_max_window_bits=0x0a"},
	{"§7.1.2.1", "server_max_window_bits=ten"},
	{"§7.1.2.1", "server_max_window_bits=266"},
	{"§7.1.2.1", "server_max_window_bits=4294967306"},
	{"§7.1.2.1", `server_max_window_bits="7"`},
	{"§7.1.2.2", "client_max_window_bits=0"},
	{"§7.1.2.2", "client_max_window_bits=7"},
	{"§7.1.2.2", "client_max_window_bits=16"},
	{"§7.1.2.2", "client_max_window_bits=08"},
	{"§7.1.2.2", "client_max_window_bits=-10"},
	{"§7.1.2.2", "client_max_window_bits=ten"},
	{"§7.1.2.2", "client_max_window_bits=266"},
}

// badOfferTests make one offer, which must not be accepted.
func badOfferTests() (tests []Test) {
	const rule = "A server must decline an offer with a parameter that is not defined, that has an invalid value, or that is there twice."
	more := []offering{{"§7", "", []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=10"}}}
	for _, b := range badParams {
		more = append(more, offering{b.section, "", []string{"permessage-deflate; " + b.params}})
	}
	for _, o := range more {
		tests = append(tests, o.test("no acceptance of ", Must, rule))
	}
	return tests
}

// fallbackTests make several offers.
func fallbackTests() (tests []Test) {
	const rule = "A client may make several offers. A server accepts one of them at most, with an answer that is legal for " +
		"that one, and must pass over those that it must decline."
	for _, o := range []offering{
		{"§5.1", "an unknown parameter, then none", []string{"permessage-deflate; x-unknown, permessage-deflate"}},
		{"§5.1", "an invalid window, then a valid one", []string{"permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=10"}},
		{"§5.1", "a small window, then any", []string{"permessage-deflate; server_max_window_bits=9, permessage-deflate"}},
		{"§5.1", "any window, then a small one", []string{"permessage-deflate, permessage-deflate; server_max_window_bits=9"}},
		{"§5.1", "no takeover and a small window, no takeover, none of it", []string{
			"permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate"}},
		{"§5.1", "the same twice", []string{"permessage-deflate, permessage-deflate"}},
		{"§5.1", "the same in two fields", []string{"permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits"}},
		{"§5.1", "an invalid one and a valid one in two fields", []string{"permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=12"}},
		{"§5.1", "a valid one, then an invalid one", []string{"permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover=1"}},
		{"§5.1", "only invalid ones", []string{"permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits=7, permessage-deflate; x-unknown"}},
		{"§5.1", "behind an unknown extension", []string{"x-unknown; a=1, permessage-deflate; server_max_window_bits=11"}},
		{"§5.1", "before an unknown extension", []string{"permessage-deflate; server_max_window_bits=11, x-unknown; server_max_window_bits=9"}},
	} {
		tests = append(tests, o.test("offers: ", Must, rule))
	}
	return tests
}

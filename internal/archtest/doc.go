// Package archtest holds the walls of this repository. It is all test: it
// reads every source file below the repository root, of all modules, and fails
// when a package imports what its floor forbids, when a file or function
// outgrows its limit, or when another rule is broken.
//
// The rules are data. floors_test.go says who may import whom, bans_test.go
// what is kept out of which floor, form_test.go what every file looks like, and
// rules_test.go lists them all with the reason for each. breakages_test.go shows
// of each rule that it can fail.
package archtest

// Package browsertest is the server that the tests of package browser connect to,
// natively and from a page. It does on request what servers do well or badly.
package browsertest

// Package fuzz is all test: it gives arbitrary input to Duplex and to other
// people's code at the same time and compares.
//
// What we accept the others must accept too, and understand in the same way: if
// they do not, it is we who are wrong, or the difference stands in a table with
// the sentence of the standard that decides it. What they accept beyond that stands
// in a table too.
package fuzz

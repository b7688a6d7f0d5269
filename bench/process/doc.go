// Package process runs a peer in a process of its own, where nothing else costs
// time or memory and a crash harms nobody, and asks it what it has used.
//
// [Main] is the server, as bench/cmd/server runs it. A program that wants one
// beside itself calls [ServeIfChild] first thing in its main function and then
// [Start], which runs the program's own binary once more.
package process

// Package wire is what the wire forms of the topics have in common: how a message
// looks as JSON, what the parameters of a subscription mean, which code an error
// has, and how much a socket may be sent before it answers.
//
// The forms themselves are rooms below it. All serve the topics of one hub, with the
// same cursors: docs/reference/protocol.md is what they keep to.
package wire

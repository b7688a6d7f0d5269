// Package topics measures the topics of a server: publishing with and without a store,
// reading history, what idle topics and subscriptions cost, and how 10,000 clients come back
// at once. The command is bench/cmd/topics.
package topics

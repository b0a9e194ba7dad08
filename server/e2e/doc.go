// Package e2e tests the whole program: the built server as a process, the page in
// a real browser, and plain HTTP beside them.
//
// Build first: "make e2e" does both.
package e2e

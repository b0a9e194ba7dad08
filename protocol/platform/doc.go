// Package platform lends what the machine has: a durable store, and word of when a
// lost connection is worth another try. It has the same exported names natively and
// in a browser.
package platform

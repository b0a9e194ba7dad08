// Package platform lends what the machine has: a durable store, a lock and a channel
// between tabs, and word of when a lost connection is worth another try. It has the
// same exported names natively and in a browser.
package platform

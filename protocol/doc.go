// Package protocol says what a message of the Directus realtime protocol is.
//
// It holds the messages that travel over the socket, their codec, and the error
// codes. It does no I/O and knows no time. Payloads (an item, a query) stay raw
// JSON until somebody needs them.
//
// Source of every shape: Directus 12.4, endpoint /websocket. Where a choice was
// made, the declaration says so.
package protocol

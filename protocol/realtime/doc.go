// Package realtime carries out what the session decided: it is the client that
// people use, natively and in a browser.
//
// [Dial] connects and signs in. From then on the client keeps itself connected: a
// lost link is dialed again, every subscription is brought up to date by a
// difference, and [Client.States] tells where it stands. Errors carry codes:
//
//	_, err := messages.Create(ctx, Message{Text: "hello"})
//	if errors.Is(err, protocol.CodeForbidden) { … }
//
// Every decision is taken by package session, a machine without a clock or a
// socket; this package lends it both. All of it passes through one function,
// (*Client).step, under one mutex. Nothing of the caller's (Options.Token,
// OnRefreshToken, Probe, the logger) is called with that mutex held.
package realtime

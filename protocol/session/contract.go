package session

// STUBS: the API that the other packages build on. The bodies are being written.

import (
	"errors"
	"time"
)

// Errors of requests and subscriptions.
var (
	// ErrOutcomeUnknown: the request was written and never answered. It may or may
	// not have been carried out, and is not repeated.
	ErrOutcomeUnknown = errors.New("the request was sent but not answered: whether it was carried out is unknown")
	// ErrNotConnected: Post without an authenticated connection.
	ErrNotConnected = errors.New("not connected: call Connect and wait for the state live")
	// ErrDisconnected: the session was closed with the request unsent.
	ErrDisconnected = errors.New("disconnected before the request was sent")
	// ErrTooManyRequests: MaxRequests are waiting already.
	ErrTooManyRequests = errors.New("too many requests are waiting for the connection")
	// ErrUIDInUse: another subscription or request of this session has that uid.
	ErrUIDInUse = errors.New("the uid is in use on this connection")
	// ErrUnsubscribed ends a subscription that was ended on request.
	ErrUnsubscribed = errors.New("unsubscribed")
)

// A Session is one client's connection over its whole life, through any number of
// sockets. It is not safe for concurrent use; its driver holds a lock.
type Session struct{ stub int }

// New returns an idle session.
func New(config Config) *Session { panic("stub") }

// Step tells the session what happened and returns what to do about it.
func (s *Session) Step(now time.Time, in Input) []Effect { panic("stub") }

// State returns the present state.
func (s *Session) State() State { panic("stub") }

// Cause returns why the session is in its present state.
func (s *Session) Cause() Cause { panic("stub") }

// Deadline returns when to Tick; zero means never.
func (s *Session) Deadline() time.Time { panic("stub") }

// Take hands the consumer the next event of a subscription. ok is false if none
// waits. err is the end of the subscription, told once its events are taken: a
// *protocol.Error if the server refused it, ErrUnsubscribed, or ErrDisconnected.
//
// Taking is what moves the baseline: an event that was dropped by a full queue
// was never told, and is told by the resync that follows.
func (s *Session) Take(id SubID) (ev Event, ok bool, err error) { panic("stub") }

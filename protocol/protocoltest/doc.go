// Package protocoltest plays a conversation against an interface.
//
// It has the one fake server that tests use ([Peer], handed out by [Dialer]), the
// reader and writer of recorded conversations ([ReadConversation]), and the
// player that plays one against a server under test ([Play]) and reports every
// difference as data.
//
// All waiting is on channels and timers, so that in a synctest bubble it takes
// no time.
package protocoltest

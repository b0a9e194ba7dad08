// Package session says what happens next on one Directus realtime connection.
//
// It is a pure machine: Step takes the time and one input, and returns effects as
// data. It opens no socket, starts no goroutine, reads no clock. Whoever drives it
// (package realtime) carries out the effects and feeds back what came of them.
//
// To read it, begin with the phases and Step in session.go; then a file for each
// concern: connect.go, auth.go, backoff.go and liveness.go for the link,
// requests.go and unattributed.go for what is asked, subscriptions.go, arrange.go
// and resync.go for what is listened to, take.go and diff.go for what a consumer
// is told. testdata/scripts shows every behaviour as a conversation, and
// testdata/table.txt what each input does in each phase.
//
// What was decided where the protocol leaves a choice:
//
//   - Between a credential and its answer nothing else is sent, pongs included:
//     Directus loses what arrives then. A credential that was refused is not sent
//     again until somebody calls Connect.
//   - Requests are sent once authenticated, also while Resyncing, after the
//     subscribes. One that was written and not answered when the link is lost is
//     never repeated, unless it is a read, which changes nothing, or a create whose
//     items all bring their primary keys, which cannot be carried out twice.
//   - A consumer is told the difference between what it has taken and what the
//     server has now, whenever events may be missing: after a reconnect, after
//     TOKEN_EXPIRED, after its queue overflowed.
//   - A subscription to one item that is not there any more after a reconnect is
//     told its delete and ends, since the server did not register it.
//   - A delete of a key that the consumer cannot know is not told, where the
//     session knows all of the subscription's keys (a stock server tells everybody
//     every key). With an event set, or a limit, it does not, and tells every key.
//   - A subscription with an event set compares only what that event can show: one
//     to deletes is not told, after a gap, of an item that was created since the
//     baseline was taken.
//   - A stock server (one that does not answer with the capability "order") loses
//     what is written between a snapshot and the registration. So every init of it
//     is followed by one more read, and the session is Resyncing until then. Of a
//     system collection (directus_…) there is no such read: a change lost so is
//     found by the next recovery.
package session

import (
	"encoding/json"
	"time"

	"leveret/protocol"
)

// A State is where the connection stands. It is the one vocabulary of the whole
// project: the page's pill and the module's state say the same.
type State string

// The states.
const (
	Idle           State = "idle"           // never asked to connect
	Dialing        State = "dialing"        // waiting for a credential or for the socket to open
	Authenticating State = "authenticating" // the credential was sent; nothing else is, until it is answered
	Resyncing      State = "resyncing"      // authenticated; subscriptions are being brought up to date
	Live           State = "live"           // every subscription is up to date
	Waiting        State = "waiting"        // offline until the next attempt
	NeedsAuth      State = "needs-auth"     // the credential was refused; no further attempt is made by itself
	Closed         State = "closed"         // disconnected on request
)

// A Mode is how the server authenticates a socket (WEBSOCKETS_REST_AUTH).
type Mode string

// The modes. "" is Handshake.
const (
	Handshake Mode = "handshake" // the first frame is the credential
	Strict    Mode = "strict"    // the token is in the URL of the upgrade
	Public    Mode = "public"    // no credential is needed; one may be sent
)

// A Credential is what a person or program signs in with: one of an access token
// (static or JWT), a refresh token, or an e-mail with a password. If several are
// set, the first of these is used; an e-mail with a password beside a refresh
// token is tried once that is refused. The zero Credential signs in as the public in
// mode Public, and in mode Strict leaves it to a cookie that the browser sends.
type Credential struct {
	AccessToken  string
	RefreshToken string
	Email        string
	Password     string
}

// IsZero reports whether there is no credential.
func (c Credential) IsZero() bool { return c == Credential{} }

// A Reason names why a state was left for another.
type Reason string

// The reasons.
const (
	ReasonAsked             Reason = "asked"              // somebody called Connect or Disconnect
	ReasonOpened            Reason = "opened"             // the socket opened
	ReasonAuthenticated     Reason = "authenticated"      // the credential was accepted
	ReasonCaughtUp          Reason = "caught-up"          // every subscription is up to date
	ReasonBehind            Reason = "behind"             // a subscription has to be brought up to date again
	ReasonLost              Reason = "link-lost"          // the connection ended
	ReasonSilent            Reason = "silent"             // the server did not answer the probe
	ReasonDialFailed        Reason = "dial-failed"        // the socket did not open
	ReasonDialTimeout       Reason = "dial-timeout"       // the socket did not open in time
	ReasonRefusedOrDown     Reason = "refused-or-down"    // upgrades fail and nothing says whether the token or the server is at fault
	ReasonAuthFailed        Reason = "auth-failed"        // the server refused the credential
	ReasonAuthTimeout       Reason = "auth-timeout"       // the server did not answer the credential
	ReasonCredentialTimeout Reason = "credential-timeout" // the token function did not answer in time
	ReasonNoCredential      Reason = "no-credential"      // the token function failed or gave nothing usable
	ReasonExpired           Reason = "token-expired"      // the server said TOKEN_EXPIRED
	ReasonRestart           Reason = "server-restart"     // the server closed with 1012
	ReasonTooSlow           Reason = "too-slow"           // a queue overflowed, here or there
	ReasonRetry             Reason = "retry"              // the next attempt is due
	ReasonWake              Reason = "wake"               // the machine woke, came online or into view
	ReasonGaveUp            Reason = "gave-up"            // the caller's cap on attempts is reached
)

// A Cause is a reason with its particulars.
type Cause struct {
	Reason Reason
	Last   Reason // with ReasonGaveUp: what the last attempt failed of; else ""
	Detail string // a sentence for a person, or ""
	Code   int    // the close code, or 0
	Err    error  // what failed, or nil
}

// A Backoff says how long to wait between attempts: full jitter over a base that
// doubles up to a cap. The zero Backoff is the default of every field.
type Backoff struct {
	Base     time.Duration // default 500 ms
	Cap      time.Duration // default 20 s
	Attempts int           // how many attempts in a row may fail; 0 = no limit; below 0 = a lost link is not dialed again either
	Reset    time.Duration // the count starts anew after so long authenticated; default 10 s
}

// A Config is a session's settings. The zero value of a field is its default.
type Config struct {
	Mode    Mode
	Backoff Backoff
	// Rand returns a number in [0, 1): the jitter. Required.
	Rand func() float64
	// UIDPrefix begins every uid that the session makes, so that uids of sessions
	// that share a socket differ. Default "".
	UIDPrefix string
	// PrimaryKey names a collection's primary key. Default: "id" for all.
	PrimaryKey func(collection string) string
	// Capabilities are sent with each subscribe. Default none.
	Capabilities []string
	// HasProbe says that the driver can carry out a [Probe].
	HasProbe bool
	// IgnorePings leaves the server's pings to the caller. Default: answered at once.
	IgnorePings bool

	DialTimeout time.Duration // for the credential and the socket together; default 10 s
	AuthTimeout time.Duration // for the answer to a credential; default 10 s
	// Silence is how long the server may say nothing before it is probed; default 20 s.
	// A frame counts once it is complete: one that takes longer to arrive than Silence
	// and ProbeTimeout together looks like a dead link. Raise either for such.
	Silence        time.Duration
	ProbeTimeout   time.Duration // for the answer to the probe; default 5 s
	RequestTimeout time.Duration // for the answer to a request once it is written; default 30 s
	MaxBaseline    int           // rows of a subscription that are diffed; default 10,000
	MaxQueue       int           // events of a subscription that wait for the consumer; default 1,024
	MaxRequests    int           // requests that wait or are unanswered; default 10,000
}

// A SubID names a subscription of this session; it is never reused.
type SubID int64

// A RequestID names a request of this session; the driver chooses it.
type RequestID int64

// SubscribeOptions is what a subscription asks for.
//
// The session adds to the query that is sent what it needs to compare snapshots:
// the primary key in a list of fields that lacks it (it is taken out again of what
// is told), and, where there is neither a limit nor a page, a limit above
// Config.MaxBaseline, since Directus's default is 100 rows. A server that refuses
// either is asked again without.
type SubscribeOptions struct {
	Event protocol.Event  // "" = create, update and delete, with the items in the init
	Item  json.RawMessage // a key, or nil
	Query json.RawMessage // a query object, or nil
	Extra json.RawMessage // an object of further members, or nil
	// UID is the uid on the wire; zero = one is made. A uid in use is an error.
	UID protocol.UID
	// Snapshots has each recovery told as an Init with all items, not as a difference,
	// and events as they come, deletes of keys that the consumer cannot know included:
	// for a consumer that holds the items itself, compares, and takes all that there is
	// after each Step. Nothing is kept for it, and its queue has no bound. The Init of a
	// stock server is told once it is confirmed by one more read, and then the events
	// that came meanwhile, as Resync, since that read may be younger than they are. The
	// session does not leave Live for its first Init. An Init as long as the limit
	// that was sent may lack items. Not with an Event.
	Snapshots bool
	// Capabilities are asked for beside those of the Config.
	Capabilities []string
}

// An Event is what a subscription's consumer is told.
type Event struct {
	Kind EventKind
	// Data is the items (an array; for a subscription to an item, one object), or
	// for Delete the keys (an array, or one key). nil where there is none: in a Gap,
	// and in the Init of a subscription with an Event. It is not to be modified.
	Data json.RawMessage
	Meta json.RawMessage
	// Resync says that the event comes from comparing snapshots after a gap in the
	// stream, not from the server's own event; to a consumer of Snapshots, that the
	// snapshot before it may contain it already, or be younger.
	Resync bool
	// Commit says that this is the last event of a commit, where the server tells.
	Commit bool
}

// An EventKind is what an Event tells.
type EventKind string

// The kinds. Gap says that there is more than was told and that it cannot be told
// one by one (more than MaxBaseline rows, or nothing to compare with): read again.
const (
	Init   EventKind = "init"
	Create EventKind = "create"
	Update EventKind = "update"
	Delete EventKind = "delete"
	Gap    EventKind = "gap"
)

// An Input is something that happened.
type Input interface{ input() }

// The inputs. An Epoch names one attempt to connect, as the effects that began it
// told it; an input of an older epoch changes nothing.
type (
	// Connect asks to connect. From Waiting and NeedsAuth it tries at once; while
	// connected it does nothing.
	Connect struct{}
	// Disconnect asks to close and stay closed until Connect.
	Disconnect struct{}
	// GotCredential answers FetchCredential.
	GotCredential struct {
		Epoch      int
		Credential Credential
		Err        error
	}
	// Dialed answers Dial: Err is nil once the socket is open.
	Dialed struct {
		Epoch int
		Err   error
	}
	// Received hands over frames, oldest first.
	Received struct {
		Epoch  int
		Frames [][]byte
		// Quiet says that nobody wants an Arrived for each of them, but only for
		// errors and for what is no message of the protocol (protocol.Raw).
		Quiet bool
	}
	// Lost says that the connection ended. Code is the close code (1006 if there
	// was no close frame).
	Lost struct {
		Epoch  int
		Code   int
		Reason string
		Err    error
	}
	// Probed answers Probe: nil if the server accepts the credential, a
	// protocol.Code such as CodeInvalidToken if it refuses it, anything else if
	// the server cannot be reached.
	Probed struct {
		Epoch int
		Err   error
	}
	// Wake says that the machine may have slept or changed its network: the probe
	// is sent, or the next attempt made, at once.
	Wake struct{ Why string }
	// Tick says that Deadline has come. It is harmless at any other time. Frames
	// that have arrived are to be handed over before it.
	Tick struct{}
	// Do asks for the reply to a message (Items, or a Raw or Ping with a uid). A
	// message without uid is given one. It is answered by one Resolve.
	Do struct {
		ID      RequestID
		Message protocol.Message
		// Again says that a create that brings its keys may have been carried out
		// before, over a link of another session: its refusal leads to a read of its
		// keys, as that of a create which this session has repeated.
		Again bool
	}
	// Cancel forgets a request: no Resolve follows.
	Cancel struct{ ID RequestID }
	// Post sends a message and expects nothing. It is refused, by a Resolve with
	// that ID, if the connection is not authenticated; else resolved at once. While
	// a connection that was accepted waits for the answer to a fresh credential, the
	// message waits too.
	//
	// A message of the type auth signs the caller in on this connection, as
	// somebody else or, in mode Public, as somebody at all. Once accepted it is also
	// what later attempts use where FetchCredential gives none. If it is refused the
	// connection goes on as the public's, and where the server ends it for that, the
	// state is NeedsAuth.
	Post struct {
		ID      RequestID
		Message protocol.Message
	}
	// Subscribe opens a subscription; the driver chooses the ID.
	Subscribe struct {
		ID         SubID
		Collection string
		Options    SubscribeOptions
	}
	// Unsubscribe ends a subscription, connected or not.
	Unsubscribe struct{ ID SubID }
)

func (Connect) input()       {}
func (Disconnect) input()    {}
func (GotCredential) input() {}
func (Dialed) input()        {}
func (Received) input()      {}
func (Lost) input()          {}
func (Probed) input()        {}
func (Wake) input()          {}
func (Tick) input()          {}
func (Do) input()            {}
func (Cancel) input()        {}
func (Post) input()          {}
func (Subscribe) input()     {}
func (Unsubscribe) input()   {}

// An Effect is something to do, in the order in which Step returns them.
type Effect interface{ effect() }

// The effects.
type (
	// FetchCredential: ask for a fresh credential; answer with GotCredential. It
	// begins every attempt, with a new epoch; with the epoch of the open connection
	// it asks for a credential to renew that one. Where no answer is of use any more,
	// because the state has changed or another epoch begun, the answer is ignored.
	FetchCredential struct{ Epoch int }
	// Dial: open a socket; answer with Dialed. Token, if it is not empty, goes into
	// the URL as access_token (mode Strict). An older socket is abandoned.
	Dial struct {
		Epoch int
		Token string
	}
	// Send: write a frame.
	Send struct {
		Epoch int
		Frame []byte
	}
	// Hangup: close the socket of that epoch, whatever state it is in. Nothing more
	// is expected of it. The code is 1000, or 4000 where the session gave it up.
	Hangup struct {
		Epoch  int
		Code   int
		Reason string
	}
	// Probe: one HTTP call with the credential, which is an access token; answer
	// with Probed.
	Probe struct {
		Epoch      int
		Credential Credential
	}
	// Changed: the state is now To.
	Changed struct {
		From, To State
		Cause    Cause
		// Next is when the next attempt is due, in Waiting; zero otherwise.
		Next time.Time
	}
	// Resolve: a request has its answer. Exactly one of Reply and Err is set for a
	// Do; a Post has neither when it was sent. Err is a *protocol.Error, or one of
	// this package's.
	Resolve struct {
		ID    RequestID
		Reply protocol.Message
		Err   error
	}
	// Ready: Take may have something new for that subscription (an event or its
	// end), it was accepted (with Snapshots), or it may go on only once its consumer has called Take.
	Ready struct{ ID SubID }
	// Rotated: the server gave a new refresh token; the old one is void.
	Rotated struct{ RefreshToken string }
	// Arrived: a message came in, for those who listen to all of them. Unless
	// Received.Quiet, it is told for every frame but pings that were answered and answers to the session's
	// own probes and private subscriptions.
	Arrived struct {
		Message protocol.Message
		Frame   []byte
	}
)

func (FetchCredential) effect() {}
func (Dial) effect()            {}
func (Send) effect()            {}
func (Hangup) effect()          {}
func (Probe) effect()           {}
func (Changed) effect()         {}
func (Resolve) effect()         {}
func (Ready) effect()           {}
func (Rotated) effect()         {}
func (Arrived) effect()         {}

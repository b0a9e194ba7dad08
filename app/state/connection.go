package state

import (
	"strconv"
	"strings"
	"time"
)

// A ConnState is where the connection stands, in the session's own words.
type ConnState string

// The states.
const (
	Idle           ConnState = "idle"
	Dialing        ConnState = "dialing"
	Authenticating ConnState = "authenticating"
	Resyncing      ConnState = "resyncing"
	Live           ConnState = "live"
	Waiting        ConnState = "waiting"
	NeedsAuth      ConnState = "needs-auth"
	Closed         ConnState = "closed"
)

// A Conn is what is known of the connection.
type Conn struct {
	State    ConnState
	Reason   string
	Detail   string
	Next     time.Time // when the next attempt is due, in Waiting
	Since    time.Time // when State began
	EverLive bool      // this connection was live before
	// DownSince is when it stopped being live, or was first asked for; zero while
	// it is live.
	DownSince time.Time
	BackAt    time.Time // when it was last live again after an outage that was shown
	CaughtUp  int       // changes told by the resync after the last outage
}

// bannerAfter is how long an outage lasts before the page speaks of it, and
// backFor how long it says that it is over.
const (
	bannerAfter = 5 * time.Second
	backFor     = 6 * time.Second
)

// offline reports that there is no connection and none is being made.
func (c Conn) offline() bool {
	switch c.State {
	case Waiting, NeedsAuth, Closed, Idle:
		return true
	}
	return false
}

// change moves to the next state.
func (c Conn) change(to ConnChanged) Conn {
	wasLive := c.State == Live
	if to.State != c.State {
		c.Since = to.At
	}
	c.State, c.Reason, c.Detail, c.Next = to.State, to.Reason, to.Detail, to.Next
	switch {
	case to.State == Live:
		if c.EverLive && !c.DownSince.IsZero() && (to.At.Sub(c.DownSince) >= bannerAfter || c.CaughtUp > 0) {
			c.BackAt = to.At
		}
		c.EverLive, c.DownSince = true, time.Time{}
	case wasLive || c.DownSince.IsZero():
		c.DownSince, c.BackAt = to.At, time.Time{}
		c.CaughtUp = 0
	}
	return c
}

// A Pill is the connection in a word and a sentence.
type Pill struct {
	State ConnState
	Word  string // "Live"
	Short string // what stands beside the word where there is room: "retry in 7 s", or ""
	Cause string // a sentence
}

// Pill returns what the connection pill says.
func (m Model) Pill() Pill {
	c := m.Conn
	if m.Phase == Starting {
		return Pill{State: Idle, Word: "Starting", Cause: "The page is loading."}
	}
	p := Pill{State: c.State, Cause: c.cause()}
	if p.State == "" {
		p.State = Idle
	}
	switch c.State {
	case Dialing, Authenticating:
		p.Word = "Connecting"
	case Resyncing:
		p.Word = "Resyncing"
	case Live:
		p.Word = "Live"
	case Waiting:
		p.Word = "Offline"
		if left := m.secondsLeft(); left > 0 {
			p.Short = "retry in " + strconv.Itoa(left) + "\u00a0s"
		} else {
			p.Short = "retrying"
		}
	case NeedsAuth:
		p.Word = "Session expired"
	case Closed:
		p.Word = "Closed"
	default:
		p.Word = "Offline"
	}
	return p
}

// secondsLeft is the whole seconds until the next attempt, rounded up.
func (m Model) secondsLeft() int {
	left := m.Conn.Next.Sub(m.Now)
	if m.Conn.Next.IsZero() || left <= 0 {
		return 0
	}
	return int((left + time.Second - 1) / time.Second)
}

// cause is the session's reason as a sentence.
func (c Conn) cause() string {
	sentence := reason(c.Reason)
	if sentence == "" {
		switch c.State {
		case Dialing:
			sentence = "Opening the connection."
		case Closed:
			sentence = "The connection was closed on request."
		case Live:
			sentence = "Every change arrives as it happens."
		default:
			sentence = "No connection was asked for yet."
		}
	}
	if c.Reason == "refused-or-down" && c.Detail != "" {
		return c.Detail // which says the same, knowing more
	}
	if c.Detail != "" && c.State != Live {
		sentence += " " + c.Detail
	}
	return sentence
}

// reasons are what the session's reasons mean, by their names; none where the state
// says it all. A text is a fraction of the size of a map that holds it.
const reasons = `
opened: The connection is open; the server checks the credential.
authenticated: Signed in; the list is being brought up to date.
caught-up: Every change arrives as it happens.
behind: The list is being brought up to date again.
link-lost: The connection was lost.
silent: The server stopped answering.
dial-failed: The server cannot be reached.
dial-timeout: The server did not answer in time.
refused-or-down: The server refuses the connection: either it is down, or the credential is not accepted.
auth-failed: The server refused the credential.
auth-timeout: The server did not answer the sign-in in time.
credential-timeout: The credential to sign in with did not come in time.
no-credential: There is no credential to sign in with.
token-expired: The session expired on the server.
server-restart: The server is restarting.
too-slow: Too much came at once; the list is being read again.
retry: Trying again.
wake: The machine is back; trying at once.
gave-up: Too many attempts failed.
`

func reason(name string) string {
	_, rest, _ := strings.Cut(reasons, "\n"+name+": ")
	sentence, _, _ := strings.Cut(rest, "\n")
	return sentence
}

// A BannerKind is which banner is shown.
type BannerKind string

// The banners.
const (
	NoBanner      BannerKind = ""
	BannerOffline BannerKind = "offline"
	BannerExpired BannerKind = "expired"
	BannerBack    BannerKind = "back"
)

// A Banner is the strip above the list that speaks of an outage.
type Banner struct {
	Kind BannerKind
	Text string
}

// Banner returns the strip to show: none before an outage has lasted five seconds.
func (m Model) Banner() Banner {
	c := m.Conn
	switch {
	case m.Phase != Inside:
		return Banner{}
	case c.State == NeedsAuth:
		return Banner{BannerExpired, "Your session has expired. Sign in again to go on; what you wrote is kept."}
	case c.State == Closed:
		return Banner{BannerOffline, "The connection is closed."}
	case c.State == Live && !c.BackAt.IsZero() && m.Now.Sub(c.BackAt) < backFor:
		text := "Back online: nothing was missed"
		if c.CaughtUp > 0 {
			text = "Back online: " + count(c.CaughtUp, "change", "changes") + " caught up"
		}
		return Banner{BannerBack, text}
	case c.State == Live || c.DownSince.IsZero() || m.Now.Sub(c.DownSince) < bannerAfter:
		return Banner{}
	}
	text := "Offline. The list may be out of date"
	if !c.EverLive {
		text = "No connection to " + m.Session.Host() + " yet"
	}
	if left := m.secondsLeft(); left > 0 && c.State == Waiting {
		text += ": next try in " + strconv.Itoa(left) + " s."
	} else {
		text += ": trying now…"
	}
	return Banner{BannerOffline, text}
}

// Changes is "1 change" or "12 changes".
func Changes(n int) string { return count(n, "change", "changes") }

// count is "1 change" or "12 changes".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

package ui

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// drawn is the page's HTML after these messages.
func drawn(t *testing.T, msgs ...state.Msg) string {
	t.Helper()
	p := NewPage(nil)
	for _, msg := range msgs {
		p.model, _ = state.Update(p.model, msg)
	}
	return app.HTMLString(p)
}

func signedIn(msgs ...state.Msg) []state.Msg {
	return append([]state.Msg{
		state.Tick{Now: noon},
		state.StoredLoaded{},
		state.ConfigLoaded{Config: &state.Config{URL: "http://127.0.0.1:8055", Mode: state.ModeHandshake, Token: "demo"}},
	}, msgs...)
}

func rows(items string) state.Msg {
	return state.Events{Events: []state.Event{{Kind: state.EventInit, Data: json.RawMessage(items)}}}
}

func want(t *testing.T, html string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(html, part) {
			t.Errorf("%q is missing in\n%s", part, html)
		}
	}
}

// The hooks that tests and scripts rely on are there in each face of the page.
func TestHooks(t *testing.T) {
	live := state.ConnChanged{State: state.Live, Reason: "caught-up", At: noon}
	one := rows(`[{"id":"k1","text":"Hello","user":"Ada","date_created":"2026-05-04T11:58:00.000Z"}]`)
	for _, test := range []struct {
		name string
		msgs []state.Msg
		want []string
	}{
		{"the shell", nil, []string{`id="pill"`, `data-state="idle"`, `id="announcer"`, "skeletons", `id="create-form"`, `id="search"`}},
		{"connecting", signedIn(), []string{`data-state="dialing"`, ">Connecting<", "skeletons"}},
		{"live", signedIn(live, one), []string{`data-state="live"`, ">Live<", `id="messages"`, `data-key="k1"`, `>Hello<`, "row-text",
			`data-action="edit"`, `data-action="delete"`, `data-count="1"`, "2 min ago", `id="sign-out"`, `id="space-above"`, `id="space-below"`}},
		{"empty", signedIn(live, rows(`[]`)), []string{`data-note="empty"`, "No messages yet"}},
		{"forbidden", signedIn(live, state.ListEnded{Failure: state.Failure{Code: "FORBIDDEN", Message: "no"}}), []string{`data-note="forbidden"`, "(FORBIDDEN)"}},
		{"offline", signedIn(state.ConnChanged{State: state.Waiting, Reason: "dial-failed", At: noon, Next: noon.Add(7 * time.Second)}),
			[]string{`data-state="waiting"`, ">Offline<", "retry in 7\u00a0s", `data-note="offline"`}},
		{"a refused message", signedIn(live, state.Typed{Field: state.FieldText, Value: "mine"}, state.SubmitCreate{Key: "k9"},
			state.CreateDone{Key: "k9", Failure: state.Failure{Code: "FORBIDDEN", Message: "no"}}),
			[]string{`data-sending="k9"`, `data-action="retry"`, `data-action="discard"`, "mine"}},
		{"editing", signedIn(live, one, state.OpenEdit{Key: "k1"}), []string{`id="edit-form"`, `id="edit-text"`, `id="edit-save"`}},
		{"deleting", signedIn(live, one, state.OpenDelete{Key: "k1"}), []string{`id="delete-form"`, `id="delete-confirm"`}},
		{"an answer", signedIn(live, state.SubmitRead{}, state.ReadDone{Sequence: 1, Data: json.RawMessage(`[]`)}), []string{`id="read-answer"`, `id="read-form"`, `id="read-latest"`}},
		{"a query", signedIn(live, state.ChooseRead{By: state.ReadQuery}), []string{`id="read-filter"`, `id="read-sort"`, `id="read-limit"`, `id="read-fields"`, `id="read-send"`}},
		{"by id", signedIn(live, state.ChooseRead{By: state.ReadByID}), []string{`id="read-id"`}},
		{"signed out", signedIn(live, state.SignOut{}), []string{`id="sign-in"`, `id="sign-in-url"`, `id="sign-in-email"`, `id="sign-in-password"`,
			`id="sign-in-mode"`, `id="sign-in-by-email"`, `id="sign-in-by-token"`, `id="sign-in-by-guest"`, `id="sign-in-send"`}},
		{"by token", signedIn(live, state.SignOut{}, state.ChooseTab{Tab: state.TabToken}), []string{`id="sign-in-token"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			html := drawn(t, test.msgs...)
			want(t, html, test.want...)
			if strings.Contains(html, " style=") {
				t.Error("a style attribute: the page's policy refuses it")
			}
		})
	}
}

func TestHostileTextIsText(t *testing.T) {
	text, _ := json.Marshal(`<script>alert(1)</script>"'`)
	html := drawn(t, signedIn(rows(`[{"id":"k","text":`+string(text)+`,"user":"<b>"}]`))...)
	want(t, html, "&lt;script&gt;", "&lt;b&gt;")
	// go-app does not escape attributes when it writes HTML, which it does only for
	// the shell; in the browser it sets them.
	if strings.Contains(html, "><script>") {
		t.Error("the text became markup")
	}
}

func TestALongListIsDrawnAsAWindow(t *testing.T) {
	items := make([]string, 5000)
	for i := range items {
		items[i] = `{"id":` + string(rune('1'+i%9)) + strings.Repeat("0", 4) + `}`
	}
	// Nine keys at most: told twice is one row, however often.
	html := drawn(t, signedIn(rows("["+strings.Join(items, ",")+"]"))...)
	if n := strings.Count(html, `data-key=`); n != 9 {
		t.Errorf("%d rows of 9", n)
	}
	for i := range items {
		raw, _ := json.Marshal(map[string]int{"id": i + 1})
		items[i] = string(raw)
	}
	html = drawn(t, signedIn(rows("["+strings.Join(items, ",")+"]"))...)
	if n := strings.Count(html, `data-key=`); n == 0 || n > 60 {
		t.Errorf("%d of 5,000 rows are in the document", n)
	}
	want(t, html, `data-count="5000"`, `aria-setsize="5000"`, "5,000 messages")
}

func TestEl(t *testing.T) {
	html := app.HTMLString(el("button#x.a.b[type=button][title=two words].c").Text("t"))
	want(t, html, "<button ", `id="x"`, `class="a b c"`, `type="button"`, `title="two words"`, ">t</button>")
	if html := app.HTMLString(el("p")); html != "<p></p>" {
		t.Error(html)
	}
}

func TestPreview(t *testing.T) {
	if got := preview(strings.Repeat("ü", 61)); got != strings.Repeat("ü", 60)+"…" {
		t.Error(got)
	}
	if got := preview("short"); got != "short" {
		t.Error(got)
	}
}

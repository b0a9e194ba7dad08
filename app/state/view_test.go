package state

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	for _, test := range []struct {
		before time.Duration
		want   string
	}{
		{-time.Hour, "just now"}, {0, "just now"}, {44 * time.Second, "just now"}, {45 * time.Second, "1 min ago"},
		{89 * time.Second, "1 min ago"}, {2 * time.Minute, "2 min ago"}, {59 * time.Minute, "59 min ago"},
		{time.Hour, "1 h ago"}, {23*time.Hour + 59*time.Minute, "23 h ago"}, {24 * time.Hour, "yesterday"},
		{49 * time.Hour, "2 days ago"}, {7 * 24 * time.Hour, "27 Apr"}, {365 * 24 * time.Hour, "4 May 2025"},
	} {
		if got := Ago(t0, t0.Add(-test.before)); got != test.want {
			t.Errorf("%v before: %q, want %q", test.before, got, test.want)
		}
	}
	if got := Ago(t0, time.Time{}); got != "" {
		t.Errorf("no time: %q", got)
	}
}

func TestReadForm(t *testing.T) {
	ask := func(t *testing.T, msgs ...Msg) (Model, []Cmd) {
		t.Helper()
		return play(inside(t), append(msgs, SubmitRead{})...)
	}
	for _, test := range []struct {
		name  string
		msgs  []Msg
		id    string
		query string
	}{
		{"the latest", nil, "", `{"limit":1,"sort":["-date_created"]}`},
		{"by a uuid", []Msg{ChooseRead{ReadByID}, Typed{FieldReadID, " 018f-x "}}, `"018f-x"`, ""},
		{"by a number", []Msg{ChooseRead{ReadByID}, Typed{FieldReadID, "42"}}, `42`, ""},
		{"a key that only looks like a number", []Msg{ChooseRead{ReadByID}, Typed{FieldReadID, "007"}}, `"007"`, ""},
		{"an empty query", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadSort, ""}, Typed{FieldReadLimit, ""}}, "", `{}`},
		{"a whole query", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadFilter, ` {"user":{"_eq":"Ada"}} `},
			Typed{FieldReadSort, "-date_created, user"}, Typed{FieldReadLimit, "-1"}, Typed{FieldReadFields, "id,text"}}, "",
			`{"fields":["id","text"],"filter":{"user":{"_eq":"Ada"}},"sort":["-date_created","user"],"limit":-1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, cmds := ask(t, test.msgs...)
			read := the[Read](t, cmds)
			if string(read.ID) != test.id || string(read.Query) != test.query || !m.Read.Busy {
				t.Errorf("id %s, query %s", read.ID, read.Query)
			}
		})
	}
	for _, test := range []struct {
		name  string
		msgs  []Msg
		wrong Field
	}{
		{"no id", []Msg{ChooseRead{ReadByID}}, FieldReadID},
		{"a filter that is no JSON", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadFilter, "user=Ada"}}, FieldReadFilter},
		{"a filter that is no object", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadFilter, "[1]"}}, FieldReadFilter},
		{"a filter that is null", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadFilter, "null"}}, FieldReadFilter},
		{"a limit in words", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadLimit, "ten"}}, FieldReadLimit},
		{"a limit below -1", []Msg{ChooseRead{ReadQuery}, Typed{FieldReadLimit, "-2"}}, FieldReadLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, cmds := ask(t, test.msgs...)
			if has[Read](cmds) || m.Read.Wrong != test.wrong || m.Read.Failure.IsZero() {
				t.Errorf("%q %v", m.Read.Wrong, m.Read.Failure)
			}
		})
	}
}

func TestChoosingTheLatestAsksAtOnce(t *testing.T) {
	_, cmds := play(inside(t), ChooseRead{ReadLatest})
	the[Read](t, cmds)
	if _, cmds := play(inside(t), ChooseRead{ReadQuery}); has[Read](cmds) {
		t.Error("a query is asked before it is written")
	}
}

func TestReadAnswers(t *testing.T) {
	m, cmds := play(inside(t), SubmitRead{})
	first := the[Read](t, cmds).Sequence
	m, cmds = play(m, SubmitRead{})
	second := the[Read](t, cmds).Sequence
	m = after(m, ReadDone{Sequence: first, Data: json.RawMessage(`[]`)})
	if m.Read.Answer != "" || !m.Read.Busy {
		t.Error("the answer to an earlier question is shown")
	}
	for _, test := range []struct {
		done    ReadDone
		answer  string
		summary string
	}{
		{ReadDone{Data: json.RawMessage(`[{"id":1},{"id":2}]`), Took: 4 * time.Millisecond}, "[\n  {\n    \"id\": 1\n  },\n  {\n    \"id\": 2\n  }\n]", "2 items in 4 ms"},
		{ReadDone{Data: json.RawMessage(`{"id":1}`), Took: 1234 * time.Millisecond}, "{\n  \"id\": 1\n}", "1 item in 1.2 s"},
		{ReadDone{Data: json.RawMessage(`[]`), Took: 0}, "[]", "0 items in 1 ms"},
		{ReadDone{Data: json.RawMessage(`null`), Took: 0}, "null", "nothing in 1 ms"},
		{ReadDone{Failure: Failure{"FORBIDDEN", "no"}}, "{\n  \"error\": {\n    \"code\": \"FORBIDDEN\",\n    \"message\": \"no\"\n  }\n}", "refused"},
	} {
		test.done.Sequence = second
		got := after(m, test.done).Read
		if got.Answer != test.answer || got.Summary != test.summary || got.Busy {
			t.Errorf("%s: %q, %q", test.done.Data, got.Answer, got.Summary)
		}
	}
	if _, cmds := play(after(m, ReadDone{Sequence: second, Data: json.RawMessage(`1`)}), CopyAnswer{}); the[CopyText](t, cmds).Text != "1" {
		t.Errorf("%#v", cmds)
	}
}

func TestCountText(t *testing.T) {
	for n, want := range map[int]string{0: "0 messages", 1: "1 message", 999: "999 messages", 1000: "1,000 messages", 1234567: "1,234,567 messages"} {
		if got := (List{Rows: make([]*Row, n)}).CountText(); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestSessionNames(t *testing.T) {
	for _, test := range []struct {
		session Session
		person  string
		host    string
	}{
		{Session{URL: "https://cms.example.com/sub", Kind: TabPassword, Email: "a@b.c"}, "a@b.c", "cms.example.com"},
		{Session{URL: "ws://h:1/websocket", Kind: TabToken}, "Static token", "h:1"},
		{Session{Kind: TabToken, Demo: true}, "Demo user", ""},
		{Session{Kind: TabToken, Demo: true, Name: "Eddie"}, "Eddie", ""},
		{Session{Kind: TabGuest}, "Guest", ""},
	} {
		if p, h := test.session.Person(), test.session.Host(); p != test.person || h != test.host {
			t.Errorf("%+v: %q at %q", test.session, p, h)
		}
	}
}

func TestFailureString(t *testing.T) {
	for f, want := range map[Failure]string{{}: "", {"", "oh"}: "oh", {"X", ""}: "X", {"X", "oh"}: "oh (X)"} {
		if f.String() != want {
			t.Errorf("%+v: %q", f, f.String())
		}
	}
}

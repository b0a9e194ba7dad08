package state

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// submit returns the question that stands in the form, or the field that is wrong
// and why.
func (f ReadForm) submit() (Read, Field, string) {
	ask := Read{Collection: Collection}
	switch f.By {
	case ReadByID:
		id := strings.TrimSpace(f.ID)
		if id == "" {
			return ask, FieldReadID, "Type the id of a message. Each row's id is in its edit form."
		}
		ask.ID = keyJSON(id)
		return ask, "", ""
	case ReadQuery:
		query, wrong, why := f.query()
		ask.Query = query
		return ask, wrong, why
	}
	ask.Query = json.RawMessage(`{"limit":1,"sort":["-date_created"]}`)
	return ask, "", ""
}

// query builds the query object of filter, sort, limit and fields.
func (f ReadForm) query() (json.RawMessage, Field, string) {
	type query struct {
		Fields []string        `json:"fields,omitempty"`
		Filter json.RawMessage `json:"filter,omitempty"`
		Sort   []string        `json:"sort,omitempty"`
		Limit  *int            `json:"limit,omitempty"`
	}
	q := query{Fields: words(f.Fields), Sort: words(f.Sort)}
	if filter := strings.TrimSpace(f.Filter); filter != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(filter), &object); err != nil || object == nil {
			return nil, FieldReadFilter, `The filter must be a JSON object, such as {"user":{"_eq":"Ada"}}.`
		}
		q.Filter = json.RawMessage(filter)
	}
	if limit := strings.TrimSpace(f.Limit); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < -1 {
			return nil, FieldReadLimit, "The limit must be a whole number; -1 means all."
		}
		q.Limit = &n
	}
	raw, err := json.Marshal(q)
	if err != nil {
		return nil, FieldReadFilter, "The filter cannot be sent: " + err.Error()
	}
	return raw, "", ""
}

// words splits "a, b c" into its parts.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// keyJSON is a typed key as JSON: a number if it is written as one, else a string.
func keyJSON(key string) json.RawMessage {
	if n, err := strconv.ParseInt(key, 10, 64); err == nil && strconv.FormatInt(n, 10) == key {
		return json.RawMessage(key)
	}
	raw, err := json.Marshal(key)
	if err != nil {
		return json.RawMessage(`""`) // cannot be: a string always has a JSON form
	}
	return raw
}

// answered takes the answer in.
func (f ReadForm) answered(done ReadDone) ReadForm {
	f.Busy = false
	f.Failure = done.Failure
	var out bytes.Buffer
	if !done.Failure.IsZero() {
		f.Summary = "refused"
		refusal := map[string]map[string]string{"error": {"code": done.Failure.Code, "message": done.Failure.Message}}
		if raw, err := json.MarshalIndent(refusal, "", "  "); err == nil {
			f.Answer = string(raw)
		}
		return f
	}
	if err := json.Indent(&out, done.Data, "", "  "); err != nil {
		f.Answer = string(done.Data)
	} else {
		f.Answer = out.String()
	}
	what := "1 item"
	var many []json.RawMessage
	switch {
	case json.Unmarshal(done.Data, &many) == nil && many != nil:
		what = count(len(many), "item", "items")
	case string(done.Data) == "null" || len(done.Data) == 0:
		what = "nothing"
	}
	f.Summary = what + " in " + millis(done.Took)
	return f
}

// millis is a duration as "4 ms" or "1.2 s".
func millis(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(max(1, d.Milliseconds()), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

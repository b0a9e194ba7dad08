package directus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file turns what a client wrote into a row to store: casts, specials and
// defaults.

func invalidPayload(format string, args ...any) error {
	return &protocol.Error{Code: protocol.CodeInvalidPayload, Message: "Invalid payload. " + fmt.Sprintf(format, args...)}
}

// noFields is what somebody is told who may not access fields, or names some that
// do not exist.
func noFields(fields []string, collection string) error {
	text := "You don't have permission to access field %s in collection %q or it does not exist. Queried in root."
	if len(fields) > 1 {
		text = "You don't have permission to access fields %s in collection %q or they do not exist. Queried in root."
	}
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(text, quoted(fields), collection)}
}

// quoted returns names as messages have them.
func quoted(names []string) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(texts, ", ")
}

// members returns an object's members.
func members(data []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil || object == nil {
		return nil, invalidPayload("An item must be an object.")
	}
	return object, nil
}

// namesOf returns the names of an object's members in their order, each once.
func namesOf(data []byte) (names []string) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for _, err := decoder.Token(); err == nil && decoder.More(); { // behind the brace
		var name json.Token
		var value json.RawMessage
		if name, err = decoder.Token(); err == nil {
			err = decoder.Decode(&value)
		}
		if text, ok := name.(string); ok && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return names
}

// known returns those members of an item that are fields of the collection.
func known(item map[string]json.RawMessage, c *query.Collection) []string {
	var names []string
	for name := range item {
		if c.Field(name) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// concealed is what is shown in place of a secret. Whoever writes it back changes
// nothing.
const concealed = "**********"

// writtenBack reports whether a value is a secret as it is shown.
func writtenBack(raw json.RawMessage, f *query.Field) bool {
	return isSecret(f) && string(raw) == `"`+concealed+`"`
}

// newRow returns the row that a create makes of an item. Fields that the
// collection does not have are passed over, as the recorded Directus does;
// fields that exist and may not be written are refused.
// names are the item's, in their order.
func (w *work) newRow(item map[string]json.RawMessage, names []string) (query.Row, error) {
	row := query.Row{}
	a := w.access
	if unseen := w.unseen(names, func(name string) bool { return a.whole.Field(name) != nil }); unseen != nil {
		return nil, noFields(unseen, a.whole.Name)
	}
	for i := range a.whole.Fields {
		f := &a.whole.Fields[i]
		raw, given := item[f.Name]
		if f.Type == query.Alias {
			if given {
				return nil, nested(f)
			}
			continue
		}
		if w.stamp(row, f, "created") {
			continue // whatever was given
		}
		switch {
		case given && !writtenBack(raw, f):
			value, err := w.value(raw, f)
			if err != nil {
				return nil, err
			}
			row[f.Name] = value
		case a.presets[f.Name] != nil:
			row[f.Name] = w.preset(f)
		case f.Default != nil:
			row[f.Name] = f.Default
		case f.Generated:
			continue
		default:
			row[f.Name] = nil
		}
		if f.Is("uuid") && (row[f.Name] == nil || row[f.Name] == "") {
			row[f.Name] = uuid.NewString()
		}
		if f.Generated && row[f.Name] == nil {
			delete(row, f.Name)
		}
	}
	var failed failedValidation
	for i := range a.whole.Fields {
		if f := &a.whole.Fields[i]; f.Required && !f.Generated && f.Type != query.Alias && row[f.Name] == nil {
			failed = append(failed, failure(f.Name, "Value is required"))
		}
	}
	return row, failed.or(w.validate(row))
}

// changes returns what an update sets. Unlike a create it refuses fields that
// the collection does not have. names are the item's, in their order.
func (w *work) changes(item map[string]json.RawMessage, names []string) (query.Row, error) {
	row := query.Row{}
	a := w.access
	if unseen := w.unseen(names, func(string) bool { return true }); unseen != nil {
		return nil, noFields(unseen, a.whole.Name)
	}
	var failed failedValidation
	for _, name := range slices.Sorted(maps.Keys(item)) {
		f := a.seen.Field(name)
		if f.Type == query.Alias {
			return nil, nested(f)
		}
		if writtenBack(item[name], f) {
			continue
		}
		value, err := w.value(item[name], f)
		if err != nil {
			return nil, err
		}
		if value == nil && f.Required && name != a.whole.PrimaryKey {
			failed = append(failed, failure(name, "Value can't be null"))
		}
		row[name] = value
	}
	for i := range a.whole.Fields {
		f := &a.whole.Fields[i]
		if _, given := row[f.Name]; !given && a.presets[f.Name] != nil {
			row[f.Name] = w.preset(f)
		}
		w.stamp(row, f, "updated")
	}
	return row, failed.or(w.validate(row))
}

// unseen returns those names that may not be written, of those that count.
func (w *work) unseen(names []string, counts func(name string) bool) (unseen []string) {
	for _, name := range names {
		if w.access.seen.Field(name) == nil && counts(name) {
			unseen = append(unseen, name)
		}
	}
	return unseen
}

// stamp fills in what a field's special says about who did what when, and reports
// whether the field has such a special. A create leaves the fields of updates
// null, an update those of creates to whoever names them.
func (w *work) stamp(row query.Row, f *query.Field, on string) bool {
	for _, subject := range []string{"date", "user", "role"} {
		switch {
		case f.Is(subject + "-" + on):
			row[f.Name] = w.stampOf(subject, f)
			return true
		case f.Is(subject+"-updated") && on == "created":
			row[f.Name] = nil
			return true
		}
	}
	return false
}

func (w *work) stampOf(subject string, f *query.Field) any {
	text := ""
	switch subject {
	case "user":
		text = w.who.User
	case "role":
		text = w.who.Role
	default:
		filter := (&query.Filter{Op: query.OpEq, Field: f.Name, Value: w.rules.Now}).Bind(w.access.whole, w.rules)
		return filter.Value // in the form of the field's type
	}
	if text == "" {
		return nil
	}
	return text
}

// preset returns what the permission gives a field, with dynamic variables replaced.
func (w *work) preset(f *query.Field) any {
	value, err := query.DecodeValue(w.access.presets[f.Name], f)
	var text string
	if json.Unmarshal(w.access.presets[f.Name], &text) == nil && strings.HasPrefix(text, "$") {
		filter := (&query.Filter{Op: query.OpEq, Field: f.Name, Value: text}).Bind(w.access.whole, w.rules)
		return filter.Value
	}
	if err != nil {
		return nil
	}
	return value
}

// value casts what somebody wrote to a field, and hashes secrets.
func (w *work) value(raw json.RawMessage, f *query.Field) (any, error) {
	if f.Relation != nil && len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		key, err := w.keyOf(raw, f)
		if err != nil {
			return nil, err
		}
		raw = key
	}
	value, err := decodeValue(raw, f)
	text, isText := value.(string)
	if err != nil || !isText {
		return value, err
	}
	switch {
	case f.Is("hash") || f.Type == query.Hash:
		return hashPassword(w.ctx, text)
	case w.access.whole.Name == usersCollection && f.Name == "token":
		return hashToken(text), nil
	case w.access.whole.Name == usersCollection && f.Name == "email":
		return strings.ToLower(text), nil
	}
	return value, nil
}

// keyOf returns the key of a related item in the key's place: one of which no more is
// said than its key. Any other is refused, as Directus does it to who may not write it.
func (w *work) keyOf(raw json.RawMessage, f *query.Field) (json.RawMessage, error) {
	related := w.access.whole.Related(f.Relation)
	item, err := members(raw)
	if err != nil || related == nil {
		return nil, nested(f)
	}
	key, exists := item[related.PrimaryKey]
	if exists = exists && string(key) != "null"; exists && len(item) == 1 {
		return key, nil
	}
	action := protocol.ActionCreate
	if exists {
		action = protocol.ActionUpdate
	}
	if w.may(action, related) == nil {
		return nil, noCollection(related.Name)
	}
	return nil, nested(f)
}

// nested refuses a related item in the place of its key.
func nested(f *query.Field) error {
	if f.Type == query.Alias {
		return invalidPayload("This server does not write related items through %q. Write to %q itself.", f.Name, relatedName(f))
	}
	return invalidPayload("This server does not write related items through %q. Write to %q itself and give its key here.", f.Name, relatedName(f))
}

func relatedName(f *query.Field) string {
	if f.Relation == nil {
		return f.Name
	}
	return f.Relation.Collection
}

// decodeValue casts a value to its field's type.
func decodeValue(raw json.RawMessage, f *query.Field) (any, error) {
	value, err := query.DecodeValue(raw, f)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && text != "" && f.Type == query.UUID && uuid.Validate(text) != nil {
		return nil, invalidPayload("%q has to be a UUID.", f.Name)
	}
	return value, nil
}

// decodeKey casts a key to the primary key's type. A key that cannot be one is
// refused like one that does not exist.
func decodeKey(raw []byte, c *query.Collection) (any, error) {
	key, err := query.DecodeValue(raw, c.Field(c.PrimaryKey))
	if err != nil || key == nil {
		return nil, errNoItem
	}
	return key, nil
}

// isKey reports whether an id counts as given: Directus asks for truth, as
// JavaScript has it.
func isKey(raw json.RawMessage) bool {
	if len(raw) == 0 || string(raw) == `""` {
		return false
	}
	if raw[0] == '"' {
		return true
	}
	var n float64
	return json.Unmarshal(raw, &n) == nil && n != 0
}

// keyText returns a key as text, which is how an item's subscription names it.
func keyText(key any) string {
	if s, ok := key.(string); ok {
		return s
	}
	return string(query.AppendValue(nil, key))
}

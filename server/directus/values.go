package directus

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file turns what a client wrote into a row to store: casts, specials and
// defaults.

func invalidPayload(format string, args ...any) error {
	return &protocol.Error{Code: protocol.CodeInvalidPayload, Message: "Invalid payload. " + fmt.Sprintf(format, args...)}
}

// noField is what somebody is told who may not access a field, or names one that
// does not exist.
func noField(field, collection string) error {
	return &protocol.Error{Code: protocol.CodeForbidden,
		Message: fmt.Sprintf("You don't have permission to access field %q in collection %q or it does not exist. Queried in root.", field, collection)}
}

// members returns an object's members.
func members(data []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil || object == nil {
		return nil, invalidPayload("An item must be an object.")
	}
	return object, nil
}

// newRow returns the row that a create makes of an item. Fields that the
// collection does not have are passed over, as the recorded Directus does;
// fields that exist and may not be written are refused.
func (h *Hub) newRow(a *access, item map[string]json.RawMessage) (query.Row, error) {
	row := query.Row{}
	for i := range a.whole.Fields {
		f := &a.whole.Fields[i]
		raw, given := item[f.Name]
		switch {
		case f.Is("date-created"):
			row[f.Name] = timestamp(h.opts.Now()) // whatever was given
			continue
		case f.Is("date-updated"):
			row[f.Name] = nil
			continue
		case given:
			if a.seen.Field(f.Name) == nil {
				return nil, noField(f.Name, a.whole.Name)
			}
			value, err := decodeValue(raw, f)
			if err != nil {
				return nil, err
			}
			row[f.Name] = value
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
	return row, nil
}

// changes returns what an update sets. Unlike a create it refuses fields that
// the collection does not have.
func (h *Hub) changes(a *access, item map[string]json.RawMessage) (query.Row, error) {
	row := query.Row{}
	for name, raw := range item {
		f := a.seen.Field(name)
		if f == nil {
			return nil, noField(name, a.whole.Name)
		}
		value, err := decodeValue(raw, f)
		if err != nil {
			return nil, err
		}
		row[name] = value
	}
	for i := range a.whole.Fields {
		switch f := &a.whole.Fields[i]; {
		case f.Is("date-created"):
			delete(row, f.Name)
		case f.Is("date-updated"):
			row[f.Name] = timestamp(h.opts.Now())
		}
	}
	return row, nil
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

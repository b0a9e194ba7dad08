package query

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// DecodeRow reads a JSON object into a Row. A name that is no field of c is kept,
// decoded as without c: it is the caller's to leave out or to refuse. c may be nil:
// numbers then are int64 where they are whole and fit, else float64, and objects
// and arrays json.RawMessage. Of a name that comes twice the last value counts.
// The row shares no memory with raw.
//
// It fails with an *Error of code INVALID_PAYLOAD if raw is not an object or a value
// does not fit its field's type, see [DecodeValue].
func DecodeRow(raw []byte, c *Collection) (Row, error) {
	s := scanner{b: raw}
	if s.peek() != '{' {
		return nil, invalidPayload("An item has to be an object")
	}
	s.open('{')
	size := 8
	if c != nil {
		size = len(c.Fields)
	}
	row := make(Row, size)
	for first := true; s.more('}', &first); {
		name, field := s.fieldKey(c)
		value, err := s.value(name, field)
		if s.bad {
			break
		}
		if err != nil {
			return nil, err
		}
		row[name] = value
	}
	if !s.end() {
		return nil, invalidPayload(fmt.Sprintf("An item has to be valid JSON, nested at most %d levels deep", maxDepth))
	}
	return row, nil
}

// DecodeValue casts one JSON value to a field's type; f may be nil, see [DecodeRow].
// It is as lenient as Directus on SQLite where nothing is lost by it:
//
//   - text of any kind takes numbers and booleans as JavaScript writes them, and an object or
//     array as its JSON text;
//   - a number takes a string that holds one; a whole number fits 64 bits and has no
//     fraction, and becomes int64; float and decimal become float64;
//   - a boolean takes 1, 0 and strings of these and of true and false;
//   - dates take ISO 8601 and milliseconds since 1970, and become their text form;
//   - csv takes an array or a string with commas, and becomes an array, split at every
//     comma, as it is stored.
//
// null is nil, whatever the type. The error is an *Error of code INVALID_PAYLOAD that
// says what was expected.
func DecodeValue(raw []byte, f *Field) (any, error) {
	s := scanner{b: raw}
	name := "value"
	if f != nil {
		name = f.Name
	}
	value, err := s.value(name, f)
	if !s.bad && err != nil {
		return nil, err
	}
	if !s.end() {
		return nil, invalidPayload(quote(name) + " has to be valid JSON")
	}
	return value, nil
}

func invalidPayload(reason string) *Error {
	return &Error{Code: "INVALID_PAYLOAD", Message: "Invalid payload. " + reason + "."}
}

// fieldKey takes a member's name and finds its field; a known name is not copied.
func (s *scanner) fieldKey(c *Collection) (string, *Field) {
	before := *s
	start, end, plain := s.skipText()
	if c != nil && plain && !s.bad {
		for i := range c.Fields {
			if c.Fields[i].Name == string(s.b[start:end]) && s.peek() == ':' {
				s.i++
				return c.Fields[i].Name, &c.Fields[i]
			}
		}
	}
	*s = before
	name := s.key()
	if c == nil || plain {
		return name, nil
	}
	return name, c.Field(name)
}

func (s *scanner) value(name string, f *Field) (any, error) {
	if c := s.peek(); c == '{' || c == '[' {
		return s.composite(name, f)
	}
	if f != nil && f.Type == JSON {
		if raw := s.raw(); string(raw) != "null" {
			return json.RawMessage(repaired(append([]byte(nil), raw...))), nil
		}
		return nil, nil
	}
	v, _, tooLarge := s.primitive()
	if v == nil && !tooLarge || s.bad {
		return nil, nil
	}
	if tooLarge {
		return nil, invalidPayload(fmt.Sprintf("Invalid numeric value for %q: it is too large", name))
	}
	if f == nil {
		return v, nil
	}
	switch t := f.Type; {
	case t.isNumber():
		return storeNumber(f, v)
	case t == Boolean:
		value, err := castBool(v)
		if err != nil {
			return nil, invalidPayload(fmt.Sprintf("%q has to be a boolean: true or false", name))
		}
		return value, nil
	case t.isTime():
		return storeTime(f, v)
	case t == CSV:
		text, _ := castText(v)
		return CSVFromText(text), nil
	}
	return castText(v)
}

func storeNumber(f *Field, v any) (any, error) {
	_, isBool := v.(bool)
	number, err := castNumber(v)
	if err != nil || isBool {
		return nil, invalidPayload(fmt.Sprintf("Invalid numeric value for %q", f.Name))
	}
	if f.Type == Float || f.Type == Decimal {
		if whole, ok := number.(int64); ok {
			return float64(whole), nil
		}
		return number, nil
	}
	if _, ok := number.(int64); !ok {
		return nil, invalidPayload(fmt.Sprintf("Invalid numeric value for %q: it has to be a whole number of at most 64 bits", f.Name))
	}
	return number, nil
}

func storeTime(f *Field, v any) (any, error) {
	value, err := castTime(f.Type, v)
	if err != nil {
		reason := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "Invalid query. "), ".")
		return nil, invalidPayload(fmt.Sprintf("Invalid value for %q: %s", f.Name, reason))
	}
	if f.Type != Timestamp {
		value, _, _ = strings.Cut(value.(string), ".")
	}
	return value, nil
}

// composite takes an object or array.
func (s *scanner) composite(name string, f *Field) (any, error) {
	isArray := s.peek() == '['
	raw := s.raw()
	if s.bad {
		return nil, nil
	}
	text := repaired(appendCompact(make([]byte, 0, len(raw)), raw))
	if f == nil || f.Type == JSON {
		return json.RawMessage(text), nil
	}
	switch t := f.Type; {
	case t == CSV && isArray:
		elements, ok := csvElements(text)
		if !ok {
			return nil, invalidPayload(fmt.Sprintf("%q has to be a list of texts", name))
		}
		return CSVFromText(strings.Join(elements, ",")), nil
	case t.isNumber():
		return nil, invalidPayload(fmt.Sprintf("Invalid numeric value for %q", name))
	case t == Boolean:
		return nil, invalidPayload(fmt.Sprintf("%q has to be a boolean: true or false", name))
	case t.isTime():
		return storeTime(f, json.RawMessage(text))
	}
	return string(text), nil
}

// repaired returns JSON with U+FFFD for each byte that is not UTF-8, as a text has it
// once it is decoded.
func repaired(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return []byte(string([]rune(string(text))))
}

// appendCompact appends valid JSON without the spaces between tokens.
func appendCompact(dst, raw []byte) []byte {
	inText := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			dst = append(dst, c)
			i++
		case c == '"':
			inText = !inText
		case !inText && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		dst = append(dst, raw[i])
	}
	return dst
}

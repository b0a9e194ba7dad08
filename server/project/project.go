// Package project reads a Directus project from its description.
//
// A description is up to three files: the schema, as Directus's own "schema
// snapshot" writes it; who there is and who may do what, in the shape of its REST
// exports; and the first items.
package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// Files are the paths of a description's files; "" = there is none.
type Files struct {
	Schema string // a schema snapshot, as YAML or JSON
	Access string // JSON: {"roles":[], "policies":[], "access":[], "permissions":[], "users":[]}
	Items  string // JSON: {"collection": [items]}
}

// A Project is what a description describes.
type Project struct {
	Schema *query.Schema // the system collections included
	// Rules say who may do what; without a file the administrator may do everything.
	Rules directus.Rules
	Users []directus.SeedUser
	// Items are in an order in which they can be written.
	Items []directus.FirstItems
	// Warnings are sentences about what is described and not served.
	Warnings []string
}

// Read reads a project. Its errors are sentences that name the file, the
// collection and the field.
func Read(files Files) (*Project, error) {
	p := &Project{Rules: directus.AdminRules()}
	for _, part := range []struct {
		path string
		read func(*reader, []byte) error
	}{
		{files.Schema, (*reader).schema},
		{files.Access, (*reader).access},
		{files.Items, (*reader).items},
	} {
		if part.path == "" {
			continue
		}
		content, err := os.ReadFile(part.path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the project's description: %w", err)
		}
		r := &reader{Project: p, path: part.path}
		if err := part.read(r, content); err != nil {
			return nil, fmt.Errorf("%s: %w", part.path, err)
		}
	}
	return p, nil
}

// A reader reads one file into the project.
type reader struct {
	*Project
	path string
}

// warn adds a sentence about what is not served.
func (r *reader) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, r.path+": "+fmt.Sprintf(format, args...))
}

// decode reads JSON, or YAML if it does not begin like a JSON object, into value.
func decode(content []byte, value any) error {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(content); len(trimmed) == 0 || trimmed[0] != '{' {
		var document any
		if err := yaml.Unmarshal(content, &document); err != nil {
			return fmt.Errorf("this is neither JSON nor YAML: %w", err)
		}
		converted, err := json.Marshal(jsonValue(document))
		if err != nil {
			return fmt.Errorf("this cannot be read: %w", err)
		}
		content = converted
	}
	return decodeJSON(content, value)
}

// decodeJSON reads JSON, and says where it is wrong.
func decodeJSON(content []byte, value any) error {
	err := json.Unmarshal(content, value)
	switch e := err.(type) {
	case *json.SyntaxError:
		line := 1 + bytes.Count(content[:min(int(e.Offset), len(content))], []byte("\n"))
		return fmt.Errorf("this is not JSON: line %d: %w", line, err)
	case *json.UnmarshalTypeError:
		return fmt.Errorf("%q has to be %s and is a %s", strings.ToLower(e.Field), kindOf(e.Type.Kind().String()), e.Value)
	}
	return err
}

// kindOf is what Go calls a kind, in JSON's words.
func kindOf(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "an array"
	case "bool":
		return "true or false"
	case "string":
		return "a text"
	}
	return "a number"
}

// jsonValue returns a YAML value as one that JSON has.
func jsonValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = jsonValue(value)
		}
	case map[any]any:
		object := make(map[string]any, len(v))
		for key, value := range v {
			object[fmt.Sprint(key)] = jsonValue(value)
		}
		return object
	case []any:
		for i, value := range v {
			v[i] = jsonValue(value)
		}
	case time.Time: // a date that nobody put in quotes
		return v.Format(time.RFC3339Nano)
	}
	return v
}

// listOf reads an array, or a REST answer with one: {"data": []}. Errors name the
// element.
func listOf[T any](name string, raw json.RawMessage) ([]T, error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] == '{' {
		var answer struct{ Data json.RawMessage }
		if err := json.Unmarshal(raw, &answer); err == nil && len(answer.Data) > 0 && answer.Data[0] == '[' {
			raw = answer.Data
		}
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, fmt.Errorf("%q has to be an array", name)
	}
	list := make([]T, len(elements))
	for i, element := range elements {
		if err := decodeJSON(element, &list[i]); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return list, nil
}

// isNull reports whether a JSON value is missing or null.
func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

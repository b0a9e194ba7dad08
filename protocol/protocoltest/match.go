package protocoltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Vars are the variables of a pattern: name to JSON text.
type Vars map[string]string

// Match compares a frame with a pattern, as JSON: the order of keys does not
// count, everything else does, also whether a uid is 1 or "1". nil means that
// they match.
//
// In a pattern the string "<name>" is a variable: it binds the value found in its
// place, whatever its type, and has to find the same one wherever it stands
// again; vars holds what is bound, before and after. "<_>" finds anything and
// binds nothing. A member "..." of an object, and an element "..." at the end of
// an array, stand for any that are not named. A pattern that is no JSON has to be
// equal, byte for byte.
//
// If they do not match, vars is as it was.
func Match(pattern, frame []byte, vars Vars) []Difference {
	want, err := decode(pattern)
	if err != nil {
		if bytes.Equal(pattern, frame) {
			return nil
		}
		return []Difference{{Kind: Changed, Want: string(pattern), Got: string(frame)}}
	}
	got, err := decode(frame)
	if err != nil {
		return []Difference{{Kind: Changed, Want: string(pattern), Got: string(frame)}}
	}
	m := matcher{vars: maps.Clone(vars)}
	if m.vars == nil {
		m.vars = Vars{}
	}
	m.compare("", "", want, got)
	if m.found == nil && vars != nil {
		maps.Copy(vars, m.vars)
	}
	return m.found
}

// Fill returns a pattern with its variables replaced by what they are bound to.
// It fails on one that is not bound.
func Fill(pattern []byte, vars Vars) ([]byte, error) {
	var out []byte
	for i := 0; i < len(pattern); {
		end := i + 1
		if pattern[i] == '"' {
			for end < len(pattern) && pattern[end] != '"' {
				if pattern[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(pattern))
			if name, ok := variable(strings.Trim(string(pattern[i:end]), `"`)); ok {
				value, bound := vars[name]
				if !bound {
					return nil, fmt.Errorf("the variable <%s> is not bound: it has to be expected before it is said", name)
				}
				out = append(out, value...)
				i = end
				continue
			}
		}
		out = append(out, pattern[i:end]...)
		i = end
	}
	return out, nil
}

// variable tells whether a string is "<name>".
func variable(s string) (name string, ok bool) {
	if len(s) < 3 || s[0] != '<' || s[len(s)-1] != '>' {
		return "", false
	}
	name = s[1 : len(s)-1]
	for _, c := range name {
		if !(c == '_' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return "", false
		}
	}
	return name, true
}

func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

// A matcher walks two decoded values and gathers what differs.
type matcher struct {
	vars  Vars
	found []Difference
	// volatile, if set, says of a recorded string and a string found in its place
	// whether both are of a kind that differs from run to run.
	volatile func(member, want, got string) bool
}

func (m *matcher) differ(path string, want, got any) {
	m.found = append(m.found, Difference{Kind: Changed, Path: path, Want: text(want), Got: text(got)})
}

// absent is what stands in the place of a member that is not there.
type absent struct{}

func (m *matcher) compare(path, member string, want, got any) {
	switch want := want.(type) {
	case string:
		if name, ok := variable(want); ok {
			m.bind(path, name, got)
			return
		}
		if g, ok := got.(string); ok && (g == want || m.volatile != nil && m.volatile(member, want, g)) {
			return
		}
		m.differ(path, want, got)
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			m.differ(path, want, got)
			return
		}
		_, open := want["..."]
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if key == "..." {
				continue
			}
			value, ok := g[key]
			if !ok {
				m.differ(join(path, key), want[key], absent{})
				continue
			}
			m.compare(join(path, key), key, want[key], value)
		}
		for _, key := range slices.Sorted(maps.Keys(g)) {
			if _, ok := want[key]; !ok && !open {
				m.differ(join(path, key), absent{}, g[key])
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok {
			m.differ(path, want, got)
			return
		}
		open := len(want) > 0 && want[len(want)-1] == "..."
		if open {
			want = want[:len(want)-1]
		}
		for i := range max(len(want), len(g)) {
			at := path + "[" + strconv.Itoa(i) + "]"
			switch {
			case i >= len(g):
				m.differ(at, want[i], absent{})
			case i < len(want):
				m.compare(at, member, want[i], g[i])
			case !open:
				m.differ(at, absent{}, g[i])
			}
		}
	default: // nil, bool, json.Number
		if want != got {
			m.differ(path, want, got)
		}
	}
}

func (m *matcher) bind(path, name string, got any) {
	if name == "_" {
		return
	}
	value := text(got)
	if bound, ok := m.vars[name]; ok && bound != value {
		m.found = append(m.found, Difference{Kind: Changed, Path: path, Want: bound, Got: value})
		return
	}
	m.vars[name] = value
}

func join(path, key string) string {
	switch {
	case path == "":
		return key
	case key == "":
		return path
	}
	return path + "." + key
}

// text returns a decoded value as JSON, or "" for an absent one.
func text(v any) string {
	if _, ok := v.(absent); ok {
		return ""
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

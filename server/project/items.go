package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// items reads the first items.
func (r *reader) items(content []byte) error {
	if trimmed := bytes.TrimSpace(content); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New(`the items have to be an object: {"collection": [items]}`)
	}
	var lists map[string]json.RawMessage
	if err := decodeJSON(content, &lists); err != nil {
		return err
	}
	file := map[string][]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		var err error
		if file[name], err = listOf[json.RawMessage](name, lists[name]); err != nil {
			return err
		}
		if err := r.check(name, file[name]); err != nil {
			return err
		}
	}
	ordered, err := r.order(file)
	if err != nil {
		return err
	}
	for _, name := range ordered {
		items, err := r.parentsFirst(r.Schema.Collections[name], file[name])
		if err != nil {
			return err
		}
		r.Items = append(r.Items, directus.FirstItems{Collection: name, Items: items})
	}
	return nil
}

// check refuses what a create would refuse, with the item's number.
func (r *reader) check(name string, items []json.RawMessage) error {
	c := r.Schema.Collections[name]
	switch {
	case c == nil:
		return fmt.Errorf("the collection %q is not in the schema", name)
	case c.System:
		return fmt.Errorf("the collection %q is the system's: users and roles are written in the file of --access", name)
	case c.Singleton && len(items) > 1:
		return fmt.Errorf("the collection %q has one item, and here are %d", name, len(items))
	}
	for i, raw := range items {
		item, err := members(raw)
		if err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		for _, field := range slices.Sorted(maps.Keys(item)) {
			f := c.Field(field)
			switch {
			case f == nil:
				return fmt.Errorf("%s[%d]: there is no field %q", name, i, field)
			case f.Type == query.Alias:
				return fmt.Errorf("%s[%d]: the field %q shows items of %q: write them there", name, i, field, f.Relation.Collection)
			}
			if f.Relation != nil && len(item[field]) > 0 && item[field][0] == '{' {
				return fmt.Errorf("%s[%d]: the field %q has to be a key: write the item it leads to under %q", name, i, field, f.Relation.Collection)
			}
			if _, err := query.DecodeValue(item[field], f); err != nil {
				return fmt.Errorf("%s[%d]: the field %q: %w", name, i, field, err)
			}
		}
	}
	return nil
}

func members(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var item map[string]json.RawMessage
	if err := json.Unmarshal(raw, &item); err != nil || item == nil {
		return nil, errors.New("an item has to be an object")
	}
	return item, nil
}

// order returns the collections such that each comes after those that it leads to.
func (r *reader) order(file map[string][]json.RawMessage) ([]string, error) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var ordered []string
	var visit func(name string) error
	visit = func(name string) error {
		state[name] = visiting
		c := r.Schema.Collections[name]
		for i := range c.Fields {
			to := c.Fields[i].Relation
			if to == nil || to.Many || to.Collection == name || !leads(file[name], c.Fields[i].Name) {
				continue
			}
			if _, ok := file[to.Collection]; !ok || state[to.Collection] == done {
				continue
			}
			if state[to.Collection] == visiting {
				return fmt.Errorf("the items of %q and %q lead to each other, so that neither can be written first: leave the field %q of one of them empty", name, to.Collection, c.Fields[i].Name)
			}
			if err := visit(to.Collection); err != nil {
				return err
			}
		}
		state[name] = done
		ordered = append(ordered, name)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if state[name] == 0 {
			if err := visit(name); err != nil {
				return nil, err
			}
		}
	}
	return ordered, nil
}

// leads reports whether any of the items has a value in that field.
func leads(items []json.RawMessage, field string) bool {
	return slices.ContainsFunc(items, func(raw json.RawMessage) bool {
		item, _ := members(raw)
		return !isNull(item[field])
	})
}

// parentsFirst returns items such that each comes after those of the same
// collection that it leads to.
func (r *reader) parentsFirst(c *query.Collection, items []json.RawMessage) ([]json.RawMessage, error) {
	var self []*query.Field
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Relation != nil && !f.Relation.Many && f.Relation.Collection == c.Name {
			self = append(self, f)
		}
	}
	if len(self) == 0 {
		return items, nil
	}
	parsed := make([]map[string]json.RawMessage, len(items))
	byKey := map[any]int{}
	for i, raw := range items {
		parsed[i], _ = members(raw)
		if key, _ := query.DecodeValue(parsed[i][c.PrimaryKey], c.Field(c.PrimaryKey)); key != nil {
			byKey[key] = i
		}
	}
	const visiting, done = 1, 2
	state := make([]int, len(items))
	ordered := make([]json.RawMessage, 0, len(items))
	var visit func(i int) error
	visit = func(i int) error {
		state[i] = visiting
		for _, f := range self {
			// A key has the type of the primary key, whatever the field's.
			key, _ := query.DecodeValue(parsed[i][f.Name], c.Field(c.PrimaryKey))
			parent, ok := byKey[key]
			switch {
			case key == nil || !ok || parent == i || state[parent] == done:
				continue
			case state[parent] == visiting:
				return fmt.Errorf("%s[%d]: the field %q leads round in a circle", c.Name, i, f.Name)
			}
			if err := visit(parent); err != nil {
				return err
			}
		}
		state[i] = done
		ordered = append(ordered, items[i])
		return nil
	}
	for i := range items {
		if state[i] == 0 {
			if err := visit(i); err != nil {
				return nil, err
			}
		}
	}
	return ordered, nil
}

package project

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// A snapshot is what "directus schema snapshot" writes, as far as it matters here.
type snapshot struct {
	Vendor      string // of the database
	Collections []snapshotCollection
	Fields      []snapshotField
	Relations   []snapshotRelation
	Data        *snapshot // the REST answer wraps it
}

type snapshotCollection struct {
	Collection string
	Meta       *struct{ Singleton bool }
	Schema     *struct{} // a folder has none
}

type snapshotField struct {
	Collection string
	Field      string
	Type       string
	Meta       *struct {
		Special []string
		Sort    *int
	}
	Schema *struct { // an alias has none
		DefaultValue json.RawMessage `json:"default_value"`
		MaxLength    *int            `json:"max_length"`
		Nullable     *bool           `json:"is_nullable"`
		Unique       bool            `json:"is_unique"`
		PrimaryKey   bool            `json:"is_primary_key"`
		Counted      bool            `json:"has_auto_increment"`
		Computed     bool            `json:"is_generated"`
	}
}

type snapshotRelation struct {
	Collection string
	Field      string
	Related    string `json:"related_collection"` // "" = any of several
	Meta       *struct {
		OneField  string `json:"one_field"`
		SortField string `json:"sort_field"`
	}
	Schema *struct {
		OnDelete string `json:"on_delete"`
	}
}

// served are the types of columns that there are.
var served = []query.Type{query.String, query.Text, query.UUID, query.Integer, query.BigInteger, query.Float, query.Decimal,
	query.Boolean, query.Timestamp, query.DateTime, query.Date, query.Time, query.JSON, query.CSV, query.Hash}

// schema reads a snapshot.
func (r *reader) schema(content []byte) error {
	var s snapshot
	if err := decode(content, &s); err != nil {
		return err
	}
	if s.Data != nil {
		s = *s.Data
	}
	if s.Vendor == "sqlite" {
		// There a column's length is a name: nothing is too long for it.
		for i := range s.Fields {
			if column := s.Fields[i].Schema; column != nil {
				column.MaxLength = nil
			}
		}
	}
	if s.Collections == nil {
		return errors.New(`this is no schema snapshot, for it has no "collections": make one with "directus schema snapshot"`)
	}
	var collections []*query.Collection
	folders := map[string]bool{}
	named := map[string]*query.Collection{}
	for _, described := range s.Collections {
		name := described.Collection
		switch {
		case name == "":
			return errors.New("one of the collections has no name")
		case isSystem(name):
			continue
		case described.Schema == nil:
			folders[name] = true
			continue
		case named[name] != nil:
			return fmt.Errorf("there are two collections %q: leave one out", name)
		}
		c := &query.Collection{Name: name, Singleton: described.Meta != nil && described.Meta.Singleton}
		named[name] = c
		collections = append(collections, c)
	}
	r.Schema = directus.NewSchema(collections...)
	// As items show them: by their sort order, and those without one as they come.
	slices.SortStableFunc(s.Fields, func(a, b snapshotField) int { return cmp.Compare(a.order(), b.order()) })
	for _, described := range s.Fields {
		c := r.Schema.Collections[described.Collection]
		switch {
		case described.Field == "":
			return fmt.Errorf("one of the fields of the collection %q has no name", described.Collection)
		case folders[described.Collection], c == nil && isSystem(described.Collection):
			continue
		case c == nil:
			return fmt.Errorf("the field %q is in the collection %q, which is not among the collections", described.Field, described.Collection)
		case described.Type == string(query.Alias) || described.Schema == nil:
			continue // what it shows, a relation says
		case c.System && c.Field(described.Field) != nil:
			continue
		}
		if err := r.field(c, described); err != nil {
			return err
		}
	}
	for _, c := range collections {
		if c.PrimaryKey == "" {
			return fmt.Errorf("the collection %q has no primary key, which it needs", c.Name)
		}
	}
	if err := r.relations(s); err != nil {
		return err
	}
	for _, described := range s.Fields {
		if c := r.Schema.Collections[described.Collection]; c != nil && described.leads() && c.Field(described.Field) == nil {
			r.warn("the field %q of the collection %q is left out, for no relation says what it shows", described.Field, c.Name)
		}
	}
	return nil
}

func isSystem(collection string) bool { return strings.HasPrefix(collection, "directus_") }

// order is where an item shows the field.
func (f *snapshotField) order() int {
	if f.Meta == nil || f.Meta.Sort == nil {
		return 1 << 30
	}
	return *f.Meta.Sort
}

// leads reports whether the field is an alias that shows related items, and not
// one that only arranges the form.
func (f *snapshotField) leads() bool {
	return f.Type == string(query.Alias) && f.Meta != nil && slices.ContainsFunc(f.Meta.Special, func(special string) bool {
		return slices.Contains([]string{"o2m", "m2m", "m2a", "files", "translations"}, special)
	})
}

// field adds a column to a collection.
func (r *reader) field(c *query.Collection, described snapshotField) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("the field %q of the collection %q %s", described.Field, c.Name, fmt.Sprintf(format, args...))
	}
	column := described.Schema
	f := query.Field{Name: described.Field, Type: query.Type(described.Type)}
	switch {
	case c.Field(f.Name) != nil:
		return refuse("is there twice: leave one out")
	case !slices.Contains(served, f.Type):
		return refuse("has the type %s, which is not served: leave the field out", described.Type)
	case column.Computed:
		return refuse("is computed by its database, which is not served: leave the field out")
	}
	if described.Meta != nil {
		f.Special = described.Meta.Special
	}
	if column.MaxLength != nil && *column.MaxLength > 0 && (f.Type == query.String || f.Type == query.Text) {
		f.MaxLength = *column.MaxLength
	}
	f.Unique = column.Unique || column.PrimaryKey
	f.Required = column.Nullable != nil && !*column.Nullable || column.PrimaryKey
	if column.PrimaryKey && !c.System {
		if c.PrimaryKey != "" {
			return refuse("is a primary key beside %q: a collection has one", c.PrimaryKey)
		}
		switch f.Type {
		case query.Integer, query.BigInteger:
			f.Generated = column.Counted
		case query.UUID, query.String:
		default:
			return refuse("is a primary key of the type %s, which is not served: make it an integer, a uuid or a string", f.Type)
		}
		c.PrimaryKey = f.Name
	}
	if err := r.defaultOf(&f, column.DefaultValue, refuse); err != nil {
		return err
	}
	if c.System && f.Default == nil {
		f.Required = false // the accounts that are made here do not know of it
	}
	c.Fields = append(c.Fields, f)
	return nil
}

// defaultOf reads a field's default.
func (r *reader) defaultOf(f *query.Field, raw json.RawMessage, refuse func(string, ...any) error) error {
	if isNull(raw) || f.Generated {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && isExpression(text, f.Type) {
		// The specials do the same; besides, nothing computes it.
		if !f.Is("uuid") && !f.Is("date-created") && !f.Is("date-updated") {
			r.warn("%v", refuse("has the default %s, which only its database computes: a new item has none", text))
		}
		return nil
	}
	value, err := query.DecodeValue(raw, f)
	if err != nil {
		return refuse("has the default %s, which does not fit: %v", raw, err)
	}
	f.Default = value
	return nil
}

// isExpression reports whether a default is something that a database computes.
func isExpression(text string, kind query.Type) bool {
	switch kind {
	case query.Timestamp, query.DateTime, query.Date, query.Time, query.UUID, query.Integer, query.BigInteger:
	default:
		return false
	}
	upper := strings.ToUpper(strings.TrimSpace(text))
	return strings.HasPrefix(upper, "CURRENT_") || strings.HasSuffix(upper, ")") || upper == "NOW"
}

// relations adds what the relations say: where an m2o field leads, and the o2m
// field at its other end.
func (r *reader) relations(s snapshot) error {
	aliases := map[[2]string]snapshotField{}
	for _, f := range s.Fields {
		if f.Type == string(query.Alias) {
			aliases[[2]string{f.Collection, f.Field}] = f
		}
	}
	for _, described := range s.Relations {
		c := r.Schema.Collections[described.Collection]
		if c == nil && isSystem(described.Collection) {
			continue // of a system collection that is not served
		}
		refuse := func(format string, args ...any) error {
			return fmt.Errorf("the relation of the field %q of the collection %q %s", described.Field, described.Collection, fmt.Sprintf(format, args...))
		}
		if c == nil {
			return refuse("is in no collection that is described")
		}
		f := c.Field(described.Field)
		if f == nil {
			if c.System {
				continue // of a field that is not served
			}
			return refuse("has no such field")
		}
		if f.Relation != nil {
			if c.System {
				continue
			}
			return refuse("is there twice: leave one out")
		}
		if described.Related == "" {
			r.warn("%v", refuse("leads to any of several collections, which is not served: the field is a plain value"))
			continue
		}
		related := r.Schema.Collections[described.Related]
		if related == nil || related.System && !directus.Serves(described.Related) {
			if isSystem(described.Related) {
				r.warn("%v", refuse("leads to %s, which is not served: the field is a plain value", described.Related))
				continue
			}
			return refuse("leads to the collection %q, which is not described", described.Related)
		}
		f.Relation = &query.Relation{Collection: related.Name, Local: f.Name, Foreign: related.PrimaryKey}
		if described.Schema != nil {
			f.Relation.OnDelete = described.Schema.OnDelete
		}
		if !slices.Contains([]string{"", "SET NULL", "CASCADE", "NO ACTION", "RESTRICT"}, f.Relation.OnDelete) {
			return refuse("has on_delete %q, which is not served: make it SET NULL, CASCADE, NO ACTION or RESTRICT", f.Relation.OnDelete)
		}
		if described.Meta == nil || described.Meta.OneField == "" {
			continue
		}
		alias, ok := aliases[[2]string{related.Name, described.Meta.OneField}]
		if !ok {
			return refuse("is shown as the field %q of the collection %q, which is not described", described.Meta.OneField, related.Name)
		}
		if sort := described.Meta.SortField; sort != "" && c.Field(sort) == nil {
			return refuse("is sorted by the field %q, which is not described", sort)
		}
		r.alias(related, alias, s.Fields, &query.Relation{Many: true, Collection: c.Name,
			Local: related.PrimaryKey, Foreign: f.Name, Sort: described.Meta.SortField})
	}
	return nil
}

// alias adds an o2m field to a collection, in its place among the others.
func (r *reader) alias(c *query.Collection, described snapshotField, sorted []snapshotField, to *query.Relation) {
	f := query.Field{Name: described.Field, Type: query.Alias, Relation: to}
	if described.Meta != nil {
		f.Special = described.Meta.Special
	}
	at := 0
	for _, other := range sorted {
		if other.Collection != c.Name {
			continue
		}
		if other.Field == described.Field {
			break
		}
		if i := slices.IndexFunc(c.Fields, func(f query.Field) bool { return f.Name == other.Field }); i >= 0 {
			at = i + 1
		}
	}
	if c.System {
		at = len(c.Fields)
	}
	c.Fields = slices.Insert(c.Fields, at, f)
}

// Package query says what a Directus query means: it parses, validates, matches,
// sorts, projects and aggregates in memory, without any I/O.
//
// A request goes through [Parse], which knows no schema, [Query.Validate], and
// [Query.Bind], which knows the schema, who asks and the time, and looks up what the text
// stands for: [Filter] and [SortKey] say what a bound one holds. From then on nothing
// else is needed but rows, and those related to them, which a [Lookup] finds:
// [Query.Execute] gives items, to be shown as [Query.Selection] says, and
// [Query.Groups] gives aggregates.
//
// The server compiles the bound types to SQL; one table of cases holds the two to
// the same answer.
package query

import "time"

// A Row is one item: field name to value. A value is nil, bool, int64, float64,
// string, or json.RawMessage for the types json and csv. Dates and times are
// strings in Directus's form (a timestamp is "2006-01-02T15:04:05.000Z", UTC).
type Row map[string]any

// A Type is a Directus field type.
type Type string

// The field types that are served. A type that is not listed behaves like string.
const (
	String     Type = "string"
	Text       Type = "text"
	UUID       Type = "uuid"
	Integer    Type = "integer"
	BigInteger Type = "bigInteger"
	Float      Type = "float"
	Decimal    Type = "decimal"
	Boolean    Type = "boolean"
	Timestamp  Type = "timestamp" // with time zone; stored and sent in UTC
	DateTime   Type = "dateTime"  // without time zone
	Date       Type = "date"
	Time       Type = "time"
	JSON       Type = "json"
	CSV        Type = "csv"
	Hash       Type = "hash"
	// Alias has no column: what it shows are related rows (its Relation says which).
	Alias Type = "alias"
)

// A Schema is the collections of a project.
type Schema struct {
	Collections map[string]*Collection
}

// A Relation leads from a row to rows of another collection: to those whose field
// Foreign equals the row's field Local.
//
// A many-to-one relation ("m2o") is at the field that holds the other row's key:
// Local is that field and Foreign the other collection's primary key. A
// one-to-many relation ("o2m") is at a field of type [Alias]: Local is the own
// primary key and Foreign the other collection's m2o field. ("m2m" is an o2m to
// the junction collection, as in Directus.)
type Relation struct {
	Many       bool   // o2m: any number of rows; else at most one
	Collection string // the related collection
	Local      string // of the row at hand
	Foreign    string // of the related collection
	Sort       string // o2m: by which field of theirs the related rows are sorted; "" = their primary key
	// OnDelete says what becomes of an m2o row when the row that it points at is
	// deleted: "SET NULL" (also ""), "CASCADE", or "NO ACTION" (also "RESTRICT"), which
	// refuses to delete that row.
	OnDelete string
}

// A Collection is a table: its fields in the order in which items show them.
type Collection struct {
	Name       string
	PrimaryKey string
	Fields     []Field
	// Singleton collections have at most one item, which is shown as an object.
	Singleton bool
	// Schema is where related collections are found; nil = there are no relations.
	// (A collection narrowed to what somebody may see has a schema narrowed alike.)
	Schema *Schema
	// System marks directus_* collections: they are not reached through "items".
	System bool
}

// Field returns the field of that name, or nil.
func (c *Collection) Field(name string) *Field {
	for i := range c.Fields {
		if c.Fields[i].Name == name {
			return &c.Fields[i]
		}
	}
	return nil
}

// Related returns the collection that a relation leads to, or nil.
func (c *Collection) Related(r *Relation) *Collection {
	if r == nil || c.Schema == nil {
		return nil
	}
	return c.Schema.Collections[r.Collection]
}

// A Field is a column, or an [Alias].
type Field struct {
	Name      string
	Type      Type
	Special   []string // "uuid", "date-created", "date-updated", "user-created", "user-updated", "conceal", "hash", "cast-json", "cast-boolean"
	Required  bool     // NOT NULL
	Unique    bool
	Default   any       // a Row value; nil = none
	MaxLength int       // in characters; 0 = no limit
	Generated bool      // an integer primary key that the database counts up
	Relation  *Relation // nil = none
}

// Is reports whether the field has that special.
func (f *Field) Is(special string) bool {
	for _, s := range f.Special {
		if s == special {
			return true
		}
	}
	return false
}

// isSecret reports whether nobody is to learn anything of the value but whether
// there is one.
func (f *Field) isSecret() bool { return f.Type == Hash || f.Is("conceal") || f.Is("hash") }

// An Env is what dynamic variables stand for: $NOW, $CURRENT_USER, $CURRENT_ROLE,
// $CURRENT_ROLES, $CURRENT_POLICIES. Empty strings are null.
type Env struct {
	Now      time.Time
	User     string
	Role     string
	Roles    []string
	Policies []string
	// Fields holds what "$CURRENT_USER.first_name" and its like stand for, by the
	// whole name. See [Filter.Variables].
	Fields map[string]any
	// Guard returns which rows of a related collection may be looked at, as a filter
	// (it may itself have relations, which are not guarded again); nil = all. Bind puts it
	// at every relation that a filter, a sort key or a function passes. Bind it to the
	// whole collection before, if it looks at fields that the query itself may not: else it is
	// bound to the collection that the query sees.
	Guard func(collection string) *Filter
	// Lookup finds related rows for Execute and Groups; nil = there are none.
	Lookup Lookup
}

// An Error refuses a query or a value. Code is "INVALID_QUERY", "FORBIDDEN" for a
// field that does not exist or may not be read, or "INVALID_PAYLOAD" for a value
// that does not fit its field; Message is Directus's own wording where it has one.
type Error struct {
	Code    string
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

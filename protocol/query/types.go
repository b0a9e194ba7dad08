// Package query says what a Directus query means: it parses, validates, matches,
// sorts and projects in memory, without any I/O.
//
// The server compiles the same types to SQL; one table of cases holds the two to
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
)

// A Schema is the collections of a project.
type Schema struct {
	Collections map[string]*Collection
}

// A Collection is a table: its fields in the order in which items show them.
type Collection struct {
	Name       string
	PrimaryKey string
	Fields     []Field
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

// A Field is a column.
type Field struct {
	Name      string
	Type      Type
	Special   []string // "uuid", "date-created", "date-updated", "user-created", "user-updated", "conceal", "hash", "cast-json", "cast-boolean"
	Required  bool     // NOT NULL
	Unique    bool
	Default   any  // a Row value; nil = none
	MaxLength int  // in characters; 0 = no limit
	Generated bool // an integer primary key that the database counts up
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

// An Env is what dynamic variables stand for: $NOW, $CURRENT_USER, $CURRENT_ROLE,
// $CURRENT_ROLES, $CURRENT_POLICIES. Empty strings are null.
type Env struct {
	Now      time.Time
	User     string
	Role     string
	Roles    []string
	Policies []string
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

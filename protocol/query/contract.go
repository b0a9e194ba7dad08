package query

// STUBS: the API that the other packages build on. The bodies are being written.

import "encoding/json"

// Unset is the Limit of a query that names none; it is executed as 100.
const Unset = -2

// DefaultLimit is what Unset is executed as (Directus's QUERY_LIMIT_DEFAULT).
const DefaultLimit = 100

// A Query is a parsed query. The zero Query is not useful: use [Parse] (nil gives
// the empty query) or [New].
type Query struct {
	Fields []string // nil = every field
	Filter *Filter  // nil = every item
	Search string
	Sort   []SortKey // nil = by primary key
	Limit  int       // Unset, -1 = no limit, or n
	Offset int
	Page   int      // 0 = not given; the first page is 1
	Meta   []string // "total_count", "filter_count"
}

// A SortKey is a field and a direction.
type SortKey struct {
	Field string
	Desc  bool
}

// New returns the empty query: every field of every item, limit Unset.
func New() Query { return Query{Limit: Unset} }

// Parse reads a query object, native JSON or the official SDK's stringified form
// (fields "a,b", sort "-a", filter as a JSON string, limit "5"). It refuses what
// is not served yet (aggregate, groupBy, deep, alias, relations) with INVALID_QUERY.
func Parse(raw []byte) (Query, error) { panic("stub") }

// JSON encodes the query natively, as a client sends it. It is Parse's inverse.
func (q Query) JSON() json.RawMessage { panic("stub") }

// Validate checks every field and operator against the collection.
func (q Query) Validate(c *Collection) error { panic("stub") }

// Window returns the offset and the limit to execute (-1 = none), with Page and
// the default limit resolved.
func (q Query) Window() (offset, limit int) { panic("stub") }

// An Op is a filter operator, "_eq" and the like, or "_and", "_or", "_not" (the last never parsed).
type Op string

// A Filter is a tree: a node is And/Or of Nodes, or an operator on a field.
type Filter struct {
	Op    Op
	Nodes []*Filter // of _and, _or
	Field string    // of a leaf
	Value any       // of a leaf: a Row value, or []any for lists; dynamic variables are kept as strings until executed
}

// ParseFilter reads a filter object. {} and null are nil, which matches everything.
func ParseFilter(raw []byte) (*Filter, error) { panic("stub") }

// And joins filters; nils are left out. All nil gives nil.
func And(filters ...*Filter) *Filter { panic("stub") }

// Validate checks the filter's fields and operators against the collection.
func (f *Filter) Validate(c *Collection) error { panic("stub") }

// Bind returns the filter with every dynamic variable replaced by what it stands
// for and every operand cast to its field's type, so that Match, and the SQL
// compiler, need nothing else. c may be nil: then nothing is cast.
func (f *Filter) Bind(c *Collection, env Env) *Filter { panic("stub") }

// Match reports whether the row satisfies a bound filter, by SQL's three-valued
// logic (unknown is false). A nil filter matches everything.
func (f *Filter) Match(row Row) bool { panic("stub") }

// MatchSearch reports whether the row matches a search term: a case-insensitive
// contains over text fields, equality for numbers and uuids.
func MatchSearch(c *Collection, row Row, term string) bool { panic("stub") }

// Compare orders two rows by the sort keys: nulls first ascending (as SQLite),
// text by bytes, then by the primary key, so that the order is total.
func Compare(a, b Row, keys []SortKey, primaryKey string) int { panic("stub") }

// CompareValues orders two values of one field: nil < false < true < numbers < text.
func CompareValues(a, b any) int { panic("stub") }

// Execute answers the query from rows held in memory: filter (bound), search,
// sort, window. It does not project. It is what the server's SQL must equal.
func (q Query) Execute(c *Collection, rows []Row, env Env) []Row { panic("stub") }

// Select returns the names of the fields to show, in the collection's order, for
// "*" and nil; or as the query names them.
func (q Query) Select(c *Collection) []string { panic("stub") }

// AppendRow appends the row as a JSON object with just these fields, in this order;
// a field that the row lacks is null.
func AppendRow(dst []byte, row Row, fields []string) []byte { panic("stub") }

// DecodeRow reads a JSON object into a Row; c may be nil (numbers then are int64
// where they are whole, objects and arrays json.RawMessage). It fails if raw is
// not an object or a value does not fit its field's type.
func DecodeRow(raw []byte, c *Collection) (Row, error) { panic("stub") }

// DecodeValue casts one JSON value to a field's type; an error says what was expected.
func DecodeValue(raw []byte, f *Field) (any, error) { panic("stub") }

// AppendValue appends one value as JSON.
func AppendValue(dst []byte, v any) []byte { panic("stub") }

package query

import "slices"

// Unset is the Limit of a query that names none; it is executed as [DefaultLimit].
const Unset = -2

// DefaultLimit is what Unset is executed as (Directus's QUERY_LIMIT_DEFAULT).
const DefaultLimit = 100

// The values of Query.Meta.
const (
	TotalCount  = "total_count"  // how many items there are that may be read
	FilterCount = "filter_count" // how many of them match filter and search
)

// A Query is a parsed query. The zero Query asks for no items (its Limit is 0): use
// [Parse] (nil gives the empty query) or [New].
type Query struct {
	Fields []string // nil = every field
	Filter *Filter  // nil = every item
	Search string
	Sort   []SortKey // nil = by primary key
	Limit  int       // Unset, -1 = no limit, or n
	Offset int
	Page   int      // 0 = not given; the first page is 1
	Meta   []string // "total_count", "filter_count"

	// Aggregate asks for numbers instead of items; nil = items. GroupBy holds fields
	// and functions of fields ("status", "year(date)"); without Aggregate it asks for
	// the groups alone.
	Aggregate []Aggregation
	GroupBy   []string
	// Deep is what is asked of nested rows: relation to query. A query in it has
	// Filter, Sort, Search, Limit, Offset, Page, and Deep of its own.
	Deep map[string]Query
	// Alias is the names under which fields are shown as well: alias to field.
	Alias map[string]string
}

// An Aggregation is a function over the rows of a group.
type Aggregation struct {
	Func  string // "count", "countAll", "countDistinct", "sum", "sumDistinct", "avg", "avgDistinct", "min", "max"
	Field string // "*" = every row, for count and countAll
}

// A SortKey is a field and a direction.
type SortKey struct {
	// Field is "title", a path through m2o relations "author.name", or a function of
	// a field at the end of either, "year(date)", "author.year(born)". In a bound key
	// it is the field alone. Groups are sorted by what is in Aggregate, too: "count",
	// "sum.views".
	Field string
	Desc  bool

	// Only in a bound key:

	Func string // "" = the field itself
	Path []Hop  // the relations to go through before Field
	// (With "count" of a one-to-many relation, Field is the relation's and the last hop
	// is it: the key is the number of its rows.)
}

// A Hop is one relation of a bound path: m2o, or the o2m whose rows are counted.
type Hop struct {
	Relation *Relation
	Guard    *Filter // the related row counts as missing unless this matches; bound
}

// A Lookup finds the rows to which a relation leads: those whose r.Foreign equals
// value, in any order. It is asked for no row when value is nil.
type Lookup func(r *Relation, value any) []Row

// A Group is one row of an aggregated query: what it is grouped by, in the order
// of GroupBy, and what was computed, in the order of Aggregate.
type Group struct {
	Keys, Values []any
}

// New returns the empty query: every field of every item, limit Unset.
func New() Query { return Query{Limit: Unset} }

// Window returns the offset and the limit to execute (-1 = none), with Page and
// the default limit resolved. A page wins over an offset, but not without a limit
// (as in Directus, where page 2 of "everything" is everything).
func (q Query) Window() (offset, limit int) {
	offset, limit = q.Offset, q.Limit
	if limit == Unset {
		limit = DefaultLimit
	}
	if q.Page > 0 && limit > 0 {
		offset = limit * (q.Page - 1)
		if offset/limit != q.Page-1 { // overflow: a page beyond every item
			offset = maxSafeInteger
		}
	}
	return offset, limit
}

// UsesNow reports whether what the query finds depends on the time: its filter, or
// one of deep. Ask before Bind.
func (q Query) UsesNow() bool {
	if q.Filter.UsesNow() {
		return true
	}
	for _, deep := range q.Deep {
		if deep.UsesNow() {
			return true
		}
	}
	return false
}

// isStar reports whether name is "*", "*.*", "*.*.*" and so on.
func isStar(name string) bool {
	for i := range len(name) {
		if i%2 == 0 && name[i] != '*' || i%2 == 1 && name[i] != '.' {
			return false
		}
	}
	return len(name)%2 == 1
}

// Execute answers the query from rows held in memory: filter, search, sort,
// window. It binds the query itself (a bound one stays as it is), finds related rows with
// env.Lookup, does not project and does not change rows.
// It is what the server's SQL must equal.
func (q Query) Execute(c *Collection, rows []Row, env Env) []Row {
	q = q.Bind(c, env)
	found := q.matching(c, rows, env)
	slices.SortStableFunc(found, func(a, b Row) int { return CompareWith(a, b, q.Sort, c.PrimaryKey, env.Lookup) })
	return window(q, found)
}

// matching returns the rows that a bound query is about.
func (q Query) matching(c *Collection, rows []Row, env Env) []Row {
	filter := And(q.Filter, SearchFilter(c, q.Search))
	var found []Row
	for _, row := range rows {
		if filter.MatchWith(row, env.Lookup) {
			found = append(found, row)
		}
	}
	return found
}

// window cuts out what the query's limit, offset and page leave.
func window[T any](q Query, found []T) []T {
	offset, limit := q.Window()
	found = found[min(max(offset, 0), len(found)):]
	if limit >= 0 {
		found = found[:min(limit, len(found))]
	}
	return found
}

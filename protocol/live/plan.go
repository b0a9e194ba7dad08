package live

import (
	"slices"
	"strings"

	"leveret/protocol/query"
)

// A plan is what of a query is asked of the server, and what of the answer is shown.
type plan struct {
	asked         query.Query
	primaryKey    string
	needs         []string // what the filter and the sort keys look at, as paths
	offset, limit int      // the window that is shown; limit -1 = all

	// main is what the subscription to the query itself sends. Its rows begin at the
	// first, so that the window can be refilled from before and from behind.
	main  query.Query
	added []string // of main's fields, those that the consumer did not ask for
	most  int      // of main's rows; as many mean that there may be more
}

// slack is how many rows behind the window are held, so that a few that leave need no
// new subscription.
const slack = 20

// planOf plans a query. Without a limit it asks for one row more than maxRows, so that
// more can be told from as many.
func planOf(q query.Query, primaryKey string, needs []string, maxRows int) plan {
	p := plan{asked: q, primaryKey: primaryKey, needs: needs, main: q, most: -1}
	if q.Grouped() {
		return p // groups are shown as the server has them
	}
	p.limit = -1
	if q.Limit != query.Unset || q.Page > 0 {
		p.offset, p.limit = q.Window()
	} else {
		p.offset = max(q.Offset, 0)
	}
	if p.limit < 0 {
		p.most = maxRows + 1
	} else {
		p.most = p.offset + p.limit + slack
	}
	p.main.Limit, p.main.Offset, p.main.Page, p.main.Meta = p.most, 0, 0, nil
	p.main.Fields = slices.Clone(q.Fields)
	for _, path := range append([]string{primaryKey}, needs...) {
		if brings(p.main.Fields, path) {
			continue
		}
		if len(p.main.Fields) == 0 {
			p.main.Fields = []string{"*"}
		}
		p.main.Fields = append(p.main.Fields, path)
		p.added = append(p.added, path)
	}
	return p
}

// brings reports whether a list of fields has what is at a path. No list is "*". A longer
// entry has it too: "*.*" brings every value, and "author.name" makes "author" an object,
// which asking for the key beside it would not change.
func brings(fields []string, path string) bool {
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	names := strings.Split(path, ".")
	return slices.ContainsFunc(fields, func(field string) bool {
		parts := strings.Split(field, ".")
		if len(parts) < len(names) {
			return false
		}
		for i, name := range names {
			if parts[i] != "*" && parts[i] != name {
				return false
			}
		}
		return true
	})
}

// guard is what is listened to where a server does not tell what leaves the filter:
// the updates of all items. It has no limit, since Directus cuts events by it too.
func (p *plan) guard() query.Query {
	q := query.New()
	q.Fields = []string{p.primaryKey}
	for _, path := range p.needs {
		if !slices.Contains(q.Fields, path) {
			q.Fields = append(q.Fields, path)
		}
	}
	q.Limit = -1
	return q
}

// confirm reads those items with these keys that the query finds.
func (p *plan) confirm(keys []any) query.Query {
	q := p.main
	q.Filter = query.And(q.Filter, &query.Filter{Op: query.OpIn, Field: p.primaryKey, Value: keys})
	q.Sort, q.Limit = nil, -1
	return q
}

// rank reads the order of main's rows.
func (p *plan) rank() query.Query {
	q := p.main
	q.Fields, q.Deep, q.Alias = []string{p.primaryKey}, nil, nil
	return q
}

// count reads how many items the query finds, the window aside.
func (p *plan) count() query.Query {
	q := query.New()
	q.Filter, q.Search = p.asked.Filter, p.asked.Search
	q.Aggregate = []query.Aggregation{{Func: "count", Field: p.primaryKey}}
	return q
}

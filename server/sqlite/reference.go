package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// A reference is a field that holds the primary key of a row of another table, or of
// its own: a many-to-one relation. It is SQLite's foreign key, "DEFERRABLE INITIALLY
// DEFERRED", but checked by us: a table of SQLite's cannot be given one later, and
// SQLite does not say which field it was.
type reference struct {
	from  *table
	field int // of from
	to    *table
}

// refer finds the references between the tables. A relation to a collection that the
// schema lacks is a field like any other.
func refer(tables map[string]*table) error {
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		t := tables[name]
		for i, f := range t.fields {
			if f.Relation == nil || f.Relation.Many {
				continue
			}
			to := tables[f.Relation.Collection]
			if to == nil {
				continue
			}
			if f.Relation.Foreign != to.PrimaryKey || f.Relation.Local != f.Name {
				return fmt.Errorf("collection %q: the relation of the field %q must lead from it to the primary key %q of %q", name, f.Name, to.PrimaryKey, to.Name)
			}
			if key := to.stores[to.key]; key != t.stores[i] {
				return fmt.Errorf("collection %q: the field %q is of type %s but the primary key of %q, at which it points, of type %s: declare it as that", name, f.Name, f.Type, to.Name, to.fields[to.key].Type)
			}
			r := reference{from: t, field: i, to: to}
			t.references = append(t.references, r)
			to.referrers = append(to.referrers, r)
		}
	}
	return nil
}

// refers reports whether a field is a reference.
func (t *table) refers(field int) bool {
	return slices.ContainsFunc(t.references, func(r reference) bool { return r.field == field })
}

// column returns the referring column, quoted.
func (r reference) column() string { return r.from.columns[r.field] }

// dangling selects, for a SELECT, the rows that point at a row that does not exist.
func (r reference) dangling() string {
	return " FROM " + r.from.name + " AS t0 WHERE t0." + r.column() + " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " +
		r.to.name + " AS t1 WHERE t1." + r.to.columns[r.to.key] + " = t0." + r.column() + ")"
}

// checkReferences refuses a relation that is new while rows break it, and remembers
// the others. Call it when all tables are there.
func (s *Store) checkReferences(ctx context.Context, c *session) error {
	known, err := knownReferences(ctx, c)
	if err != nil {
		return err
	}
	if _, err := c.exec(ctx, `DELETE FROM "_leveret_relations"`); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		for _, r := range s.tables[name].references {
			field := r.from.fields[r.field].Name
			if known[[2]string{name, field}] != r.to.Name {
				n, err := c.integer(ctx, "SELECT COUNT(*)"+r.dangling())
				if err != nil {
					return err
				}
				if n > 0 {
					return fmt.Errorf("%s: the field %q of the collection %q points at %q now, but %d rows in the file name a row there that does not exist: add those rows or clear the field under the former schema, or choose another file with --db",
						s.path, field, name, r.to.Name, n)
				}
			}
			if _, err := c.change(ctx, `INSERT INTO "_leveret_relations" VALUES (?, ?, ?)`, name, field, r.to.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownReferences returns the references that the file is known to keep: collection
// and field to related collection.
func knownReferences(ctx context.Context, c *session) (map[[2]string]string, error) {
	rows, err := c.query(ctx, `SELECT "collection", "field", "related" FROM "_leveret_relations"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[[2]string]string{}
	for rows.Next() {
		var collection, field, related string
		if err := rows.Scan(&collection, &field, &related); err != nil {
			return nil, err
		}
		known[[2]string{collection, field}] = related
	}
	return known, rows.Err()
}

// A doubt is a reference that pointed at no row when it was last looked at.
type doubt struct {
	reference
	key any // what it points at, as it is bound
}

// doubtRow remembers those references of a row that was written whose row does not
// exist (yet). values holds what was bound, by field.
func (t *tx) doubtRow(ctx context.Context, table *table, values []any) error {
	for _, r := range table.references {
		key := values[r.field]
		if key == nil {
			continue
		}
		n, err := t.number(ctx, "SELECT EXISTS (SELECT 1 FROM "+r.to.name+" WHERE "+r.to.columns[r.to.key]+" = ?)", key)
		if err != nil {
			return err
		}
		if n == 0 {
			t.doubts = append(t.doubts, doubt{r, key})
		}
	}
	return nil
}

// doubtKeys remembers the references to rows whose keys have just gone. list is what
// table.keyIn binds for them.
func (t *tx) doubtKeys(ctx context.Context, table *table, many bool, list any) error {
	for _, r := range table.referrers {
		if err := t.doubtReferrers(ctx, r, many, list); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) doubtReferrers(ctx context.Context, r reference, many bool, list any) error {
	rows, err := t.c.query(ctx, "SELECT DISTINCT "+r.column()+" FROM "+r.from.name+" WHERE "+r.column()+among(many), list)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		d := doubt{reference: r}
		if err := rows.Scan(&d.key); err != nil {
			return err
		}
		t.doubts = append(t.doubts, d)
	}
	return rows.Err()
}

// settle refuses the transaction if a reference still points at no row.
func (t *tx) settle(ctx context.Context) error {
	for _, d := range t.doubts {
		n, err := t.number(ctx, "SELECT EXISTS (SELECT 1"+d.dangling()+" AND t0."+d.column()+" = ?)", d.key)
		if err != nil {
			return err
		}
		if n != 0 {
			return errForeignKey
		}
	}
	return nil
}

// number runs a prepared SELECT of one number.
func (t *tx) number(ctx context.Context, text string, args ...any) (n int, err error) {
	stmt, err := t.c.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	err = stmt.QueryRowContext(ctx, args...).Scan(&n)
	return n, err
}

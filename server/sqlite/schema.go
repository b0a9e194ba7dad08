package sqlite

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"leveret/protocol/query"
)

// formatVersion is the form of the file (PRAGMA user_version). A file with a
// higher number is refused, one with a lower number is brought up to this. Version 2 has
// relations, which a program that does not know them would break.
const formatVersion = 2

// internalTables are what the file holds besides the collections.
var internalTables = []string{
	// The fields as they were declared when their columns were made.
	`CREATE TABLE IF NOT EXISTS "_leveret_fields" (
		"collection" TEXT NOT NULL,
		"field" TEXT NOT NULL,
		"type" TEXT NOT NULL,
		"role" TEXT NOT NULL,
		"required" INTEGER NOT NULL,
		PRIMARY KEY ("collection", "field")
	) STRICT, WITHOUT ROWID`,
	// The many-to-one relations that every row is known to keep.
	`CREATE TABLE IF NOT EXISTS "_leveret_relations" (
		"collection" TEXT NOT NULL,
		"field" TEXT NOT NULL,
		"related" TEXT NOT NULL,
		PRIMARY KEY ("collection", "field")
	) STRICT, WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS "_leveret_settings" (
		"name" TEXT NOT NULL PRIMARY KEY,
		"value" TEXT NOT NULL
	) STRICT, WITHOUT ROWID`,
	// deleted is in milliseconds since 1970.
	`CREATE TABLE IF NOT EXISTS "_leveret_tombstones" (
		"collection" TEXT NOT NULL,
		"key" TEXT NOT NULL,
		"deleted" INTEGER NOT NULL,
		PRIMARY KEY ("collection", "key")
	) STRICT, WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS "_leveret_tombstones_deleted" ON "_leveret_tombstones" ("deleted")`,
}

// A table is a collection with what is needed again and again to read and write it.
type table struct {
	*query.Collection
	name    string         // quoted
	fields  []*query.Field // those that have a column, which is all but the aliases
	columns []string       // quoted, in the order of fields
	stores  []storage      // in the order of fields
	key     int            // index of the primary key
	list    string         // the columns of the row at hand with commas
	insert  string         // INSERT of a whole row

	references []reference // from here to other tables
	referrers  []reference // from other tables to here
}

// tablesOf checks the schema and prepares its tables.
func tablesOf(schema *query.Schema) (map[string]*table, error) {
	tables := make(map[string]*table, len(schema.Collections))
	folded := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(schema.Collections)) {
		c := schema.Collections[name]
		if err := checkName("collection", name, folded); err != nil {
			return nil, err
		}
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "sqlite_") || strings.HasPrefix(lower, "_leveret_") {
			return nil, fmt.Errorf("collection %q: names that begin with sqlite_ or _leveret_ are reserved", name)
		}
		t := &table{Collection: c, name: quote(name), key: -1}
		var selected []string
		fields := map[string]string{}
		for i := range c.Fields {
			f := &c.Fields[i]
			if err := checkName("field", f.Name, fields); err != nil {
				return nil, fmt.Errorf("collection %q: %w", name, err)
			}
			if f.Type == query.Alias {
				continue
			}
			if f.Name == c.PrimaryKey {
				t.key = len(t.fields)
			}
			if f.Generated && (f.Name != c.PrimaryKey || storageOf(f.Type) != storeInteger) {
				return nil, fmt.Errorf("collection %q: the field %q is generated, so it must be an integer primary key", name, f.Name)
			}
			t.fields = append(t.fields, f)
			t.columns = append(t.columns, quote(f.Name))
			t.stores = append(t.stores, storageOf(f.Type))
			selected = append(selected, rootAlias+"."+quote(f.Name))
		}
		if t.key < 0 {
			return nil, fmt.Errorf("collection %q: the primary key %q is not one of its fields", name, c.PrimaryKey)
		}
		if s := t.stores[t.key]; s != storeText && s != storeInteger {
			return nil, fmt.Errorf("collection %q: a primary key of type %s is not served: make it a uuid, a string or an integer", name, t.fields[t.key].Type)
		}
		t.list = strings.Join(selected, ", ")
		t.insert = "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(t.columns)-1) + ")"
		tables[name] = t
	}
	return tables, refer(tables)
}

// checkName refuses names that SQLite cannot keep apart.
func checkName(what, name string, folded map[string]string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return fmt.Errorf("a %s cannot be named %q", what, name)
	}
	lower := strings.ToLower(name)
	if other, ok := folded[lower]; ok {
		return fmt.Errorf("the %ss %q and %q differ only in case, which SQLite does not tell apart: rename one", what, other, name)
	}
	folded[lower] = name
	return nil
}

// quote makes an identifier of a name.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// column returns the index of a field, or -1 if it has no column.
func (t *table) column(field string) int {
	for i := range t.fields {
		if t.fields[i].Name == field {
			return i
		}
	}
	return -1
}

// role says what kind of column a field has, besides its type.
func (t *table) role(i int) string {
	switch {
	case t.fields[i].Generated:
		return "generated key"
	case i == t.key:
		return "key"
	}
	return "field"
}

// A storedField is a field as the file has it.
type storedField struct {
	fieldType query.Type
	role      string
	required  bool
}

// migrate creates and extends the tables, within a transaction.
func (s *Store) migrate(ctx context.Context, c *session) error {
	for _, text := range internalTables {
		if _, err := c.exec(ctx, text); err != nil {
			return err
		}
	}
	stored, err := storedFields(ctx, c)
	if err != nil {
		return err
	}
	indexed, err := indexNames(ctx, c)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		t := s.tables[name]
		if stored[name] == nil {
			if err := s.createTable(ctx, c, t); err != nil {
				return fmt.Errorf("create the collection %q: %w", name, err)
			}
		} else if err := s.extendTable(ctx, c, t, stored[name]); err != nil {
			return err
		}
		if err := s.indexes(ctx, c, t, indexed); err != nil {
			return err
		}
	}
	if err := s.checkReferences(ctx, c); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if s.tables[name] == nil {
			s.log.Warn("a collection in the file is not in the schema; it is kept but not served", "path", s.path, "collection", name)
		}
	}
	_, err = c.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", formatVersion))
	return err
}

func storedFields(ctx context.Context, c *session) (map[string]map[string]storedField, error) {
	rows, err := c.query(ctx, `SELECT "collection", "field", "type", "role", "required" FROM "_leveret_fields"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	stored := map[string]map[string]storedField{}
	for rows.Next() {
		var collection, field string
		var f storedField
		if err := rows.Scan(&collection, &field, &f.fieldType, &f.role, &f.required); err != nil {
			return nil, err
		}
		if stored[collection] == nil {
			stored[collection] = map[string]storedField{}
		}
		stored[collection][field] = f
	}
	return stored, rows.Err()
}

// createTable makes a table. Columns carry no NOT NULL: the write path refuses
// nulls itself, and SQLite could not take the constraint back later.
func (s *Store) createTable(ctx context.Context, c *session, t *table) error {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + t.name + " (")
	for i, column := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(column + " " + t.stores[i].columnType())
		switch t.role(i) {
		case "generated key":
			// AUTOINCREMENT: the key of a deleted row never comes back.
			b.WriteString(" PRIMARY KEY AUTOINCREMENT")
		case "key":
			b.WriteString(" PRIMARY KEY NOT NULL")
		}
	}
	b.WriteString(") STRICT")
	if _, err := c.exec(ctx, b.String()); err != nil {
		return err
	}
	for i := range t.fields {
		if err := rememberField(ctx, c, t, i); err != nil {
			return err
		}
	}
	s.log.Info("collection created", "path", s.path, "collection", t.Name)
	return nil
}

func rememberField(ctx context.Context, c *session, t *table, i int) error {
	f := t.fields[i]
	_, err := c.change(ctx, `INSERT OR REPLACE INTO "_leveret_fields" VALUES (?, ?, ?, ?, ?)`,
		t.Name, f.Name, string(f.Type), t.role(i), f.Required)
	return err
}

// extendTable adds the fields that are new and refuses what would lose data.
func (s *Store) extendTable(ctx context.Context, c *session, t *table, stored map[string]storedField) error {
	refuse := func(field, format string, args ...any) error {
		return fmt.Errorf("%s: the field %q of the collection %q %s, or choose another file with --db",
			s.path, field, t.Name, fmt.Sprintf(format, args...))
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if t.column(name) < 0 {
			return refuse(name, "is in the file but no longer in the schema, and leaving it out would lose its values: put it back")
		}
	}
	for i := range t.fields {
		f := t.fields[i]
		old, ok := stored[f.Name]
		switch {
		case !ok && i == t.key:
			return refuse(f.Name, "is the primary key now, and the rows in the file have no such key: keep the primary key")
		case !ok:
			if err := s.addField(ctx, c, t, i, refuse); err != nil {
				return err
			}
			continue
		case !compatible(old.fieldType, f.Type):
			return refuse(f.Name, "is stored as %s but declared as %s, and converting it could lose values: declare it as %s", old.fieldType, f.Type, old.fieldType)
		case old.role != t.role(i):
			return refuse(f.Name, "was declared as a %s and is now a %s: declare it as it was", old.role, t.role(i))
		case f.Required && !old.required && i != t.key:
			n, err := c.integer(ctx, "SELECT COUNT(*) FROM "+t.name+" WHERE "+t.columns[i]+" IS NULL")
			if err != nil {
				return err
			}
			if n > 0 {
				return refuse(f.Name, "is required now, and %d rows in the file have no value for it: let it be null", n)
			}
		}
		if old.fieldType != f.Type || old.required != f.Required {
			if err := rememberField(ctx, c, t, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// compatible reports whether values stored as one type mean the same as the other.
func compatible(old, now query.Type) bool {
	kind := func(t query.Type) query.Type {
		switch t {
		case query.Text, query.Hash:
			return query.String
		case query.BigInteger:
			return query.Integer
		case query.Decimal:
			return query.Float
		}
		return t
	}
	return kind(old) == kind(now)
}

func (s *Store) addField(ctx context.Context, c *session, t *table, i int, refuse func(string, string, ...any) error) error {
	f := t.fields[i]
	if _, err := c.exec(ctx, "ALTER TABLE "+t.name+" ADD COLUMN "+t.columns[i]+" "+t.stores[i].columnType()); err != nil {
		return fmt.Errorf("add the field %q to the collection %q: %w", f.Name, t.Name, err)
	}
	n, err := c.integer(ctx, "SELECT COUNT(*) FROM "+t.name)
	if err != nil {
		return err
	}
	switch {
	case n == 0:
	case f.Default != nil:
		value, err := t.stores[i].encode(f.Default)
		if err != nil {
			return fmt.Errorf("collection %q: the default of the field %q: %w", t.Name, f.Name, err)
		}
		if _, err := c.exec(ctx, "UPDATE "+t.name+" SET "+t.columns[i]+" = ?", value); err != nil {
			return err
		}
	case f.Required:
		return refuse(f.Name, "is new and required, and the %d rows in the file have no value for it: give it a default or let it be null", n)
	}
	s.log.Info("field added", "path", s.path, "collection", t.Name, "field", f.Name)
	return rememberField(ctx, c, t, i)
}

// indexNames returns the names of the indexes in the file.
func indexNames(ctx context.Context, c *session) (map[string]bool, error) {
	rows, err := c.query(ctx, "SELECT name FROM sqlite_schema WHERE type = 'index'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, rows.Err()
}

// indexes makes and removes the indexes of a table: one behind each Field.Unique, and
// one on the date of creation, because the newest rows are what is asked for most, and
// one on every field that points at another row, for the way back.
func (s *Store) indexes(ctx context.Context, c *session, t *table, indexed map[string]bool) error {
	for i := range t.fields {
		f := t.fields[i]
		if i == t.key {
			continue // has one by itself
		}
		for _, index := range []struct {
			name, kind string
			wanted     bool
		}{
			{"_leveret_unique ", "UNIQUE INDEX", f.Unique},
			{"_leveret_index ", "INDEX", !f.Unique && (f.Is("date-created") || t.refers(i))},
		} {
			name := index.name + t.name + "." + t.columns[i]
			if indexed[name] == index.wanted {
				continue
			}
			text := "DROP INDEX " + quote(name)
			if index.wanted {
				text = "CREATE " + index.kind + " " + quote(name) + " ON " + t.name + " (" + t.columns[i] + ")"
			}
			_, err := c.exec(ctx, text)
			if _, duplicate := uniqueness(err); duplicate {
				return fmt.Errorf("%s: the field %q of the collection %q is unique now, but rows in the file share a value: let it not be unique, or choose another file with --db", s.path, f.Name, t.Name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

package directus

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file tells of the server and of the schema: /server, /collections, /fields
// and /relations, the last three as far as whoever asks may read the collection.

// ping serves /server/ping.
func (c *call) ping() error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.json(http.StatusOK, []byte("pong"))
	return nil
}

// health serves /server/health.
func (c *call) health() error {
	c.w.Header().Set("Content-Type", "application/health+json; charset=utf-8")
	if _, err := c.hub.store.Setting(c.r.Context(), "health"); err != nil {
		c.hub.log.Error("the store does not answer", "error", err)
		c.json(http.StatusServiceUnavailable, []byte(`{"status":"error"}`))
		return nil
	}
	c.json(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// info serves /server/info. How to connect a socket is told only to those who
// are signed in, as in Directus.
func (c *call) info() error {
	info := object{"project": object{"project_name": c.hub.opts.ProjectName}}
	if c.who.User == "" {
		return c.data(info)
	}
	if c.hub.opts.Version != "" {
		info["version"] = c.hub.opts.Version
	}
	heartbeat := any(false)
	if c.hub.opts.Heartbeat > 0 {
		heartbeat = c.hub.opts.Heartbeat.Seconds()
	}
	limit := object{"default": c.hub.opts.QueryLimitDefault, "max": -1}
	if c.hub.opts.QueryLimitMax > 0 {
		limit["max"] = c.hub.opts.QueryLimitMax
	}
	info["queryLimit"] = limit
	info["rateLimit"] = false
	if rate, burst := c.hub.opts.MessageRate, c.hub.opts.MessageBurst; rate > 0 {
		// A bucket that holds the points of a window and fills in one lets as many through.
		info["rateLimit"] = object{"points": burst, "duration": float64(burst) / rate}
	}
	info["websocket"] = false
	if c.hub.opts.WithoutSockets {
		return c.data(info)
	}
	info["websocket"] = object{
		"rest":                 object{"authentication": c.hub.opts.Mode, "path": c.hub.opts.Path},
		"graphql":              false,
		"heartbeat":            heartbeat,
		"logs":                 false,
		"collaborativeEditing": false,
	}
	return c.data(info)
}

// readable returns what of a collection may be read, or nil.
func (c *call) readable(name string) *access {
	collection := c.hub.store.Schema().Collections[name]
	if collection == nil {
		return nil
	}
	return c.hub.opts.Permissions.may(&c.who, protocol.ActionRead, collection)
}

// list answers with what describe says of one readable collection, or of all.
func (c *call) list(path []string, describe func(*access) []any) error {
	if len(path) > 0 {
		a := c.readable(path[0])
		if a == nil {
			return errNoItem
		}
		return c.data(append([]any{}, describe(a)...))
	}
	all := []any{}
	for _, name := range slices.Sorted(maps.Keys(c.hub.store.Schema().Collections)) {
		if a := c.readable(name); a != nil {
			all = append(all, describe(a)...)
		}
	}
	return c.data(all)
}

// one answers with the only description that has that field.
func (c *call) one(path []string, describe func(*access) []any) error {
	if a := c.readable(path[0]); a != nil {
		for _, d := range describe(a) {
			if d.(map[string]any)["field"] == path[1] {
				return c.data(d)
			}
		}
	}
	return errNoItem
}

// collections serves /collections and /collections/:collection.
func (c *call) collections(path []string) error {
	if len(path) == 0 {
		return c.list(path, func(a *access) []any { return []any{describeCollection(a)} })
	}
	a := c.readable(path[0])
	if a == nil {
		return errNoItem
	}
	return c.data(describeCollection(a))
}

// fields serves /fields, /fields/:collection and /fields/:collection/:field.
func (c *call) fields(path []string) error {
	if len(path) == 2 {
		return c.one(path, describeFields)
	}
	return c.list(path, describeFields)
}

// relations serves /relations, /relations/:collection and
// /relations/:collection/:field.
func (c *call) relations(path []string) error {
	if len(path) == 2 {
		return c.one(path, describeRelations)
	}
	return c.list(path, describeRelations)
}

type object = map[string]any

func describeCollection(a *access) object {
	name := a.whole.Name
	return object{
		"collection": name,
		"meta": object{
			"collection": name, "singleton": a.whole.Singleton, "system": a.whole.System, "hidden": false,
			"icon": nil, "note": nil, "display_template": nil, "translations": nil, "sort_field": nil,
			"archive_field": nil, "archive_app_filter": true, "archive_value": nil, "unarchive_value": nil,
			"accountability": "all", "group": nil, "collapse": "open",
		},
		"schema": object{"name": name, "comment": nil},
	}
}

func describeFields(a *access) []any {
	all := []any{}
	for i := range a.seen.Fields {
		f := &a.seen.Fields[i]
		var special any
		if len(f.Special) > 0 {
			special = f.Special
		}
		primary := f.Name == a.whole.PrimaryKey
		d := object{
			"collection": a.whole.Name, "field": f.Name, "type": f.Type, "schema": nil,
			"meta": object{
				"collection": a.whole.Name, "field": f.Name, "special": special, "required": f.Required && !f.Generated && !primary,
				"readonly": false, "hidden": false, "interface": nil, "options": nil, "display": nil, "display_options": nil,
				"sort": i + 1, "width": "full", "note": nil, "translations": nil, "group": nil, "conditions": nil,
				"validation": nil, "validation_message": nil, "searchable": true, "system": a.whole.System,
			},
		}
		if f.Type != query.Alias {
			var length, table, column any
			if f.MaxLength > 0 {
				length = f.MaxLength
			}
			if to := a.seen.Related(f.Relation); to != nil {
				table, column = to.Name, f.Relation.Foreign
			}
			d["schema"] = object{
				"name": f.Name, "table": a.whole.Name, "data_type": f.Type, "default_value": f.Default, "max_length": length,
				"is_nullable": !f.Required, "is_unique": f.Unique || primary, "is_indexed": f.Unique || primary,
				"is_primary_key": primary, "has_auto_increment": f.Generated,
				"foreign_key_table": table, "foreign_key_column": column,
			}
		}
		all = append(all, d)
	}
	return all
}

// describeRelations tells of the relations to one item that stand in the
// collection, and are to one that may be read too.
func describeRelations(a *access) []any {
	all := []any{}
	for i := range a.seen.Fields {
		f := &a.seen.Fields[i]
		to := a.seen.Related(f.Relation)
		if to == nil || f.Relation.Many {
			continue
		}
		field, sort := "", ""
		for _, back := range to.Fields {
			if r := back.Relation; r != nil && r.Many && r.Collection == a.whole.Name && r.Foreign == f.Name {
				field, sort = back.Name, r.Sort
			}
		}
		onDelete := cmp.Or(f.Relation.OnDelete, "SET NULL")
		deselect := "nullify"
		if onDelete == "CASCADE" {
			deselect = "delete"
		}
		all = append(all, object{
			"collection": a.whole.Name, "field": f.Name, "related_collection": to.Name,
			"schema": object{
				"constraint_name": nil, "table": a.whole.Name, "column": f.Name,
				"foreign_key_table": to.Name, "foreign_key_column": f.Relation.Foreign, "on_update": "NO ACTION", "on_delete": onDelete,
			},
			"meta": object{
				"many_collection": a.whole.Name, "many_field": f.Name, "one_collection": to.Name, "one_field": orNull(field),
				"one_collection_field": nil, "one_allowed_collections": nil, "junction_field": nil,
				"sort_field": orNull(sort), "one_deselect_action": deselect,
			},
		})
	}
	return all
}

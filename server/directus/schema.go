package directus

import "leveret/protocol/query"

// NewSchema returns a schema of these collections together with the system
// collections that are served. A server for another project starts here. It
// makes the collections part of the schema: they belong to no other afterwards.
func NewSchema(collections ...*query.Collection) *query.Schema {
	schema := &query.Schema{Collections: map[string]*query.Collection{}}
	for _, c := range append(systemCollections(), collections...) {
		c.Schema = schema
		schema.Collections[c.Name] = c
	}
	return schema
}

// DemoSchema returns the schema of the demonstration project: messages, articles
// with their authors and categories, and who is present.
func DemoSchema() *query.Schema {
	return NewSchema(
		&query.Collection{
			Name: "messages", PrimaryKey: "id",
			Fields: []query.Field{
				uuidKey(),
				{Name: "text", Type: query.Text},
				{Name: "user", Type: query.String, MaxLength: 255},
				{Name: "status", Type: query.String, MaxLength: 255, Default: "published"},
				{Name: "date_created", Type: query.Timestamp, Special: []string{"date-created"}},
				{Name: "date_updated", Type: query.Timestamp, Special: []string{"date-updated"}},
			},
		},
		&query.Collection{
			Name: "articles", PrimaryKey: "id",
			Fields: []query.Field{
				// A string, so that an article may be called "article-id" as in Directus's
				// guides; who names none gets a uuid.
				{Name: "id", Type: query.String, MaxLength: 255, Special: []string{"uuid"}, Required: true, Unique: true},
				{Name: "title", Type: query.String, MaxLength: 255},
				{Name: "status", Type: query.String, MaxLength: 255, Default: "draft"},
				{Name: "content", Type: query.Text},
				manyToOne("author", query.UUID, usersCollection, "SET NULL"),
				{Name: "views", Type: query.Integer, Default: int64(0)},
				oneToMany("categories", "articles_categories", "articles_id"),
				{Name: "date_created", Type: query.Timestamp, Special: []string{"date-created"}},
				{Name: "date_updated", Type: query.Timestamp, Special: []string{"date-updated"}},
			},
		},
		&query.Collection{
			Name: "categories", PrimaryKey: "id",
			Fields: []query.Field{
				integerKey(),
				{Name: "name", Type: query.String, MaxLength: 255, Unique: true},
				oneToMany("articles", "articles_categories", "categories_id"),
			},
		},
		&query.Collection{
			Name: "articles_categories", PrimaryKey: "id",
			Fields: []query.Field{
				integerKey(),
				manyToOne("articles_id", query.String, "articles", "CASCADE"),
				manyToOne("categories_id", query.Integer, "categories", "CASCADE"),
			},
		},
		&query.Collection{
			Name: "presence", PrimaryKey: "id",
			Fields: []query.Field{
				uuidKey(),
				{Name: "collection", Type: query.String, MaxLength: 64},
				{Name: "item", Type: query.String, MaxLength: 255},
				manyToOne("user", query.UUID, usersCollection, "CASCADE"),
				{Name: "timestamp", Type: query.Timestamp},
			},
		},
	)
}

// The system collections that are served. As in Directus, "items" does not reach them.
const (
	usersCollection         = "directus_users"
	rolesCollection         = "directus_roles"
	activityCollection      = "directus_activity"
	notificationsCollection = "directus_notifications"
	sessionsCollection      = "directus_sessions" // nobody may read it, see [Permissions]
)

// systemCollections are those columns of Directus's tables that are used here. In
// Directus since 11 the access flags stand in policies alone; here they stand in
// the role as well, where earlier versions kept them.
func systemCollections() []*query.Collection {
	return []*query.Collection{
		{
			Name: rolesCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				uuidKey(),
				{Name: "name", Type: query.String, MaxLength: 100, Required: true},
				{Name: "icon", Type: query.String, MaxLength: 64, Default: "supervised_user_circle"},
				{Name: "description", Type: query.Text},
				manyToOne("parent", query.UUID, rolesCollection, "NO ACTION"),
				oneToMany("children", rolesCollection, "parent"),
				oneToMany("users", usersCollection, "role"),
				{Name: "admin_access", Type: query.Boolean, Default: false},
				{Name: "app_access", Type: query.Boolean, Default: false},
			},
		},
		{
			Name: usersCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				uuidKey(),
				{Name: "first_name", Type: query.String, MaxLength: 50},
				{Name: "last_name", Type: query.String, MaxLength: 50},
				{Name: "email", Type: query.String, MaxLength: 128, Unique: true},
				{Name: "password", Type: query.Hash, MaxLength: 255, Special: []string{"hash", "conceal"}},
				{Name: "location", Type: query.String, MaxLength: 255},
				{Name: "title", Type: query.String, MaxLength: 50},
				{Name: "description", Type: query.Text},
				{Name: "tags", Type: query.JSON, Special: []string{"cast-json"}},
				{Name: "avatar", Type: query.UUID},
				{Name: "language", Type: query.String, MaxLength: 255},
				{Name: "status", Type: query.String, MaxLength: 16, Default: "active"},
				manyToOne("role", query.UUID, rolesCollection, "SET NULL"),
				{Name: "token", Type: query.String, MaxLength: 255, Unique: true, Special: []string{"conceal"}},
				{Name: "last_access", Type: query.Timestamp},
				{Name: "last_page", Type: query.String, MaxLength: 255},
				{Name: "provider", Type: query.String, MaxLength: 128, Default: "default"},
				{Name: "external_identifier", Type: query.String, MaxLength: 255, Unique: true},
				{Name: "email_notifications", Type: query.Boolean, Default: true},
				{Name: "appearance", Type: query.String, MaxLength: 255},
			},
		},
		{
			Name: sessionsCollection, PrimaryKey: "token", System: true,
			Fields: []query.Field{
				{Name: "token", Type: query.String, MaxLength: 64, Required: true, Unique: true},
				{Name: "user", Type: query.UUID, Required: true},
				{Name: "expires", Type: query.Timestamp, Required: true},
				{Name: "next_token", Type: query.String, MaxLength: 64}, // what it was exchanged for, while it still counts
			},
		},
		{
			Name: activityCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				integerKey(),
				{Name: "action", Type: query.String, MaxLength: 45, Required: true},
				manyToOne("user", query.UUID, usersCollection, "SET NULL"),
				{Name: "timestamp", Type: query.Timestamp, Special: []string{"date-created"}, Required: true},
				{Name: "ip", Type: query.String, MaxLength: 50},
				{Name: "user_agent", Type: query.Text},
				{Name: "collection", Type: query.String, MaxLength: 64, Required: true},
				{Name: "item", Type: query.String, MaxLength: 255, Required: true},
				{Name: "origin", Type: query.String, MaxLength: 255},
			},
		},
		{
			Name: notificationsCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				integerKey(),
				{Name: "timestamp", Type: query.Timestamp, Special: []string{"date-created"}},
				{Name: "status", Type: query.String, MaxLength: 255, Default: "inbox"},
				required(manyToOne("recipient", query.UUID, usersCollection, "CASCADE")),
				manyToOne("sender", query.UUID, usersCollection, "SET NULL"),
				{Name: "subject", Type: query.String, MaxLength: 255, Required: true},
				{Name: "message", Type: query.Text},
				{Name: "collection", Type: query.String, MaxLength: 64},
				{Name: "item", Type: query.String, MaxLength: 255},
			},
		},
	}
}

func uuidKey() query.Field {
	return query.Field{Name: "id", Type: query.UUID, Special: []string{"uuid"}, Required: true, Unique: true}
}

func integerKey() query.Field {
	return query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true, Generated: true}
}

// required returns the field as one that must have a value.
func required(f query.Field) query.Field {
	f.Required = true
	return f
}

// manyToOne returns a field that holds the key "id" of another collection's item.
func manyToOne(name string, kind query.Type, collection, onDelete string) query.Field {
	return query.Field{Name: name, Type: kind, Special: []string{"m2o"},
		Relation: &query.Relation{Collection: collection, Local: name, Foreign: "id", OnDelete: onDelete}}
}

// oneToMany returns a field that shows the items of another collection whose field
// foreign holds this item's key "id".
func oneToMany(name, collection, foreign string) query.Field {
	return query.Field{Name: name, Type: query.Alias, Special: []string{"o2m"},
		Relation: &query.Relation{Many: true, Collection: collection, Local: "id", Foreign: foreign}}
}

// Serves reports whether a system collection is served to anybody.
func Serves(collection string) bool {
	switch collection {
	case usersCollection, rolesCollection, activityCollection, notificationsCollection:
		return true
	}
	return false
}

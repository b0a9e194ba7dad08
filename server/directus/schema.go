package directus

import "leveret/protocol/query"

// The collections that this package itself keeps its accounts in. As in Directus,
// "items" does not reach them.
const (
	usersCollection    = "directus_users"
	rolesCollection    = "directus_roles"
	sessionsCollection = "directus_sessions"
)

// DemoSchema returns the schema of the demonstration project: the collection
// messages, and the system collections that accounts need.
func DemoSchema() *query.Schema {
	return NewSchema(&query.Collection{
		Name:       "messages",
		PrimaryKey: "id",
		Fields: []query.Field{
			{Name: "id", Type: query.UUID, Special: []string{"uuid"}, Required: true, Unique: true},
			{Name: "text", Type: query.Text},
			{Name: "user", Type: query.String, MaxLength: 255},
			{Name: "status", Type: query.String, MaxLength: 255, Default: "published"},
			{Name: "date_created", Type: query.Timestamp, Special: []string{"date-created"}},
			{Name: "date_updated", Type: query.Timestamp, Special: []string{"date-updated"}},
		},
	})
}

// NewSchema returns a schema of these collections together with the system
// collections that accounts need. A server for another project starts here.
func NewSchema(collections ...*query.Collection) *query.Schema {
	schema := &query.Schema{Collections: map[string]*query.Collection{}}
	for _, c := range append(systemCollections(), collections...) {
		schema.Collections[c.Name] = c
	}
	return schema
}

// systemCollections are those columns of Directus's tables that are used here.
// In Directus since 11 the access flags stand in policies, which hang off the
// role; there is one policy a role here, so they stand in the role itself.
func systemCollections() []*query.Collection {
	return []*query.Collection{
		{
			Name: rolesCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				{Name: "id", Type: query.UUID, Special: []string{"uuid"}, Required: true, Unique: true},
				{Name: "name", Type: query.String, MaxLength: 100, Required: true},
				{Name: "admin_access", Type: query.Boolean, Default: false},
				{Name: "app_access", Type: query.Boolean, Default: false},
			},
		},
		{
			Name: usersCollection, PrimaryKey: "id", System: true,
			Fields: []query.Field{
				{Name: "id", Type: query.UUID, Special: []string{"uuid"}, Required: true, Unique: true},
				{Name: "first_name", Type: query.String, MaxLength: 50},
				{Name: "last_name", Type: query.String, MaxLength: 50},
				{Name: "email", Type: query.String, MaxLength: 128, Unique: true},
				{Name: "password", Type: query.Hash, MaxLength: 255, Special: []string{"hash", "conceal"}},
				{Name: "token", Type: query.String, MaxLength: 255, Unique: true, Special: []string{"conceal"}},
				{Name: "role", Type: query.UUID},
				{Name: "status", Type: query.String, MaxLength: 16, Default: "active"},
			},
		},
		{
			Name: sessionsCollection, PrimaryKey: "token", System: true,
			Fields: []query.Field{
				{Name: "token", Type: query.String, MaxLength: 64, Required: true, Unique: true},
				{Name: "user", Type: query.UUID, Required: true},
				{Name: "expires", Type: query.Timestamp, Required: true},
			},
		},
	}
}

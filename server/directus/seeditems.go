package directus

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"leveret/protocol/query"
)

// items puts a few items into each collection of the demonstration project that is
// new: at the first start, and at the first one after the collection came to be.
// Who has deleted them all does not get them back.
func (s *seeder) items(ctx context.Context) error {
	users, err := s.store.Read(ctx, usersCollection, everything())
	if err != nil {
		return fmt.Errorf("read the users: %w", err)
	}
	// The demo accounts, as far as there are any.
	known := map[string]any{}
	for _, user := range users {
		known[user["id"].(string)] = user["id"]
	}
	for _, collection := range []struct {
		name  string
		since string // the setting that says that it has been filled; "" = there were rows in it before there was a setting
		rows  []query.Row
	}{
		{"messages", "", s.messages()},
		{"categories", "demo categories", s.categories()},
		{"articles", "demo articles", s.articles(known)},
		{"articles_categories", "demo articles_categories", s.categorized()},
		{"presence", "demo presence", s.presence(known)},
	} {
		if s.store.Schema().Collections[collection.name] == nil {
			continue
		}
		old := !s.result.First
		if collection.since != "" {
			filled, err := s.store.Setting(ctx, collection.since)
			if err != nil {
				return fmt.Errorf("read whether %s was filled: %w", collection.name, err)
			}
			old = filled != ""
		}
		if old {
			continue
		}
		if err := s.fill(ctx, collection.name, collection.rows); err != nil {
			return fmt.Errorf("fill the collection %s: %w", collection.name, err)
		}
		if collection.since != "" {
			if err := s.store.SetSetting(ctx, collection.since, "filled"); err != nil {
				return fmt.Errorf("note that %s was filled: %w", collection.name, err)
			}
		}
	}
	return nil
}

// fill inserts rows into an empty collection.
func (s *seeder) fill(ctx context.Context, collection string, rows []query.Row) error {
	n, err := s.store.Count(ctx, collection, nil, "")
	if err != nil || n > 0 {
		return err
	}
	return s.store.Write(ctx, func(tx Tx) error {
		for _, row := range rows {
			if _, err := tx.Insert(ctx, collection, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// ago is a time before the start.
func (s *seeder) ago(d time.Duration) string { return timestamp(s.now.Add(-d)) }

// messages are a minute apart.
func (s *seeder) messages() []query.Row {
	messages := []struct{ user, text, status string }{
		{"Ada", "Welcome to Leveret! Everything on this page is live.", "published"},
		{"Eddie", "Open it in a second window and write something.", "published"},
		{"Rita", "I only read, but I see it the moment it is written.", "published"},
		{"Eddie", "This one is still a draft.", "draft"},
	}
	rows := make([]query.Row, len(messages))
	for i, m := range messages {
		rows[i] = query.Row{"id": uuid.NewString(), "user": m.user, "text": m.text, "status": m.status,
			"date_created": s.ago(time.Duration(len(messages)-i) * time.Minute), "date_updated": nil}
	}
	return rows
}

func (s *seeder) categories() []query.Row {
	return []query.Row{{"id": int64(1), "name": "Guides"}, {"id": int64(2), "name": "News"}}
}

func (s *seeder) articles(users map[string]any) []query.Row {
	article := func(id, title, status, content string, author DemoAccount, views int64, age time.Duration) query.Row {
		return query.Row{"id": id, "title": title, "status": status, "content": content, "author": users[author.user], "views": views,
			"date_created": s.ago(age), "date_updated": nil}
	}
	admin, editor := DemoAccounts[0], DemoAccounts[1]
	return []query.Row{
		article("article-id", "A first article", "published", "Whoever subscribes to it sees every change.", editor, 12, 2*time.Hour),
		article("what-is-live", "What is live here", "published", "Lists, single items, numbers of items, and who else is there.", admin, 7, time.Hour),
		article("to-be-written", "To be written", "draft", "", editor, 0, time.Minute),
	}
}

func (s *seeder) categorized() []query.Row {
	return []query.Row{
		{"id": int64(1), "articles_id": "article-id", "categories_id": int64(1)},
		{"id": int64(2), "articles_id": "what-is-live", "categories_id": int64(1)},
		{"id": int64(3), "articles_id": "what-is-live", "categories_id": int64(2)},
	}
}

func (s *seeder) presence(users map[string]any) []query.Row {
	return []query.Row{{"id": uuid.NewString(), "collection": "articles", "item": "article-id", "user": users[DemoAccounts[1].user], "timestamp": s.ago(time.Minute)}}
}

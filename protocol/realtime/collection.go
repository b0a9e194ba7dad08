package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/session"
)

// A Collection is a typed view of a collection's items. T is a struct with json
// tags, or map[string]any, or json.RawMessage. Its errors say what was being done
// ("create in messages: …") and wrap the server's *protocol.Error.
type Collection[T any] struct {
	client *Client
	name   string
}

// CollectionOf returns the collection of that name. It asks the server nothing.
func CollectionOf[T any](c *Client, name string) *Collection[T] {
	return &Collection[T]{client: c, name: name}
}

// Name returns the collection's name.
func (c *Collection[T]) Name() string { return c.name }

func (c *Collection[T]) fail(doing string, err error) error {
	return fmt.Errorf("%s %s: %w", doing, c.name, err)
}

// Read returns the items of a query; nil = the first 100. Of a singleton it
// returns the one item.
func (c *Collection[T]) Read(ctx context.Context, q *query.Query) ([]T, error) {
	m := protocol.Items{Collection: c.name, Action: protocol.ActionRead}
	if q != nil {
		m.Query = q.JSON()
	}
	reply, err := c.client.Do(ctx, m)
	if err != nil {
		return nil, c.fail("read", err)
	}
	items, err := decodeItems[T](reply.Data)
	if err != nil {
		return nil, c.fail("read", err)
	}
	return items, nil
}

// ReadOne returns the item with that key: a string or an integer. Directus answers
// FORBIDDEN for a key that does not exist, as for one that may not be read.
func (c *Collection[T]) ReadOne(ctx context.Context, key any) (T, error) {
	id, err := keyOf(key)
	if err != nil {
		return *new(T), c.fail("read one of", err)
	}
	return c.one(ctx, "read one of", protocol.Items{Collection: c.name, Action: protocol.ActionRead, ID: id})
}

// Create writes an item, anything that encodes as a JSON object, and returns it as
// the server has it. An empty primary key (absent, null, "" or 0) is left out, so
// that the server makes one.
//
// If the link is lost before the answer, the outcome is unknown and the error is
// ErrOutcomeUnknown; a key made by the caller, such as a new UUID, makes the
// create repeatable: it is then sent again, and carried out once.
func (c *Collection[T]) Create(ctx context.Context, item any) (T, error) {
	const doing = "create in"
	data, err := json.Marshal(item)
	if err != nil {
		return *new(T), c.fail(doing, err)
	}
	data, err = withoutEmptyKey(data, c.primaryKey())
	if err != nil {
		return *new(T), c.fail(doing, err)
	}
	return c.one(ctx, doing, protocol.Items{Collection: c.name, Action: protocol.ActionCreate, Data: data})
}

// Update changes the given fields of an item, anything that encodes as a JSON
// object, and returns the item. Fields that are not given stay as they are: with a
// struct, use omitempty or pointers. An empty primary key is left out, as in Create.
func (c *Collection[T]) Update(ctx context.Context, key any, changes any) (T, error) {
	const doing = "update in"
	id, err := keyOf(key)
	if err != nil {
		return *new(T), c.fail(doing, err)
	}
	data, err := json.Marshal(changes)
	if err == nil && !isObject(data) {
		err = fmt.Errorf("the changes encode as %s: give an object", clip(data))
	}
	if err == nil {
		data, err = withoutEmptyKey(data, c.primaryKey())
	}
	if err != nil {
		return *new(T), c.fail(doing, err)
	}
	return c.one(ctx, doing, protocol.Items{Collection: c.name, Action: protocol.ActionUpdate, ID: id, Data: data})
}

// Delete removes items. Without a key it does nothing.
func (c *Collection[T]) Delete(ctx context.Context, keys ...any) error {
	m := protocol.Items{Collection: c.name, Action: protocol.ActionDelete}
	for _, key := range keys {
		id, err := keyOf(key)
		if err != nil {
			return c.fail("delete from", err)
		}
		m.IDs = append(m.IDs, id)
	}
	switch len(m.IDs) {
	case 0:
		return nil
	case 1:
		m.ID, m.IDs = m.IDs[0], nil
	}
	if _, err := c.client.Do(ctx, m); err != nil {
		return c.fail("delete from", err)
	}
	return nil
}

// A TypedEvent is an Event with its items decoded.
type TypedEvent[T any] struct {
	Kind   session.EventKind
	Items  []T
	Keys   []string // of a delete, as text
	Resync bool
	Commit bool
}

// Subscribe yields typed events; the subscription ends with ctx or the loop. An
// error is yielded last: a refusal, ctx's own if it ended before the server had
// accepted the subscription, or an item that does not fit T.
func (c *Collection[T]) Subscribe(ctx context.Context, o *SubscribeOptions) iter.Seq2[TypedEvent[T], error] {
	return func(yield func(TypedEvent[T], error) bool) {
		s, err := c.client.Subscribe(ctx, c.name, o)
		if err != nil {
			yield(TypedEvent[T]{}, err)
			return
		}
		defer s.Close()
		for event, err := range s.Events(ctx) {
			if err != nil {
				yield(TypedEvent[T]{}, err)
				return
			}
			typed, err := typedEvent[T](event)
			if err != nil {
				yield(TypedEvent[T]{}, c.fail("events of", err))
				return
			}
			if !yield(typed, nil) {
				return
			}
		}
	}
}

func typedEvent[T any](event Event) (TypedEvent[T], error) {
	typed := TypedEvent[T]{Kind: event.Kind, Resync: event.Resync, Commit: event.Commit}
	if event.Kind == session.Delete {
		keys, ok := protocol.Elements(event.Data)
		if !ok && len(event.Data) > 0 {
			keys = [][]byte{event.Data} // the one key of a subscription to an item
		}
		for _, key := range keys {
			text, ok := protocol.Text(key)
			if !ok {
				text = string(bytes.TrimSpace(key))
			}
			typed.Keys = append(typed.Keys, text)
		}
		return typed, nil
	}
	items, err := decodeItems[T](event.Data)
	if err != nil {
		return TypedEvent[T]{}, fmt.Errorf("the %s: %w", event.Kind, err)
	}
	typed.Items = items
	return typed, nil
}

// one asks for one item.
func (c *Collection[T]) one(ctx context.Context, doing string, m protocol.Items) (T, error) {
	reply, err := c.client.Do(ctx, m)
	if err != nil {
		return *new(T), c.fail(doing, err)
	}
	items, err := decodeItems[T](reply.Data)
	switch {
	case err != nil:
		return *new(T), c.fail(doing, err)
	case len(items) == 0: // written, but not for these eyes
		return *new(T), nil
	}
	return items[0], nil
}

func (c *Collection[T]) primaryKey() string {
	if f := c.client.options.PrimaryKey; f != nil {
		if name := f(c.name); name != "" {
			return name
		}
	}
	return "id"
}

// decodeItems reads an array of items, or the one item of a singleton or of a
// request for one.
func decodeItems[T any](data []byte) ([]T, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	if data[0] != '[' {
		item := make([]T, 1)
		if err := json.Unmarshal(data, &item[0]); err != nil {
			return nil, fmt.Errorf("an item does not fit %T: %w", item[0], err)
		}
		return item, nil
	}
	items := []T{}
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, fmt.Errorf("the items do not fit %T: %w", items, err)
	}
	return items, nil
}

// withoutEmptyKey removes a primary key that is there but says nothing, as the
// zero value of a struct's field does.
func withoutEmptyKey(data []byte, primaryKey string) ([]byte, error) {
	if !isObject(data) {
		return nil, fmt.Errorf("the item encodes as %s: give one object (several are sent with Client.Do and protocol.Items)", clip(data))
	}
	switch string(protocol.Member(data, primaryKey)) {
	case `""`, "0", "null":
	default:
		return data, nil
	}
	var item map[string]json.RawMessage
	if err := json.Unmarshal(data, &item); err != nil {
		return nil, err
	}
	delete(item, primaryKey)
	return json.Marshal(item)
}

func isObject(data []byte) bool { return len(data) > 0 && data[0] == '{' }

// clip shortens what an error quotes.
func clip(data []byte) string {
	if s := string(data); len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(string(data[:60]), "") + "…"
}

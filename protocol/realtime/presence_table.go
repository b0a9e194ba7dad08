package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
)

// This file is presence on a stock Directus, in a collection of which each row is a
// member: who is there writes the time into its row now and then.
//
// Whether a row still counts is found out without comparing clocks: it does until it
// has not changed for a TTL of ours. Only which rows are there at first is the
// server's to say, by its own clock ($NOW).

func (t *PresenceTable) withDefaults() PresenceTable {
	var table PresenceTable
	if t != nil {
		table = *t
	}
	for _, name := range []struct {
		value *string
		def   string
	}{{&table.Name, "presence"}, {&table.Collection, "collection"}, {&table.Item, "item"}, {&table.User, "user"}, {&table.Timestamp, "timestamp"}} {
		if *name.value == "" {
			*name.value = name.def
		}
	}
	return table
}

func (p *Presence) table() PresenceTable { return p.options.Table.withDefaults() }

func (p *Presence) primaryKey() string {
	return CollectionOf[json.RawMessage](p.c, p.table().Name).primaryKey()
}

// itemText is the item as a string, since the field holds keys of any type; nil = the
// collection.
func (p *Presence) itemText() any {
	if p.item == nil {
		return nil
	}
	if text, ok := protocol.Text(p.item); ok {
		return text
	}
	return string(p.item)
}

// values is a JSON object to encode.
type values = map[string]any

// room is the filter of the rows of this item, with one more condition.
func (p *Presence) room(timestamp values) values {
	t := p.table()
	item := values{"_eq": p.itemText()}
	if p.item == nil {
		item = values{"_null": true}
	}
	return values{"_and": []values{
		{t.Collection: values{"_eq": p.collection}},
		{t.Item: item},
		{t.Timestamp: timestamp},
	}}
}

func ago(d time.Duration) string {
	return fmt.Sprintf("$NOW(-%d seconds)", max(1, int(d.Round(time.Second)/time.Second)))
}

func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// ask sends a request about rows.
func (p *Presence) ask(ctx context.Context, action protocol.Action, key string, data, query any) (protocol.Reply, error) {
	m := protocol.Items{Collection: p.table().Name, Action: action}
	if key != "" {
		m.ID = json.RawMessage(key)
	}
	var err error
	for _, part := range []struct {
		to   *json.RawMessage
		from any
	}{{&m.Data, data}, {&m.Query, query}} {
		if part.from != nil && err == nil {
			*part.to, err = json.Marshal(part.from)
		}
	}
	if err != nil {
		return protocol.Reply{}, err
	}
	return p.c.Do(ctx, m)
}

// keepRow keeps a row of its own and follows those of others, until the presence ends.
func (p *Presence) keepRow() {
	if p.options.NoTable {
		p.end(ErrNoPresence)
		return
	}
	t := p.table()
	unusable := func(err error) {
		p.end(fmt.Errorf("the server has no presence of its own, and the collection %q, which can stand for it, is not usable: %w", t.Name, err))
	}
	if err := p.createRow(p.ctx); err != nil {
		unusable(err)
		return
	}
	defer p.removeRow()
	query, err := json.Marshal(values{"filter": p.room(values{"_gte": ago(p.options.TTL)}), "fields": p.fields()})
	if err != nil {
		unusable(err)
		return
	}
	s, err := p.c.Open(t.Name, &SubscribeOptions{RawQuery: query})
	if err != nil {
		unusable(err)
		return
	}
	defer s.Close()
	p.c.wg.Go(func() { p.beatRow() })
	// Rows that whoever made them has left behind: nobody else removes them. It is no
	// harm if this may not.
	p.c.wg.Go(func() {
		p.ask(p.ctx, protocol.ActionDelete, "", nil, values{"filter": p.room(values{"_lt": ago(max(10*p.options.TTL, 10*time.Minute))}), "limit": -1})
	})
	p.followRows(s)
}

// createRow writes its row.
func (p *Presence) createRow(ctx context.Context) error {
	t := p.table()
	p.mu.Lock()
	row := values{t.Collection: p.collection, t.Item: p.itemText(), t.Timestamp: timestamp()}
	if p.options.User != "" {
		row[t.User] = p.options.User
	}
	if t.Data != "" {
		row[t.Data] = p.data
	}
	p.mu.Unlock()
	for {
		reply, err := p.ask(ctx, protocol.ActionCreate, "", row, values{"fields": p.fields()})
		if errors.Is(err, ErrOutcomeUnknown) && ctx.Err() == nil {
			continue // if that one was written, it ends by itself
		}
		if err != nil {
			return err
		}
		key := protocol.Member(reply.Data, p.primaryKey())
		if key == nil {
			return fmt.Errorf("a row that was written there cannot be read, or %q is not its primary key", p.primaryKey())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.setOwn(func(own *Attendee) { own.ID = textOf(key) })
		p.row, p.id, p.there = string(key), textOf(key), p.err == nil
		return nil
	}
}

func (p *Presence) fields() []string {
	t := p.table()
	fields := []string{p.primaryKey(), t.User, t.Timestamp}
	if t.Data != "" {
		fields = append(fields, t.Data)
	}
	return fields
}

// textOf returns a key as text.
func textOf(key []byte) string {
	if text, ok := protocol.Text(key); ok {
		return text
	}
	return strings.TrimSpace(string(key))
}

// beatRow writes the time into its row, now and then.
func (p *Presence) beatRow() {
	for p.pause(p.options.TTL / 3) {
		p.mu.Lock()
		row := p.row
		p.mu.Unlock()
		_, err := p.ask(p.ctx, protocol.ActionUpdate, row, values{p.table().Timestamp: timestamp()}, nil)
		if errors.Is(err, protocol.CodeForbidden) { // somebody has removed it
			p.createRow(p.ctx)
		}
	}
}

// updateRow writes the data into its row.
func (p *Presence) updateRow(ctx context.Context, row string, data json.RawMessage) error {
	t := p.table()
	if t.Data == "" {
		return fmt.Errorf("the collection %q has no field for data: name one in PresenceTable.Data", t.Name)
	}
	_, err := p.ask(ctx, protocol.ActionUpdate, row, values{t.Data: data, t.Timestamp: timestamp()}, nil)
	return err
}

// removeRow removes its row where it is not Leave that does.
func (p *Presence) removeRow() {
	p.mu.Lock()
	row, err := p.row, p.err
	p.mu.Unlock()
	if err == nil || errors.Is(err, ErrLeft) {
		return
	}
	ctx, cancel := context.WithTimeout(p.c.ctx, time.Second)
	defer cancel()
	p.deleteRow(ctx, row)
}

func (p *Presence) deleteRow(ctx context.Context, row string) error {
	_, err := p.ask(ctx, protocol.ActionDelete, row, nil, nil)
	if errors.Is(err, protocol.CodeForbidden) { // it is gone already
		return nil
	}
	return err
}

// A sighting is when a row last changed, by our clock.
type sighting struct {
	stamp string // its timestamp as JSON
	at    time.Time
}

// followRows takes in the changes of rows.
func (p *Presence) followRows(s *Subscription) {
	seen := map[string]sighting{}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	type batch struct {
		events []Event
		err    error
	}
	batches := make(chan batch)
	p.c.wg.Go(func() {
		for events, err := range s.Batches(ctx) {
			select {
			case batches <- batch{events, err}:
			case <-ctx.Done():
				return
			}
		}
	})
	look := time.NewTicker(p.options.TTL / 3)
	defer look.Stop()
	for {
		select {
		case b := <-batches:
			if b.err != nil {
				p.end(b.err)
				return
			}
			for _, event := range b.events {
				p.takeRows(event, seen)
			}
		case <-look.C:
			p.mu.Lock()
			for _, m := range slices.Clone(p.members) {
				if m.ID != p.id && time.Since(seen[m.ID].at) >= p.options.TTL {
					p.change(PresenceLeave, m)
				}
			}
			p.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// takeRows takes in one event of rows.
func (p *Presence) takeRows(event Event, seen map[string]sighting) {
	elements, _ := protocol.Elements(event.Data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if event.Kind == "delete" {
		for _, key := range elements {
			delete(seen, textOf(key))
			if id := textOf(key); id != p.id {
				p.change(PresenceLeave, Attendee{ID: id})
			}
		}
		return
	}
	t := p.table()
	var members []Attendee
	for _, row := range elements {
		m := Attendee{ID: textOf(protocol.Member(row, p.primaryKey()))}
		if user := protocol.Member(row, t.User); user != nil && string(user) != "null" {
			m.User = textOf(user)
		}
		if data := protocol.Member(row, t.Data); t.Data != "" && data != nil && string(data) != "null" {
			m.Data = data
		}
		stamp := string(protocol.Member(row, t.Timestamp))
		if seen[m.ID].stamp != stamp {
			seen[m.ID] = sighting{stamp, time.Now()}
		}
		members = append(members, m)
	}
	switch {
	case event.Kind == "init":
		if index(members, p.id) < 0 {
			members = append(members, Attendee{ID: p.id, User: p.options.User})
		}
		p.arrive(members, p.id)
	default:
		for _, m := range members {
			if time.Since(seen[m.ID].at) >= p.options.TTL {
				continue // it changed, but nothing was heard of it: it is gone
			}
			if m.ID == p.id {
				p.setOwn(func(own *Attendee) { own.User, own.Data = m.User, m.Data })
				continue
			}
			p.change(PresenceUpdate, m)
		}
	}
}

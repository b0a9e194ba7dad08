package directus

import (
	"encoding/json"
	"net/http"

	"leveret/protocol"
)

// This file serves the items of a collection: /items/:collection, and the same for
// the system collections that have paths of their own.

// collection serves /items/:collection.
func (c *call) collection(name string) error {
	asked, err := queryOf(c.params)
	if err != nil {
		return err
	}
	m := protocol.Items{Collection: name, Query: asked}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.read(m)
	case "SEARCH":
		var body struct {
			Query json.RawMessage
			Keys  []json.RawMessage
		}
		if err := c.object(&body); err != nil {
			return err
		}
		if body.Query != nil {
			m.Query = body.Query
		}
		m.IDs = body.Keys
		return c.read(m)
	case http.MethodPost:
		body, err := c.body()
		if err != nil {
			return err
		}
		if body != nil && body[0] != '{' && body[0] != '[' {
			return invalidPayload("The body must be an item or an array of items.")
		}
		m.Action, m.Data = protocol.ActionCreate, body
		return c.change(changeRequest{Items: m, show: m.Query})
	case http.MethodPatch:
		return c.updateMany(m)
	case http.MethodDelete:
		return c.deleteMany(m)
	}
	return c.noMethod("GET", "SEARCH", "POST", "PATCH", "DELETE")
}

func (c *call) updateMany(m protocol.Items) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	m.Action = protocol.ActionUpdate
	show := m.Query
	m.Query = nil
	if len(body) > 0 && body[0] == '[' {
		m.Data = body
		return c.change(changeRequest{Items: m, show: show})
	}
	var form struct {
		Keys  []json.RawMessage
		Query json.RawMessage
		Data  json.RawMessage
	}
	err = json.Unmarshal(body, &form)
	isForm := err == nil && form.Data != nil && (form.Keys != nil || form.Query != nil)
	if !isForm && len(body) > 0 && body[0] == '{' && c.singleton(m.Collection) {
		m.Data = body
		return c.change(changeRequest{Items: m, show: show, showOne: true})
	}
	if !isForm {
		return invalidPayload(`The body must be an array of items with their keys, {"keys":[…],"data":{…}}, or {"query":{…},"data":{…}}.`)
	}
	m.IDs, m.Data = form.Keys, form.Data
	if form.Keys == nil {
		m.Query = form.Query
	}
	return c.change(changeRequest{Items: m, show: show})
}

// singleton reports whether a collection has one item only. Of a collection that
// the caller has nothing to do with that is not told.
func (c *call) singleton(name string) bool {
	for _, action := range []protocol.Action{protocol.ActionRead, protocol.ActionUpdate, protocol.ActionCreate} {
		if a, err := c.hub.allowed(&c.who, action, name, c.reach); err == nil {
			return a.whole.Singleton
		}
	}
	return false
}

func (c *call) deleteMany(m protocol.Items) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	m.Action, m.Query = protocol.ActionDelete, nil
	if len(body) > 0 && body[0] == '[' {
		err = json.Unmarshal(body, &m.IDs)
	} else {
		var form struct {
			Keys  []json.RawMessage
			Query json.RawMessage
		}
		if err = json.Unmarshal(body, &form); err == nil {
			if m.IDs = form.Keys; form.Keys == nil {
				m.Query = form.Query
			}
		}
	}
	if err != nil || m.IDs == nil && m.Query == nil {
		return invalidPayload(`The body must be an array of keys, {"keys":[…]}, or {"query":{…}}.`)
	}
	return c.change(changeRequest{Items: m})
}

// item serves /items/:collection/:id.
func (c *call) item(collection, id string) error {
	key, err := json.Marshal(id)
	if err != nil {
		return err
	}
	asked, err := queryOf(c.params)
	if err != nil {
		return err
	}
	m := protocol.Items{Collection: collection, ID: key, Query: asked}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.read(m)
	case http.MethodPatch:
		if m.Data, err = c.body(); err != nil {
			return err
		}
		if len(m.Data) == 0 || m.Data[0] != '{' {
			return invalidPayload("The body must be an object with the fields to change.")
		}
		m.Action = protocol.ActionUpdate
		return c.change(changeRequest{Items: m, show: m.Query, showOne: true})
	case http.MethodDelete:
		m.Action, m.Query = protocol.ActionDelete, nil
		return c.change(changeRequest{Items: m})
	}
	return c.noMethod("GET", "PATCH", "DELETE")
}

func (c *call) read(m protocol.Items) error {
	m.Action = protocol.ActionRead
	a, err := c.hub.read(c.r.Context(), &c.who, m, c.reach)
	if err != nil {
		return err
	}
	if m.ID != nil {
		a.meta = nil // as in Directus, where only a socket is told of others than the item
	}
	return c.reply(a)
}

func (c *call) change(m changeRequest) error {
	m.reach, m.peer = c.reach, c.peer()
	var got answer
	err := c.hub.change(c.r.Context(), &c.who, m, func(a answer) { got = a })
	if err != nil {
		return err
	}
	if got.data == nil || m.Action == protocol.ActionDelete {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return c.reply(got)
}

// peer tells who calls, for the activity.
func (c *call) peer() Peer {
	return Peer{IP: c.hub.address(c.r), Origin: c.r.Header.Get("Origin"), UserAgent: c.r.UserAgent()}
}

// system serves a system collection and its items.
func (c *call) system(route systemRoute, path []string) error {
	c.reach = reachSystem
	if route.readOnly && !c.reads() {
		return c.noMethod("GET", "SEARCH")
	}
	switch len(path) {
	case 0:
		return c.collection(route.collection)
	case 1:
		return c.item(route.collection, path[0])
	}
	return c.noRoute()
}

// me serves /users/me. Everybody may read the own account, except its secrets, and
// change that of it which gives nobody any rights.
func (c *call) me() error {
	if c.who.User == "" {
		return errNoItem
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPatch:
		c.reach = reachSelf
		return c.item(usersCollection, c.who.User)
	}
	return c.noMethod("GET", "PATCH")
}

package directus

import (
	"encoding/json"

	"leveret/protocol/query"
)

// This file holds requests to the limits of [Options].

// query parses a query and holds it to the limits: one that asks for too much is
// refused, and "all" becomes as many as there may be.
func (h *Hub) query(raw json.RawMessage) (query.Query, error) {
	q, err := query.Parse(raw)
	if err != nil {
		return q, err
	}
	if deepest := h.opts.MaxRelationalDepth; q.Depth() > deepest {
		return q, invalidQuery("Max relational depth exceeded")
	}
	return q, h.limit(&q)
}

func (h *Hub) limit(q *query.Query) error {
	most := h.opts.QueryLimitMax
	if most <= 0 {
		return nil
	}
	switch {
	case q.Limit == -1:
		q.Limit = most
	case q.Limit > most:
		return invalidQuery(`"limit" must be less than or equal to %d`, most)
	}
	for name, nested := range q.Deep {
		if err := h.limit(&nested); err != nil {
			return err
		}
		q.Deep[name] = nested
	}
	return nil
}

// window sets the limit of a query that names none, and reads no particular items.
func (h *Hub) window(q query.Query) query.Query {
	if q.Limit != query.Unset {
		return q
	}
	q.Limit = max(h.opts.QueryLimitDefault, -1)
	if most := h.opts.QueryLimitMax; most > 0 && (q.Limit < 0 || q.Limit > most) {
		q.Limit = most
	}
	return q
}

// checkBatch refuses a change of more items than there may be in one.
func (h *Hub) checkBatch(items int) error {
	if most := h.opts.MaxBatch; most > 0 && items > most {
		return invalidPayload("Exceeded max batch mutation limit of %d.", most)
	}
	return nil
}

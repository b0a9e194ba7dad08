package directus

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"leveret/protocol"
)

// This file reads a query from a URL: fields=a,b and fields[]=a, filter={…} and
// filter[status][_eq]=published.

// queryKeys are the parameters that are a query's.
var queryKeys = []string{"fields", "filter", "search", "sort", "limit", "offset", "page", "meta", "aggregate", "groupBy", "deep", "alias"}

// maxNesting bounds the brackets of one parameter.
const maxNesting = 20

// paramsOf reads a URL's parameters. Go's own reading drops those that it cannot
// read, and those with a semicolon, which is a character like any other to Directus.
func paramsOf(raw string) (url.Values, error) {
	params, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return nil, invalidQuery("The parameters of the URL cannot be read: %v", err)
	}
	return params, nil
}

// A node is a value, or has parts by name.
type node struct {
	values []string
	parts  map[string]*node
}

// queryOf returns the query that a URL's parameters make, or nil if there is none.
// What cannot be read is refused and never passed over: without its filter a
// query would show more than was asked for.
func queryOf(params url.Values) (json.RawMessage, error) {
	root := &node{}
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		if !slices.Contains(queryKeys, path[0]) {
			continue
		}
		if len(path) > maxNesting {
			return nil, invalidQuery("%q has more than %d brackets", name, maxNesting-1)
		}
		at := root
		for _, part := range path {
			at = at.part(part)
		}
		at.values = append(at.values, params[name]...)
	}
	if len(root.parts) == 0 {
		return nil, nil
	}
	value, ok := root.value()
	if !ok {
		return nil, invalidQuery("A parameter is given both with and without brackets")
	}
	return json.Marshal(value)
}

func invalidQuery(format string, args ...any) error {
	return &protocol.Error{Code: protocol.CodeInvalidQuery, Message: "Invalid query. " + fmt.Sprintf(format, args...) + "."}
}

func (n *node) part(name string) *node {
	if n.parts[name] == nil {
		if n.parts == nil {
			n.parts = map[string]*node{}
		}
		n.parts[name] = &node{}
	}
	return n.parts[name]
}

// value returns the node as JSON would have it: parts that are numbered, or have
// no name, are an array. It is not ok if a node has both a value and parts.
func (n *node) value() (value any, ok bool) {
	switch {
	case n.parts == nil && len(n.values) == 1:
		return n.values[0], true
	case n.parts == nil:
		return n.values, true
	case n.values != nil:
		return nil, false
	case len(n.parts) == 1 && n.parts[""] != nil && n.parts[""].parts == nil:
		return n.parts[""].values, true // fields[]=a&fields[]=b
	}
	object := make(map[string]any, len(n.parts))
	for name, part := range n.parts {
		if object[name], ok = part.value(); !ok {
			return nil, false
		}
	}
	list := make([]any, 0, len(object))
	for i := range len(object) {
		element, ok := object[strconv.Itoa(i)]
		if !ok && i == 0 {
			element, ok = object[""]
		}
		if !ok {
			return object, true
		}
		list = append(list, element)
	}
	return list, true
}

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

// queryKeys are the parameters that are a query's, also those that a query may not
// have here: who asks for a version or a file must not get something else.
var queryKeys = []string{"fields", "filter", "search", "sort", "limit", "offset", "page", "meta", "aggregate", "groupBy", "deep", "alias",
	"version", "export"}

// maxNesting bounds the brackets of one parameter.
const maxNesting = 20

// maxParams bounds how many parameters a URL has.
const maxParams = 1000

// params are a URL's parameters in their order. (Go's own reading loses it, and
// drops those that it cannot read and those with a semicolon, which is a character
// like any other to Directus.)
type params []param

type param struct{ name, value string }

func paramsOf(raw string) (params, error) {
	var all params
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if len(all) == maxParams {
			return nil, invalidQuery("There are more than %d parameters in the URL", maxParams)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, invalidQuery("The parameters of the URL cannot be read: %v", err)
		}
		all = append(all, param{name, value})
	}
	return all, nil
}

// get returns the first value of a parameter; "" = there is none.
func (p params) get(name string) string {
	for _, param := range p {
		if param.name == name {
			return param.value
		}
	}
	return ""
}

// A node is a value, or has parts by name, or parts without one.
type node struct {
	values  []string
	parts   map[string]*node
	unnamed []*node
}

// queryOf returns the query that a URL's parameters make, or nil if there is none.
// What cannot be read is refused and never passed over: without its filter a
// query would show more than was asked for.
func queryOf(params params) (json.RawMessage, error) {
	root := &node{}
	for _, param := range params {
		path := strings.Split(strings.ReplaceAll(param.name, "]", ""), "[")
		if !slices.Contains(queryKeys, path[0]) {
			continue
		}
		if len(path) > maxNesting {
			return nil, invalidQuery("%q has more than %d brackets", param.name, maxNesting-1)
		}
		at := root
		for _, part := range path {
			at = at.part(part)
		}
		at.values = append(at.values, param.value)
	}
	if len(root.parts) == 0 {
		return nil, nil
	}
	value, ok := root.value()
	if !ok {
		return nil, invalidQuery("A parameter is given both with and without brackets, or with and without a name in them")
	}
	return json.Marshal(value)
}

func invalidQuery(format string, args ...any) error {
	return &protocol.Error{Code: protocol.CodeInvalidQuery, Message: "Invalid query. " + fmt.Sprintf(format, args...) + "."}
}

// part returns the part of that name. Without a name it is another one each time.
func (n *node) part(name string) *node {
	if name == "" {
		n.unnamed = append(n.unnamed, &node{})
		return n.unnamed[len(n.unnamed)-1]
	}
	if n.parts[name] == nil {
		if n.parts == nil {
			n.parts = map[string]*node{}
		}
		n.parts[name] = &node{}
	}
	return n.parts[name]
}

// value returns the node as JSON would have it: parts without a name, or numbered
// from 0, are an array. It is not ok if a node is two things at once.
func (n *node) value() (value any, ok bool) {
	switch {
	case n.parts == nil && n.unnamed == nil && len(n.values) == 1:
		return n.values[0], true
	case n.parts == nil && n.unnamed == nil:
		return n.values, true
	case n.values != nil || n.parts != nil && n.unnamed != nil:
		return nil, false
	}
	list := make([]any, 0, max(len(n.parts), len(n.unnamed)))
	for _, part := range n.unnamed {
		element, ok := part.value()
		if !ok {
			return nil, false
		}
		list = append(list, element)
	}
	if n.unnamed != nil {
		return list, true
	}
	object := make(map[string]any, len(n.parts))
	for name, part := range n.parts {
		if object[name], ok = part.value(); !ok {
			return nil, false
		}
	}
	for i := range len(object) {
		element, ok := object[strconv.Itoa(i)]
		if !ok {
			return object, true
		}
		list = append(list, element)
	}
	return list, true
}

package query

import (
	"math"
	"strconv"
	"strings"
)

// SearchFilter returns what a search term means as a bound filter: the term is
// contained in a field of type string or text, or it is the value of a number or
// uuid field. Fields that are concealed are not searched. An empty term gives nil;
// a term that no field can hold gives a filter that matches nothing.
func SearchFilter(c *Collection, term string) *Filter {
	if term == "" {
		return nil
	}
	var nodes []*Filter
	number, isNumber := searchNumber(term)
	for i := range c.Fields {
		field := &c.Fields[i]
		if field.isSecret() {
			continue
		}
		switch {
		case field.Type == String || field.Type == Text:
			nodes = append(nodes, &Filter{Op: OpContains, Field: field.Name, Value: term})
		case field.Type.isNumber() && isNumber:
			nodes = append(nodes, &Filter{Op: OpEq, Field: field.Name, Value: number})
		case field.Type == UUID && isUUID(term):
			nodes = append(nodes, &Filter{Op: OpEq, Field: field.Name, Value: term})
		}
	}
	if len(nodes) == 0 {
		return nothing(c, c.PrimaryKey)
	}
	return Or(nodes...)
}

// searchNumber reads a term that is written as a number is shown ("7", not "07"
// nor "7.0"), as Directus demands, so that a search for a code is not one for a number.
func searchNumber(term string) (any, bool) {
	if i, err := strconv.ParseInt(term, 10, 64); err == nil {
		return i, strconv.FormatInt(i, 10) == term
	}
	f, err := strconv.ParseFloat(term, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || string(AppendValue(nil, f)) != term {
		return nil, false
	}
	return f, true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}

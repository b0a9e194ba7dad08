package query

import (
	"fmt"
	"strings"
)

// MaxRelations is how many names a path may have in fields, sort and deep, and how
// deep fields may be nested in a filter (Directus's MAX_RELATIONAL_DEPTH).
const MaxRelations = 10

var errRelations = invalidQuery("Max relational depth exceeded")

// parsePath checks a name in a query: a field, a path through relations, a function
// of a field at the end of either. What it returns has the function at the end:
// "year(author.born)" is "author.year(born)". The names need not exist.
func parsePath(name, where string) (string, error) {
	if !strings.ContainsAny(name, ".:()") {
		return name, nil
	}
	before, argument, isFunction := strings.Cut(name, "(")
	if isFunction {
		dot := strings.LastIndexByte(before, '.') + 1
		before, function := before[:dot], before[dot:]
		if function == "json" {
			return "", notServed(name)
		}
		argument, closed := strings.CutSuffix(argument, ")")
		if !closed || argument == "" || strings.ContainsAny(argument, "()") || strings.TrimSpace(argument) != argument {
			return "", errPath(name, where)
		}
		if !isFunctionName(function) {
			return "", errFunction(function)
		}
		dot = strings.LastIndexByte(argument, '.') + 1
		name = before + argument[:dot] + function + "(" + argument[dot:] + ")"
	}
	switch {
	case strings.Contains(name, ":"):
		return "", invalidQuery(fmt.Sprintf("%s in %q follows a relation to any collection, which is not served yet", quote(name), where))
	case !isFunction && strings.Contains(name, ")"), strings.HasSuffix(name, "()"),
		name[0] == '.', name[len(name)-1] == '.', strings.Contains(name, ".."):
		return "", errPath(name, where)
	case strings.Count(name, ".") >= MaxRelations:
		return "", errRelations
	}
	return name, nil
}

func errPath(name, where string) *Error {
	return invalidQuery(fmt.Sprintf(`%s in %q has to be a field, a path like "author.name", or a function like "year(date)"`, quote(name), where))
}

func errFunction(name string) *Error {
	return invalidQuery(fmt.Sprintf("Invalid function specified %s", quote(name)))
}

func isFunctionName(name string) bool {
	switch name {
	case "year", "month", "week", "day", "weekday", "hour", "minute", "second", "count":
		return true
	}
	return false
}

// splitFunction takes "year(date)" apart; fn is "" for a field.
func splitFunction(name string) (fn, field string) {
	if before, rest, ok := strings.Cut(name, "("); ok && before != "" && strings.HasSuffix(rest, ")") {
		return before, rest[:len(rest)-1]
	}
	return "", name
}

// functionKey is what a function of a field is called in an answer.
func functionKey(name string) string {
	if fn, field := splitFunction(name); fn != "" {
		return field + "_" + fn
	}
	return name
}

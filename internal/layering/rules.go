package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// A rule is a row of the table.
type rule struct {
	path string // "x" or "x/...", without the module's name
	says string // what the package is for

	may               []string // of ours
	never             []string
	neverTransitively []string
	calls             calls // what its code must not do

	// tests and outerTests are what the tests of the package, and those in the
	// package x_test alone, may import beyond the rest. Where both are nil, tests
	// are exempt.
	tests, outerTests []string
}

func list(paths ...string) []string { return paths }

// calls are what code must not do.
type calls uint

const (
	clock      calls = 1 << iota // look at the time, or wait
	goroutines                   // have a go statement
	chance                       // draw from the global source of randomness
)

// A pkg is what go list says of a package.
type pkg struct {
	ImportPath                         string
	Name                               string
	Dir                                string
	Imports, TestImports, XTestImports []string
	Deps                               []string
	GoFiles                            []string
}

// matches reports whether an import path is the pattern's: "x" or "x/...".
func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// A checker applies a table to packages of one module.
type checker struct {
	module string
	rules  []rule
}

// short cuts the module's name off. ours is false for a package of somebody else's.
func (c *checker) short(importPath string) (path string, ours bool) {
	// go list says "leveret/x [leveret/x.test]" for what is compiled for a test.
	importPath, _, _ = strings.Cut(importPath, " ")
	if importPath == c.module {
		return ".", true
	}
	return strings.CutPrefix(importPath, c.module+"/")
}

func (c *checker) ruleOf(path string) (rule, bool) {
	for _, r := range c.rules {
		if matches(r.path, path) {
			return r, true
		}
	}
	return rule{}, false
}

// check returns what is wrong with a package's imports and name, a sentence each.
func (c *checker) check(p pkg) []string {
	path, _ := c.short(p.ImportPath)
	for element := range strings.SplitSeq(path, "/") {
		if slices.Contains(noNames, element) || slices.Contains(noNames, p.Name) {
			return list(fmt.Sprintf("%s: the name says nothing; name the package after what it does", path))
		}
	}
	r, ok := c.ruleOf(path)
	if !ok {
		return list(fmt.Sprintf("%s is not in the table: add a row that says what it is for", path))
	}
	var wrong []string
	for _, imported := range p.Imports {
		if reason := c.refuses(r, path, imported, nil); reason != "" {
			wrong = append(wrong, reason)
		}
		if short, ours := c.short(imported); ours && matchesAny(onlyFromTests, short) && !matchesAny(onlyFromTests, path) {
			wrong = append(wrong, fmt.Sprintf("%s imports %s, which is for tests only", path, short))
		}
	}
	for _, dep := range p.Deps {
		if matchesAny(r.neverTransitively, dep) {
			wrong = append(wrong, fmt.Sprintf("%s must not import %s, transitively either", path, dep))
		}
	}
	if r.tests != nil || r.outerTests != nil {
		for _, imported := range p.TestImports {
			if reason := c.refuses(r, path+" (test)", imported, r.tests); reason != "" {
				wrong = append(wrong, reason)
			}
		}
		for _, imported := range p.XTestImports {
			if reason := c.refuses(r, path+"_test", imported, append(slices.Clone(r.tests), r.outerTests...)); reason != "" {
				wrong = append(wrong, reason)
			}
		}
	}
	return wrong
}

// refuses says why a rule refuses one direct import, "" if it does not. also is
// what tests may import beyond it.
func (c *checker) refuses(r rule, importer, imported string, also []string) string {
	short, ours := c.short(imported)
	if !ours {
		short = imported
	}
	governed := ours || matches(goApp, imported)
	switch {
	case ours && matches(r.path, short): // itself, in a test
		return ""
	case matchesAny(also, short):
		return ""
	case matchesAny(r.never, short):
		return fmt.Sprintf("%s must never import %s", importer, short)
	case governed && !matchesAny(r.may, short):
		return fmt.Sprintf("%s may not import %s", importer, short)
	}
	return ""
}

// clockCalls are the functions of package time that look at the time or wait.
var clockCalls = list("Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer")

// checkCode returns what a file does that its package must not.
func checkCode(fset *token.FileSet, file *ast.File, forbidden calls) []string {
	var wrong []string
	say := func(pos token.Pos, what string) {
		wrong = append(wrong, fmt.Sprintf("%s: %s", fset.Position(pos), what))
	}
	names := make(map[string]string) // by which a package is known in this file
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the compiler says so
		}
		name := map[string]string{"math/rand/v2": "rand"}[path]
		if name == "" {
			name = path[strings.LastIndex(path, "/")+1:]
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." && (path == "time" || strings.HasPrefix(path, "math/rand")) {
			say(spec.Pos(), "imports "+path+" with a dot, which hides what is called")
		}
		names[name] = path
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if forbidden&goroutines != 0 {
				say(n.Pos(), "starts a goroutine")
			}
		case *ast.SelectorExpr:
			name, ok := n.X.(*ast.Ident)
			if !ok || name.Obj != nil { // Obj: a local variable of that name
				return true
			}
			switch path := names[name.Name]; {
			case forbidden&clock != 0 && path == "time" && slices.Contains(clockCalls, n.Sel.Name):
				say(n.Pos(), "uses time."+n.Sel.Name+": the time is an argument")
			case forbidden&chance != 0 && (path == "math/rand" || path == "math/rand/v2") && isGlobalDraw(n.Sel.Name):
				say(n.Pos(), "draws from the global source with rand."+n.Sel.Name+": randomness is an argument")
			}
		}
		return true
	})
	return wrong
}

// isGlobalDraw reports whether a name of math/rand is a function of the global
// source, and neither a type nor what makes a source of one's own.
func isGlobalDraw(name string) bool {
	switch name {
	case "Rand", "Source", "Source64", "Zipf", "PCG", "ChaCha8":
		return false
	}
	return !strings.HasPrefix(name, "New")
}

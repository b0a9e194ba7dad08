// Command layering checks that every package imports only what the table in
// table.go lets it, natively and for js.
//
//	go run ./internal/layering
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	stdio "io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

func main() {
	packages, wrong, err := checkModule(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "layering:", err)
		os.Exit(1)
	}
	for _, sentence := range wrong {
		fmt.Fprintln(os.Stderr, "layering:", sentence)
	}
	if len(wrong) > 0 {
		fmt.Fprintln(os.Stderr, "layering: see internal/layering/table.go")
		os.Exit(1)
	}
	fmt.Printf("layering holds in %d packages, natively and for js\n", packages)
}

// platforms are what the imports are looked at for.
var platforms = [][]string{nil, {"GOOS=js", "GOARCH=wasm"}}

// checkModule checks all packages of the module in dir.
func checkModule(dir string) (packages int, wrong []string, err error) {
	seen := make(map[string]bool)
	for _, env := range platforms {
		pkgs, err := listPackages(dir, env)
		if err != nil {
			return 0, nil, err
		}
		c := checker{module: "leveret", rules: table}
		for _, p := range pkgs {
			seen[p.ImportPath] = true
			wrong = append(wrong, c.check(p)...)
			path, _ := c.short(p.ImportPath)
			if r, ok := c.ruleOf(path); ok && r.calls != 0 {
				more, err := checkFiles(p, r.calls)
				if err != nil {
					return 0, nil, err
				}
				wrong = append(wrong, more...)
			}
		}
	}
	slices.Sort(wrong) // most are seen on both platforms
	return len(seen), slices.Compact(wrong), nil
}

// listPackages asks the toolchain.
func listPackages(dir string, env []string) ([]pkg, error) {
	// -e: a package without files for the platform is no error here.
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports,Deps,GoFiles", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, stderr.Bytes())
	}
	var pkgs []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, stdio.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list said: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

// checkFiles looks at what the code of a package does.
func checkFiles(p pkg, forbidden calls) ([]string, error) {
	var wrong []string
	fset := token.NewFileSet()
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, checkCode(fset, file, forbidden)...)
	}
	return wrong, nil
}

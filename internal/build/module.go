package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// Where the npm package and its program lie in the site.
const (
	moduleName     = "module"
	moduleWasmName = "leveret.wasm"
)

// moduleFlags are the compiler flags of the package's program, as smaller are those of
// the page's. Measured with Go 1.26 in bytes of brotli 11, and events a second through
// for await in Node, which are within a tenth of each other from the second line on:
//
//	                                        brotli
//	everything                              862 k
//	nothing                                 767 k
//	internal/runtime, protocol              777 k
//	  with encoding/binary, math/bits       773 k  (they are single instructions)
//	    with sync, sync/atomic              773 k  <- this
//	    with session                        791 k, no faster
//	    with bytes, unicode/utf8            777 k
//	    with transport, wasm, syscall/js    779 k
var moduleFlags = []string{
	"-gcflags=all=-l", "-gcflags=internal/runtime/...=", "-gcflags=leveret/protocol=",
	"-gcflags=encoding/binary=", "-gcflags=math/bits=",
	"-gcflags=sync=", "-gcflags=sync/atomic=", "-gcflags=internal/sync=",
}

// buildModule makes the npm package: the sources of wasm/module, the program of
// ./wasm, and what runs it.
func (b *builder) buildModule(dir string, glue []byte) error {
	if err := bundleModule("wasm/module", dir); err != nil {
		return err
	}
	program := filepath.Join(b.cache, moduleWasmName)
	if err := buildWasm(program, "./wasm", moduleFlags); err != nil {
		return err
	}
	if err := copyFile(program, filepath.Join(dir, moduleWasmName)); err != nil {
		return err
	}
	script, err := glueModule(glue)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "wasm_exec.js"), script); err != nil {
		return err
	}
	licences, err := allLicences()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "LICENSE"), licences)
}

// bundleModule makes two small scripts of the package's sources: the one that a page
// imports, and the one that it fetches along with the WebAssembly. It brings along what
// is handwritten beside them.
func bundleModule(from, to string) error {
	for _, script := range []string{"index.js", "program.js"} {
		if err := bundle(filepath.Join(from, script), filepath.Join(to, script)); err != nil {
			return err
		}
	}
	for _, name := range []string{"index.d.ts", "package.json", "README.md"} {
		if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// bundle makes one script of a file and what it imports.
func bundle(from, to string) error {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{from},
		Bundle:            true,
		External:          []string{"./program.js", "./wasm_exec.js", "node:*"}, // fetched when they are needed
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		Charset:           api.CharsetUTF8,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		LogLevel:          api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		e := result.Errors[0]
		if e.Location == nil {
			return fmt.Errorf("bundle the module: %s", e.Text)
		}
		return fmt.Errorf("bundle the module: %s:%d: %s", e.Location.File, e.Location.Line, e.Text)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return writeFile(to, append([]byte(bundleHead), result.OutputFiles[0].Contents...))
}

const bundleHead = "// Leveret, bundled: index.d.ts and README.md say what it offers. MIT licence.\n"

// allLicences returns our licence, and those of what is linked into the program.
func allLicences() ([]byte, error) {
	var all bytes.Buffer
	ours, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	all.Write(ours)

	root, err := goroot()
	if err != nil {
		return nil, err
	}
	parts, err := linkedModules("./wasm")
	if err != nil {
		return nil, err
	}
	parts = append([]linked{{"Go's standard library, and wasm_exec.js", root}}, parts...)
	for _, part := range parts {
		text, err := licenceIn(part.dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(&all, "\n%s\n\nleveret.wasm holds parts of %s, which are under this licence:\n\n%s", strings.Repeat("-", 72), part.name, text)
	}
	return all.Bytes(), nil
}

// linked is a module of somebody else's, with its folder.
type linked struct{ name, dir string }

// linkedModules lists the modules that a package brings into a browser.
func linkedModules(pkg string) ([]linked, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", pkg)
	cmd.Env = append(os.Environ(), inBrowser...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, said.Bytes())
	}
	var modules []linked
	for line := range strings.Lines(string(out)) {
		if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			modules = append(modules, linked{name, dir})
		}
	}
	slices.SortFunc(modules, func(a, b linked) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(modules), nil
}

// licenceIn reads the licence at the top of a folder.
func licenceIn(dir string) ([]byte, error) {
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%s has no licence that could go into the package", dir)
}

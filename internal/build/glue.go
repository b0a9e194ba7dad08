package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// toolchainGlue returns the wasm_exec.js of the Go that builds.
func toolchainGlue() ([]byte, error) {
	root, err := goroot()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(root, "lib", "wasm", "wasm_exec.js"))
}

// goroot is the folder of the Go that builds.
func goroot() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return strings.TrimSpace(string(root)), nil
}

// What the toolchain's script is known to do, as far as glueModule relies on it.
var (
	glueDefines = regexp.MustCompile(`globalThis\.Go = class\b`)
	glueMembers = regexp.MustCompile(`\bglobalThis\.(\w+)`)
	glueKnown   = map[string]bool{"fs": true, "process": true, "path": true, "crypto": true, "performance": true,
		"TextEncoder": true, "TextDecoder": true, "Go": true}
	// glueBare finds what the script takes from the global scope by its bare name,
	// although it is one of those that it may have put there itself.
	glueBare = regexp.MustCompile(`(?:^|[^.\w])((?:fs|process|path)\.\w+)`)
)

// glueModule makes an ES module of the toolchain's wasm_exec.js, which as it is
// leaves four names in the global scope of whoever's page this is. The module's one
// function takes the object that the script is to have for its globalThis.
//
// Inside, globalThis is the function's argument. That leaves the one place where the
// script writes fs without globalThis: a constant that is declared after the script,
// and so has what the script put there, is what it finds. Where a future Go does more
// than this the build fails, rather than somebody's page.
func glueModule(glue []byte) ([]byte, error) {
	unexpected := func(what string) error {
		return fmt.Errorf("the toolchain's wasm_exec.js %s: see glueModule in internal/build, which wraps it for the module", what)
	}
	if n := len(glueDefines.FindAll(glue, -1)); n != 1 {
		return nil, unexpected(fmt.Sprintf("defines globalThis.Go %d times, where once is expected", n))
	}
	for _, member := range glueMembers.FindAllSubmatch(glue, -1) {
		if name := string(member[1]); !glueKnown[name] {
			return nil, unexpected("uses globalThis." + name + ", which is not known here")
		}
	}
	bare := glueBare.FindAllSubmatch(glue, -1)
	if len(bare) != 1 || string(bare[0][1]) != "fs.writeSync" {
		var names []string
		for _, b := range bare {
			names = append(names, string(b[1]))
		}
		return nil, unexpected(fmt.Sprintf("uses %q by their bare names, where fs.writeSync once is expected", names))
	}
	var b bytes.Buffer
	b.WriteString(glueHead)
	b.Write(bytes.TrimSpace(glue))
	b.WriteString(glueFoot)
	return b.Bytes(), nil
}

const glueHead = `// What runs a Go program: wasm_exec.js of the Go toolchain that built leveret.wasm,
// unchanged, in a function, so that it leaves nothing in the global scope. It is
// Copyright The Go Authors, under the BSD-style licence that LICENSE holds.
export default function (globalThis) {
`

const glueFoot = `

const fs = globalThis.fs;
return globalThis.Go;
}
`

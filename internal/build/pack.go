package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// packMust are the files without which the package does not work.
var packMust = []string{"LICENSE", "README.md", "index.d.ts", "index.js", moduleWasmName, "package.json", "program.js", "wasm_exec.js"}

// pack makes a tarball of the npm package, as it would be published, and says where
// it is and by which hashes a page can pin its files.
func pack(out io.Writer, dir, into string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is missing, which makes the tarball: install Node with npm")
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	destination, err := filepath.Abs(into)
	if err != nil {
		return err
	}
	plain, err := os.MkdirTemp("", "leveret-pack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(plain)
	if err := copyPlain(dir, plain); err != nil {
		return err
	}
	cmd := exec.Command(npm, "pack", "--json", "--ignore-scripts", "--loglevel=error", "--pack-destination", destination)
	cmd.Dir = plain
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false") // nothing here asks the network
	var said bytes.Buffer
	cmd.Stderr = &said
	answer, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("npm pack in %s: %w\n%s%s", dir, err, said.Bytes(), answer)
	}
	var tarballs []struct {
		Filename string
		Size     int64
		Files    []struct{ Path string }
	}
	if err := json.Unmarshal(answer, &tarballs); err != nil || len(tarballs) != 1 {
		return fmt.Errorf("npm pack answered %q: %v", answer, err)
	}
	tarball := tarballs[0]
	var files []string
	for _, f := range tarball.Files {
		files = append(files, f.Path)
	}
	if err := checkFiles(files); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s  %d bytes, %d files\n", filepath.Join(into, tarball.Filename), tarball.Size, len(files))
	for _, name := range []string{"index.js", "program.js", "wasm_exec.js", moduleWasmName} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-14s %s\n", name, integrity(content))
	}
	return nil
}

// copyPlain copies a folder without the compressed variants, which are for our server
// only. package.json could not leave them all out: npm takes whatever is called
// LICENSE or README, also LICENSE.br.
func copyPlain(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); ext == ".br" || ext == ".gz" || !entry.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// checkFiles looks at what is in the tarball, which package.json decides.
func checkFiles(files []string) error {
	for _, name := range packMust {
		if !slices.Contains(files, name) {
			return fmt.Errorf("the tarball lacks %s: see files in wasm/module/package.json", name)
		}
	}
	return nil
}

// integrity is a hash in the form of an element's integrity attribute.
func integrity(content []byte) string {
	sum := sha512.Sum384(content)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

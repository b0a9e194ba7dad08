package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What wraps the toolchain's script must leave nothing behind, and give the class
// that the script defines. Node runs it, where it is installed for the other tests.
func TestTheGlueIsAModule(t *testing.T) {
	glue, err := toolchainGlue()
	if err != nil {
		t.Fatal(err)
	}
	module, err := glueModule(glue)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(module), strings.TrimSpace(string(glue))) {
		t.Error("the toolchain's script was changed")
	}
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"wasm_exec.mjs": string(module), "try.mjs": `
		import load from './wasm_exec.mjs';
		const before = Object.getOwnPropertyNames(globalThis).sort().join();
		const written = [];
		const fs = { constants: { O_WRONLY: -1 }, writeSync: (fd, bytes) => { written.push(new TextDecoder().decode(bytes)); } };
		const host = { crypto, performance, TextEncoder, TextDecoder };
		const scope = { ...host, fs, process: {}, path: {} };
		const Go = load(scope);
		const go = new Go();
		go._inst = { exports: { mem: { buffer: new ArrayBuffer(64) } } };
		go.mem = new DataView(go._inst.exports.mem.buffer);
		new Uint8Array(go._inst.exports.mem.buffer).set([1, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0], 8); // fd, p, n
		new Uint8Array(go._inst.exports.mem.buffer).set([104, 105], 40);
		go.importObject.gojs['runtime.wasmWrite'](0);
		const after = Object.getOwnPropertyNames(globalThis).sort().join();
		console.log(JSON.stringify({ same: before === after, once: load(scope) === Go, written, own: typeof load({ ...host }) }));
	`})
	cmd := exec.Command("node", "try.mjs")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	if want := `{"same":true,"once":false,"written":["hi"],"own":"function"}`; strings.TrimSpace(string(out)) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

// Where the script does what is not known, nothing is built.
func TestTheGlueIsNotAsExpected(t *testing.T) {
	glue, err := toolchainGlue()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"no class":         {"globalThis.Go = class", "globalThis.Program = class", "defines globalThis.Go 0 times"},
		"another global":   {"globalThis.crypto", "globalThis.navigator", "globalThis.navigator"},
		"fs twice":         {"fs.writeSync(fd, new", "fs.fsync(fd); fs.writeSync(fd, new", "bare names"},
		"fs not at all":    {"fs.writeSync(fd, new", "globalThis.fs.writeSync(fd, new", "bare names"},
		"process, by name": {"globalThis.process = {", "process.umask(); globalThis.process = {", "bare names"},
	} {
		changed := strings.Replace(string(glue), c.old, c.new, 1)
		if changed == string(glue) {
			t.Fatalf("%s: the script has no %q", name, c.old)
		}
		if _, err := glueModule([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestBundleModule(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "module")
	files := map[string]string{
		"index.js":   "export * from './client.js'; // a comment\n",
		"client.js":  "export const load = () => import('./program.js');\n",
		"program.js": "import go from './wasm_exec.js';\nexport const run = () => go();\n",
		"index.d.ts": "3", "package.json": "{}", "README.md": "#", "notes.txt": "not for the package", "sub/more.js": "nor this",
	}
	writeTree(t, from, files)
	if err := bundleModule(from, to); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, to), []string{"README.md", "index.d.ts", "index.js", "package.json", "program.js"}; !slices.Equal(got, want) {
		t.Errorf("the package has %q, want %q", got, want)
	}
	script, err := os.ReadFile(filepath.Join(to, "index.js"))
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]bool{`import("./program.js")`: true, "a comment": false, "client.js": false, " as load": true} {
		if strings.Contains(string(script), part) != want {
			t.Errorf("the script has %q: %v, want %v:\n%s", part, !want, want, script)
		}
	}
	for _, needed := range []string{"index.js", "client.js", "program.js", "index.d.ts", "package.json", "README.md"} {
		from := t.TempDir()
		writeTree(t, from, files)
		if err := os.Remove(filepath.Join(from, needed)); err != nil {
			t.Fatal(err)
		}
		if err := bundleModule(from, t.TempDir()); err == nil || !strings.Contains(err.Error(), needed) {
			t.Errorf("without %s: %v", needed, err)
		}
	}
}

func TestBuildWasmWantsAProgram(t *testing.T) {
	t.Chdir("../..")
	err := buildWasm(filepath.Join(t.TempDir(), "no.wasm"), "./wasm/bridge", nil)
	if err == nil || !strings.Contains(err.Error(), "./wasm/bridge is no program") {
		t.Errorf("%v", err)
	}
}

// The licence that the package carries is ours, and after it each of those whose
// code is in the program.
func TestLicences(t *testing.T) {
	t.Chdir("../..")
	all, err := allLicences()
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range []string{"MIT License", "Go's standard library", "The Go Authors", "github.com/hack-pad/safejs", "Apache License"} {
		i := strings.Index(string(all[at:]), part)
		if i < 0 {
			t.Fatalf("%q does not come after what was before it, in\n%.3000s", part, all)
		}
		at += i
	}
	if _, err := licenceIn(t.TempDir()); err == nil {
		t.Error("a folder without a licence passes")
	}
}

func TestWhatTheTarballHolds(t *testing.T) {
	whole := []string{"LICENSE", "README.md", "client.js", "index.d.ts", "index.js", "leveret.wasm", "package.json", "program.js", "wasm_exec.js"}
	if err := checkFiles(whole); err != nil {
		t.Error(err)
	}
	if err := checkFiles(whole[:5]); err == nil || !strings.Contains(err.Error(), "lacks leveret.wasm") {
		t.Errorf("%v", err)
	}
}

func TestPack(t *testing.T) {
	dir, into := t.TempDir(), filepath.Join(t.TempDir(), "new")
	writeTree(t, dir, map[string]string{
		"package.json": `{"name": "a", "version": "1.2.3", "files": ["*.js", "*.wasm", "*.d.ts"]}`,
		"index.js":     "export {};\n", "index.js.gz": "x", "LICENSE.br": "x", "README.md.gz": "x", "notes.txt": "x", "index.d.ts": "", "leveret.wasm": "w", "program.js": "", "wasm_exec.js": "", "README.md": "", "LICENSE": "",
	})
	var out strings.Builder
	if err := pack(&out, dir, into); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, into); !slices.Equal(got, []string{"a-1.2.3.tgz"}) {
		t.Errorf("the folder has %q", got)
	}
	for _, want := range []string{filepath.Join(into, "a-1.2.3.tgz"), " bytes, 8 files", "index.js       sha384-", "leveret.wasm   sha384-"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("nothing says %q:\n%s", want, &out)
		}
	}
	if err := pack(&out, t.TempDir(), into); err == nil || !strings.Contains(err.Error(), "npm pack") {
		t.Errorf("a folder with nothing in it: %v", err)
	}
}

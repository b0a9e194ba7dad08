// Command build makes the site: the page's WebAssembly, the files around it, and a
// compressed variant beside each of them.
//
//	go run ./internal/build -o web/dist -level 9
//	go run ./internal/build -o web/dist -pack bin
//
// It runs in the module's folder. What it compressed it keeps in .cache by content
// and level, so that a file that did not change costs nothing. The site holds the
// npm package of wasm/module too, which -pack makes a tarball of.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	var b builder
	flag.StringVar(&b.out, "o", "web/dist", "the `folder` to put the site into; what else is in it is removed, but for .gitkeep")
	flag.StringVar(&b.cache, "cache", ".cache", "the `folder` for what can be made again")
	flag.IntVar(&b.level, "level", 9, "brotli level, 0 to 11: 11 is the smallest, and takes half a minute")
	packInto := flag.String("pack", "", "build nothing: pack the npm package of the built site into this `folder`")
	flag.Parse()
	if flag.NArg() > 0 || b.level < 0 || b.level > 11 {
		flag.Usage()
		os.Exit(2)
	}
	if *packInto != "" {
		if err := pack(os.Stdout, filepath.Join(b.out, moduleName), *packInto); err != nil {
			fmt.Fprintln(os.Stderr, "build:", err)
			os.Exit(1)
		}
		return
	}
	start := time.Now()
	packed, err := b.build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
	fmt.Printf("built %s with brotli %d: %d files, %d compressed anew, in %.1f s\n",
		b.out, b.level, packed.files, packed.anew, time.Since(start).Seconds())
}

// wasmName is where the page's program lies in the site: go-app's own name. It has
// no hash in it, so it is asked for at each visit and costs a 304.
const wasmName = "web/app.wasm"

// A builder makes the site. Paths are relative to the module's folder.
type builder struct {
	out   string // the site
	cache string // the programs, the site while it is being made, and compressed files
	level int    // of brotli
}

func (b *builder) build() (packed, error) {
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return packed{}, err
	}
	wasm := filepath.Join(b.cache, "app.wasm")
	if err := buildWasm(wasm, "./app", smaller); err != nil {
		return packed{}, err
	}
	// The site is made beside its place and moved there when it is whole.
	staging := filepath.Join(b.cache, "site.new")
	if err := os.RemoveAll(staging); err != nil {
		return packed{}, err
	}
	if err := run(nil, "go", "run", "./app", "-o", staging, "-wasm", wasm); err != nil {
		return packed{}, err
	}
	if _, err := os.Stat(filepath.Join(staging, "index.html")); err != nil {
		return packed{}, fmt.Errorf("./app wrote no index.html: %w", err)
	}
	if err := copyFile(wasm, filepath.Join(staging, filepath.FromSlash(wasmName))); err != nil {
		return packed{}, err
	}
	glue, err := toolchainGlue()
	if err != nil {
		return packed{}, err
	}
	// go-app carries a copy of its own; the program is linked by this toolchain.
	if err := os.WriteFile(filepath.Join(staging, "wasm_exec.js"), glue, 0o644); err != nil {
		return packed{}, err
	}
	if err := b.buildModule(filepath.Join(staging, moduleName), glue); err != nil {
		return packed{}, err
	}
	// ./app puts all of web/static under web; these pages are no part of its own.
	if err := os.Rename(filepath.Join(staging, "web", demoName), filepath.Join(staging, demoName)); err != nil {
		return packed{}, err
	}
	result, err := compressTree(staging, filepath.Join(b.cache, "compressed"), b.level)
	if err != nil {
		return packed{}, err
	}
	if err := writeInlineScripts(staging, demoName); err != nil {
		return packed{}, err
	}
	return result, publish(staging, b.out)
}

// smaller are the compiler flags that decide what is inlined in the page's program.
// Measured with Go 1.26 on one version of the page, in Node: bytes in brotli 11 (which
// a change of no matter may move by 8 kB), and nanoseconds (within 10 percent, the best
// of four) of a frame in session BenchmarkReceived, of query BenchmarkMatch, and
// milliseconds of state BenchmarkInitOf10000.
//
//	                          brotli   frame  match  init
//	everything                1,732 k  3,900   168    141
//	nothing                   1,607 k
//	internal/runtime, protocol  1,607 k  5,480   281    265
//	  with query              1,613 k  5,350   271    251
//	  with query, session     1,632 k  4,670   247    269   <- this
//	  with runtime            1,651 k
//	  with internal/...       1,620 k  5,280   275    241
//	    with runtime          1,668 k  4,300   217    180
//	    with protocol/...     1,640 k  4,720   236    228
//	    with strings, bytes, strconv, utf8, slices, sync, syscall/js  1,629 k: no faster
//
// The runtime would gain the most, and has no room below the limit (internal/size):
// should the page ever shed 40 kB, inline it first.
// (Of two patterns that match a package, the compiler takes the later.)
var smaller = []string{
	"-gcflags=all=-l", "-gcflags=internal/runtime/...=",
	"-gcflags=leveret/protocol=", "-gcflags=leveret/protocol/query=", "-gcflags=leveret/protocol/session=",
}

// buildWasm compiles a package for the browser, without what only a debugger reads.
func buildWasm(out, pkg string, flags []string) error {
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w"}, flags...)
	if err := run(inBrowser, "go", append(args, "-o", out, pkg)...); err != nil {
		return err
	}
	program, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	// go build writes an archive, and is content, where a package is not called main.
	if !bytes.HasPrefix(program, []byte("\x00asm")) {
		return fmt.Errorf("%s is no program for js/wasm: it has to be a package main there", pkg)
	}
	return nil
}

// inBrowser is the environment in which go builds for the browser.
var inBrowser = []string{"GOOS=js", "GOARCH=wasm"}

// run runs a program and shows what it said if it fails.
func run(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append(append(env, name), args...), " "), err, said.Bytes())
	}
	return nil
}

// publish moves the finished site to its place. index.html goes first and comes last:
// it is what make compares, so that a build that was interrupted is done again.
func publish(staging, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	const last = "index.html"
	if err := os.Remove(filepath.Join(out, last)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, entry := range old {
		if entry.Name() == ".gitkeep" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(out, entry.Name())); err != nil {
			return err
		}
	}
	made, err := os.ReadDir(staging)
	if err != nil {
		return err
	}
	for _, entry := range made {
		if entry.Name() == last {
			continue
		}
		if err := os.Rename(filepath.Join(staging, entry.Name()), filepath.Join(out, entry.Name())); err != nil {
			return err
		}
	}
	index := filepath.Join(out, last)
	if err := os.Rename(filepath.Join(staging, last), index); err != nil {
		return err
	}
	now := time.Now()
	return errors.Join(os.Chtimes(index, now, now), os.Remove(staging))
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return writeFile(to, content)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(content))
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// regularFiles lists the files under dir, with their sizes.
func regularFiles(dir string) (map[string]int64, error) {
	sizes := make(map[string]int64)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		sizes[path] = info.Size()
		return nil
	})
	return sizes, err
}

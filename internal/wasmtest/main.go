//go:build !js

// Command wasmtest runs tests built for js/wasm in Node or in headless Chromium.
//
//	wasmtest -node ./protocol/... ./wasm/bridge
//	wasmtest -browser -run Contract ./protocol/transport
//	GOOS=js GOARCH=wasm go test -exec "$PWD/bin/wasmtest -node" ./protocol/query
//
// With packages it builds their tests, runs them one after another and prints
// "ran <n> tests of <package> in <Node or Chromium>"; no test at all is a failure.
// As the -exec of go test it must have been built before, since go test hands its
// GOOS on.
//
// Beside the tests runs package fixture's WebSocket server, whose URLs are in
// LEVERET_FIXTURE and LEVERET_FIXTURE_SLOW; LEVERET_WS is the path of the npm
// package ws, where wasm/test has it. In Chromium the tests may read the files of
// their package's folder; what they write to $TMPDIR is kept in memory.
//
// The browser is the one that package chromium finds; Node is $NODE, or node on the
// PATH.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"leveret/internal/wasmtest/fixture"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wasmtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// A host runs one test binary, with its folder as working directory, and returns
// its exit code.
type host interface {
	name() string
	run(ctx context.Context, binary, dir string, args, env []string, stdout, stderr io.Writer) (int, error)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int, err error) {
	flags := flag.NewFlagSet("wasmtest", flag.ContinueOnError)
	flags.SetOutput(stderr)
	inNode := flags.Bool("node", false, "run in Node")
	inBrowser := flags.Bool("browser", false, "run in headless Chromium")
	timeout := flags.Duration("timeout", 2*time.Minute, "for each package")
	pattern := flags.String("run", "", "only the tests that match, as -run of go test")
	verbose := flags.Bool("v", false, "print what the tests print, also when they pass")
	if err := flags.Parse(args); err != nil {
		return 2, nil
	}
	if *inNode == *inBrowser || flags.NArg() == 0 {
		return 2, errors.New("say -node or -browser, then packages or one test binary with its arguments")
	}

	goroot, err := output(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return 1, err
	}
	var h host
	if *inNode {
		h, err = newNode(filepath.Join(goroot, "lib", "wasm"))
	} else {
		h, err = newBrowser(filepath.Join(goroot, "lib", "wasm"))
	}
	if err != nil {
		return 1, err
	}
	server, err := fixture.Serve()
	if err != nil {
		return 1, err
	}
	defer server.Close()
	env := []string{"LEVERET_FIXTURE=" + server.URL, "LEVERET_FIXTURE_SLOW=" + server.Slow}
	if ws := findWS(ctx); ws != "" {
		env = append(env, "LEVERET_WS="+ws)
	}

	if info, err := os.Stat(flags.Arg(0)); err == nil && info.Mode().IsRegular() {
		dir, err := os.Getwd()
		if err != nil {
			return 1, err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, *timeout, errTimeout)
		defer cancel()
		// The last one counts: a test that hangs says where before it is ended.
		args := append(flags.Args()[1:], "-test.timeout="+(*timeout*9/10).String())
		return h.run(ctx, flags.Arg(0), dir, args, env, stdout, stderr)
	}

	packages, err := list(ctx, flags.Args())
	if err != nil {
		return 1, err
	}
	temp, err := os.MkdirTemp("", "wasmtest")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(temp)
	for _, p := range packages {
		failed, err := runPackage(ctx, h, p, temp, *timeout, *pattern, *verbose, env, stdout)
		if err != nil {
			fmt.Fprintf(stderr, "wasmtest: %s: %v\n", p.path, err)
		}
		if failed || err != nil {
			code = 1
		}
	}
	return code, nil
}

var errTimeout = errors.New("the tests took longer than -timeout")

// A pkg is a package to test.
type pkg struct{ path, dir string }

func list(ctx context.Context, patterns []string) ([]pkg, error) {
	out, err := output(ctx, "js", "go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	var packages []pkg
	for line := range strings.Lines(out) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		packages = append(packages, pkg{path, dir})
	}
	if len(packages) == 0 {
		return nil, errors.New("no packages match")
	}
	return packages, nil
}

var passed = regexp.MustCompile(`(?m)^--- PASS: `)

func runPackage(ctx context.Context, h host, p pkg, temp string, timeout time.Duration, pattern string, verbose bool, env []string, stdout io.Writer) (failed bool, err error) {
	binary := filepath.Join(temp, strings.ReplaceAll(p.path, "/", "_")+".wasm")
	if _, err := output(ctx, "js", "go", "test", "-c", "-o", binary, p.path); err != nil {
		return true, err
	}
	if _, err := os.Stat(binary); err != nil {
		return true, errors.New("it has no test files for js/wasm")
	}
	args := []string{"-test.v=true", "-test.timeout=" + (timeout * 9 / 10).String(), "-test.run=" + pattern}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	start := time.Now()
	var out bytes.Buffer
	var to io.Writer = &out
	if verbose {
		to = io.MultiWriter(stdout, &out)
	}
	code, err := h.run(ctx, binary, p.dir, args, env, to, to)
	n := len(passed.FindAllIndex(out.Bytes(), -1))
	if code != 0 || err != nil {
		if !verbose {
			stdout.Write(out.Bytes())
		}
		fmt.Fprintf(stdout, "FAIL %s in %s\n", p.path, h.name())
		return true, err
	}
	if n == 0 {
		return true, errors.New("no test ran")
	}
	fmt.Fprintf(stdout, "ran %d tests of %s in %s (%.1f s)\n", n, p.path, h.name(), time.Since(start).Seconds())
	return false, nil
}

// output runs a command, for GOOS if that is not empty.
func output(ctx context.Context, goos, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "GOOS=") || strings.HasPrefix(kv, "GOARCH=")
	})
	if goos == "js" {
		cmd.Env = append(cmd.Env, "GOOS=js", "GOARCH=wasm")
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// findWS returns the folder of the npm package ws, or "".
func findWS(ctx context.Context) string {
	if ws := os.Getenv("LEVERET_WS"); ws != "" {
		return ws
	}
	root, err := output(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return ""
	}
	ws := filepath.Join(root, "wasm", "test", "node_modules", "ws")
	if _, err := os.Stat(ws); err != nil {
		return ""
	}
	return ws
}

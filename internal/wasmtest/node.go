//go:build !js

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A node runs binaries in Node, by the toolchain's own script.
type node struct{ program, script string }

func newNode(wasmDir string) (*node, error) {
	program, err := exec.LookPath(cmp.Or(os.Getenv("NODE"), "node"))
	if err != nil {
		return nil, fmt.Errorf("Node: %w: install it, or set NODE to its path", err)
	}
	return &node{program, filepath.Join(wasmDir, "wasm_exec_node.js")}, nil
}

func (n *node) name() string { return "Node" }

func (n *node) run(ctx context.Context, binary, dir string, args, env []string, stdout, stderr io.Writer) (int, error) {
	// The stack size is that of the toolchain's go_js_wasm_exec.
	cmd := exec.CommandContext(ctx, n.program, append([]string{"--stack-size=8192", n.script, binary}, args...)...)
	cmd.Dir = dir
	cmd.Env = env // few: a wasm binary takes at most 8 kB of arguments and environment
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GODEBUG", "GOROOT"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 1, context.Cause(ctx)
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	}
	return 0, err
}

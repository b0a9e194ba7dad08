package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The Go program in the README prints live messages.
func TestProgramInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no Go program")
	}
	s := startServer(t)
	program := strings.Replace(string(block[1]), "http://localhost:8055", s.url, 1)
	if !strings.Contains(program, s.url) {
		t.Fatal("the program does not dial http://localhost:8055")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("the program does not compile: %v\n%s", err, out)
	}
	var printed lockedBuffer
	cmd := exec.Command(binary)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	prints(t, &printed, "init")
	if status := s.call("POST", "/items/messages", editorToken, map[string]string{"text": "for the README"}, nil); status != http.StatusOK {
		t.Fatalf("POST answered %d", status)
	}
	prints(t, &printed, "create", "for the README")
}

// prints waits until a line of the output has all the words.
func prints(t *testing.T, output *lockedBuffer, words ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
	lines:
		for line := range strings.Lines(output.String()) {
			for _, word := range words {
				if !strings.Contains(line, word) {
					continue lines
				}
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no line has %q; the program printed:\n%s", words, output)
		}
	}
}

// Each package's first sentence is its row in the README's table.
func TestPackagesInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-f", "| `{{.ImportPath}}` | {{.Doc}} |", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.ReplaceAll(string(out), "`leveret/", "`")
	if strings.Count(rows, "\n") < 20 {
		t.Fatalf("go list names too few packages:\n%s", rows)
	}
	for row := range strings.Lines(rows) {
		if !strings.Contains(string(readme), row) {
			t.Errorf("the README lacks the row\n%s", row)
		}
	}
}

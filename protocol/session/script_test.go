package session_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestScripts plays every script of testdata/scripts. What the session does is
// written into the script itself; -update rewrites it, and the diff is the review.
func TestScripts(t *testing.T) {
	for _, name := range namesIn(t, "testdata/scripts", ".txt") {
		t.Run(name, func(t *testing.T) {
			path := "testdata/scripts/" + name + ".txt"
			script := readFile(t, path)
			if prose, _, ok := strings.Cut(script, "\n\n"); !ok || len(prose) < 40 {
				t.Error("a script opens with a paragraph that says what it shows")
			}
			compare(t, path, script, play(script))
		})
	}
}

// compare checks an expectation, or rewrites it.
func compare(t *testing.T, path, want, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got == want {
		return
	}
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wants), len(gots)) {
		var w, g string
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if w != g {
			t.Fatalf("%s:%d:\n got %s\nwant %s\n(-update accepts what the session does now)", path, i+1, g, w)
		}
	}
}

func namesIn(t testing.TB, dir, ext string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ext); ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("there is nothing in %s", dir)
	}
	return names
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

//go:build !js

package platform_test

import (
	"os"
	"path/filepath"
	"testing"

	"leveret/protocol/platform"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when opened")
	testStore(t, func() (platform.Store, error) { return platform.OpenStore(t.Context(), dir) }, true)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".value" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := platform.OpenStore(t.Context(), file); err == nil {
		t.Error("a file was opened as a store")
	}
}

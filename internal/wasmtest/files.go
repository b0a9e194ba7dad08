//go:build !js

package main

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
)

//go:embed host.js
var hostScript []byte

func script(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Write(body)
	}
}

// A fileInfo is what the page's fs.stat tells.
type fileInfo struct {
	Size    int64    `json:"size"`
	Mode    uint32   `json:"mode"`    // as in stat(2)
	Mtime   int64    `json:"mtimeMs"` // ms
	Entries []string `json:"entries"` // of a folder
}

// within makes a path of the test relative to its package's folder; one outside is
// an error later, from os.Root.
func within(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsAbs(path) {
		return rel
	}
	return filepath.Clean(path)
}

func readWithin(dir, path string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(within(dir, path))
}

func serveStat(w http.ResponseWriter, r *http.Request, dir string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer root.Close()
	path := within(dir, r.FormValue("path"))
	info, err := root.Stat(path)
	if err != nil {
		http.Error(w, "ENOENT", http.StatusNotFound)
		return
	}
	const folder, regular = 0o040555, 0o100444
	told := fileInfo{Size: info.Size(), Mode: regular, Mtime: info.ModTime().UnixMilli()}
	if info.IsDir() {
		told.Mode = folder
		f, err := root.Open(path)
		if err == nil {
			told.Entries, _ = f.Readdirnames(-1)
			f.Close()
		}
	}
	json.NewEncoder(w).Encode(told)
}

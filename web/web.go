// Package web holds the built site, so that the server is one file.
package web

import (
	"embed"
	"io/fs"
)

// A fresh clone has only dist/.gitkeep, which is enough to compile.
//
//go:embed all:dist
var dist embed.FS

// Site returns the files of the site that were in web/dist when the program was
// built; index.html is at its top.
func Site() fs.FS {
	site, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path: fs.Sub has no other error
	}
	return site
}

// Built reports whether there is a site at all: a program built without make has
// none.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

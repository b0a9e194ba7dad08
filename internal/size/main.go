// Command size prints how large the WebAssembly files of the built site are:
//
//	name raw gzip brotli
//
// in bytes, and fails if one is above its limit. It reads the .gz and .br that the
// build wrote beside each, so build with brotli 11 first: make size does.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// limits are the most that the brotli form may have, in bytes, by name.
var limits = map[string]int64{
	"app.wasm":     1_650_000, // the page: two seconds at 9 Mbit/s
	"leveret.wasm": 950_000,   // the module, in somebody else's page
}

func main() {
	dir := flag.String("dir", "web/dist", "the `folder` with the built site")
	flag.Parse()
	if err := report(os.Stdout, os.DirFS(*dir)); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// report writes a line for each WebAssembly file under site, by path.
func report(w io.Writer, site fs.FS) error {
	found := false
	var tooLarge []error
	err := fs.WalkDir(site, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".wasm" {
			return err
		}
		found = true
		var sizes [3]int64
		for i, suffix := range []string{"", ".gz", ".br"} {
			info, err := fs.Stat(site, name+suffix)
			if err != nil {
				return fmt.Errorf("%w: build the site first, with make build", err)
			}
			sizes[i] = info.Size()
		}
		base := path.Base(name)
		fmt.Fprintln(w, base, sizes[0], sizes[1], sizes[2])
		if limit, ok := limits[base]; ok && sizes[2] > limit {
			tooLarge = append(tooLarge, fmt.Errorf("%s has %d bytes in brotli, %d above its limit of %d", base, sizes[2], sizes[2]-limit, limit))
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("there is no WebAssembly file: build the site first, with make build")
	}
	return errors.Join(append(tooLarge, err)...)
}

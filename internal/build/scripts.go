package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"leveret/server/fileserver"
)

// demoName is where the demo pages lie in the site: the only ones that may have
// scripts in them.
const demoName = "demo"

// writeInlineScripts tells the file server which scripts the pages of a folder have
// in them, so that it can allow these and no others.
func writeInlineScripts(site, folder string) error {
	scripts, err := inlineScripts(os.DirFS(site), folder)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(scripts, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(site, fileserver.InlineScriptsName), append(text, '\n'))
}

// A plain form is enough for pages of our own. What it does not see is refused by
// the browser, as is what was not there when the site was built.
var (
	scriptElement = regexp.MustCompile(`(?is)<script\b([^>]*)>(.*?)</script\s*>`)
	hasSource     = regexp.MustCompile(`(?i)\ssrc\s*=`)
)

// inlineScripts returns, by page, the hash of each script that is written in it.
func inlineScripts(site fs.FS, folder string) (map[string][]string, error) {
	scripts := make(map[string][]string)
	err := fs.WalkDir(site, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".html" {
			return err
		}
		page, err := fs.ReadFile(site, name)
		if err != nil {
			return err
		}
		if bytes.ContainsRune(page, '\r') {
			return fmt.Errorf("%s has carriage returns, which browsers take out of a script before they hash it", name)
		}
		for _, element := range scriptElement.FindAllSubmatch(page, -1) {
			if !hasSource.Match(element[1]) {
				sum := sha256.Sum256(element[2])
				scripts[name] = append(scripts[name], "sha256-"+base64.StdEncoding.EncodeToString(sum[:]))
			}
		}
		return nil
	})
	return scripts, err
}

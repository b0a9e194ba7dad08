package fileserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// InlineScriptsName is the file in a site that says which scripts its pages have in
// them: a JSON object of page names, each with the hashes of its scripts. Its dot
// keeps it from being served.
const InlineScriptsName = ".inline-scripts.json"

// scriptHash is what stands for a script in a policy, and nothing that could add to it.
var scriptHash = regexp.MustCompile(`^sha(256-[A-Za-z0-9+/]{43}=|384-[A-Za-z0-9+/]{64}|512-[A-Za-z0-9+/]{86}==)$`)

// InlineScripts reads the file of that name at the top of a site, for
// [Options.InlineScripts]. A site without it has none.
func InlineScripts(site fs.FS) (map[string][]string, error) {
	text, err := fs.ReadFile(site, InlineScriptsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var scripts map[string][]string
	if err := json.Unmarshal(text, &scripts); err != nil {
		return nil, fmt.Errorf("%s: %w", InlineScriptsName, err)
	}
	for name, hashes := range scripts {
		for _, hash := range hashes {
			if !scriptHash.MatchString(hash) {
				return nil, fmt.Errorf("%s: %q of %s is not the hash of a script", InlineScriptsName, hash, name)
			}
		}
	}
	return scripts, nil
}

// allowScripts adds scripts to what a policy lets run. A policy that says nothing of
// scripts is left as it is.
func allowScripts(policy string, hashes []string) string {
	directives := strings.Split(policy, ";")
	for i, directive := range directives {
		if name, _, _ := strings.Cut(strings.TrimSpace(directive), " "); strings.EqualFold(name, "script-src") {
			directives[i] = strings.TrimRight(directive, " ") + " '" + strings.Join(hashes, "' '") + "'"
			break // of two directives, browsers look at the first
		}
	}
	return strings.Join(directives, ";")
}

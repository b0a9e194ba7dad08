//go:build !js

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/ui"
)

const (
	title       = "Leveret"
	description = "A live list of messages over the Directus realtime protocol."
)

// writeSite writes everything that the page is served from but the program: what
// go-app generates, our own index.html, and the static files under web.
func writeSite(dir, wasm, static string) error {
	info, err := os.Stat(wasm)
	if err != nil {
		return fmt.Errorf("the page's program: %w", err)
	}
	assets, err := assetsIn(static)
	if err != nil {
		return fmt.Errorf("the static files: %w", err)
	}
	version, err := contentVersion(wasm, static, assets)
	if err != nil {
		return err
	}

	// The service worker keeps these, so that the page opens without a network.
	var cached []string
	for _, name := range assets {
		if !strings.Contains(name, "/") { // what lies in folders belongs to other pages
			cached = append(cached, "/web/"+name)
		}
	}
	app.Route("/", func() app.Composer { return ui.NewPage(nil) })
	err = app.GenerateStaticWebsite(dir, &app.Handler{
		Name:               title,
		ShortName:          title,
		Title:              title,
		Description:        description,
		Lang:               "en",
		BackgroundColor:    "#FBFAF8",
		ThemeColor:         "#FBFAF8",
		LoadingLabel:       "Loading the page: {progress} %",
		Version:            version,
		WasmContentLength:  strconv.FormatInt(info.Size(), 10), // uncompressed: that is what the progress counts
		CacheableResources: cached,
		Icon: app.Icon{
			Default:  "/web/icon-192.png",
			Large:    "/web/icon-512.png",
			SVG:      "/web/icon.svg",
			Maskable: "/web/icon-maskable.png",
		},
	})
	if err != nil {
		return fmt.Errorf("generate the site: %w", err)
	}
	for _, name := range assets {
		if err := copyAsset(filepath.Join(static, name), filepath.Join(dir, "web", name)); err != nil {
			return err
		}
	}
	// go-app's own page names remote addresses and covers the shell with a loader.
	return os.WriteFile(filepath.Join(dir, "index.html"), []byte(index()), 0o644)
}

// index is the page before the program runs: the shell as the program would draw
// it, which the program then takes over, and go-app's loader in our own form.
func index() string {
	// go-app drops the value of an attribute that is "true"; these need it.
	shell := app.HTMLString(ui.NewPage(nil))
	shell = strings.ReplaceAll(shell, "</input>", "") // elements are all made alike
	shell = strings.ReplaceAll(shell, ` checked="false"`, "")
	// What is typed into the shell would be lost when the program draws it anew.
	shell = strings.Replace(shell, `<div class="page">`, `<div class="page" inert>`, 1)
	for _, name := range []string{"aria-hidden", "aria-pressed", "aria-current"} {
		shell = strings.ReplaceAll(shell, " "+name+">", " "+name+`="true">`)
		shell = strings.ReplaceAll(shell, " "+name+" ", " "+name+`="true" `)
	}
	return strings.NewReplacer("{title}", title, "{description}", description, "{shell}", shell).Replace(indexTemplate)
}

const indexTemplate = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="description" content="{description}">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#FBFAF8" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#141413" media="(prefers-color-scheme: dark)">
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="apple-touch-icon" href="/web/icon-192.png">
<link rel="manifest" href="/manifest.webmanifest">
<link rel="stylesheet" href="/web/app.css">
<script src="/web/boot.js"></script>
<script defer src="/wasm_exec.js"></script>
<script defer src="/app.js"></script>
</head>
<body>
{shell}
<aside id="app-wasm-loader" aria-label="Loading">
<span id="app-wasm-loader-icon"></span>
<p id="app-wasm-loader-label">Loading the page</p>
<progress id="app-wasm-loader-bar" max="100" aria-labelledby="app-wasm-loader-label"></progress>
</aside>
<noscript><p class="no-script">This page needs JavaScript and WebAssembly. Allow them for this site, then reload.</p></noscript>
</body>
</html>
`

// assetsIn lists the files of the static folder, by their slashed names.
func assetsIn(static string) ([]string, error) {
	var names []string
	err := fs.WalkDir(os.DirFS(static), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// contentVersion is the hash of all that a visitor gets: the service worker takes
// another version for a new one of the page. What go-app generates follows from
// the program, which go-app is linked into.
func contentVersion(wasm, static string, assets []string) (string, error) {
	sum := sha256.New()
	io.WriteString(sum, indexTemplate)
	paths := []string{wasm}
	for _, name := range assets {
		paths = append(paths, filepath.Join(static, name))
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func copyAsset(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}

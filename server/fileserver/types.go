package fileserver

import (
	"path"
	"regexp"
	"strings"
)

// types are the MIME types by extension. The table is our own because that of the
// operating system differs from one machine to the next, and a browser compiles a
// .wasm while it streams only if it is application/wasm.
var types = map[string]string{
	".avif":        "image/avif",
	".css":         "text/css; charset=utf-8",
	".csv":         "text/csv; charset=utf-8",
	".gif":         "image/gif",
	".gz":          "application/gzip",
	".htm":         "text/html; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".ico":         "image/x-icon",
	".jpeg":        "image/jpeg",
	".jpg":         "image/jpeg",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".map":         "application/json",
	".md":          "text/markdown; charset=utf-8",
	".mjs":         "text/javascript; charset=utf-8",
	".mp4":         "video/mp4",
	".otf":         "font/otf",
	".pdf":         "application/pdf",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".ts":          "text/plain; charset=utf-8", // .d.ts files; no browser runs TypeScript
	".ttf":         "font/ttf",
	".txt":         "text/plain; charset=utf-8",
	".wasm":        "application/wasm",
	".webm":        "video/webm",
	".webmanifest": "application/manifest+json",
	".webp":        "image/webp",
	".woff":        "font/woff",
	".woff2":       "font/woff2",
	".xml":         "text/xml; charset=utf-8",
	".zip":         "application/zip",
}

// contentType returns the MIME type of a file's name. Nothing is guessed from the
// content: what is not in the table is bytes, which a browser downloads.
func contentType(name string) string {
	if t, ok := types[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

// hashedName is a name with a content hash: a dash or a dot, 16 to 64 lower-case
// hexadecimal digits, and one extension, as in app-3f9c2a7be01d4586.wasm. Fewer
// digits would take a date or a time in a name for a hash.
var hashedName = regexp.MustCompile(`[-.][0-9a-f]{16,64}\.[a-z0-9]+$`)

// cacheControl returns how long the file may be used without asking. A name with a
// content hash never gets another content; every other file is asked for each
// time, which costs a 304.
func cacheControl(name string) string {
	if hashedName.MatchString(name) {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

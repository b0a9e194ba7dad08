package fileserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// A file is an open regular file.
type file struct {
	io.ReadSeeker
	io.Closer
	name    string
	size    int64
	modTime time.Time // zero for an embedded file
}

var errIsDir = errors.New("is a directory")

// openFile opens a regular file; for a directory the error is errIsDir.
func openFile(fsys fs.FS, name string) (*file, error) {
	// Looked at before it is opened: opening a named pipe would wait for its writer.
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errIsDir
	case !info.Mode().IsRegular():
		return nil, fs.ErrNotExist
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	seeker, ok := f.(io.ReadSeeker)
	if !ok { // fs.FS does not promise Seek (the files of a zip have none)
		content, err := io.ReadAll(f)
		if err != nil {
			f.Close()
			return nil, err
		}
		seeker = bytes.NewReader(content)
	}
	return &file{ReadSeeker: seeker, Closer: f, name: name, size: info.Size(), modTime: info.ModTime()}, nil
}

// variantSuffixes are the codings of which a file may have a variant beside it.
var variantSuffixes = map[string]string{"br": ".br", "gzip": ".gz"}

// leftoverAge is how much older than its file a variant may be. One that is older
// was made of an earlier content. It is not zero since copying a folder gives
// files the times at which each was copied, in any order.
const leftoverAge = 2 * time.Second

// openVariants opens the variants of a file, by coding: those that are smaller and
// were made of this content.
func (h *Handler) openVariants(name string, f *file) map[string]*file {
	variants := make(map[string]*file, 2)
	for coding, suffix := range variantSuffixes {
		v, err := openFile(h.fsys, name+suffix)
		if err != nil {
			continue
		}
		if v.size >= f.size || f.modTime.Sub(v.modTime) > leftoverAge {
			v.Close()
			continue
		}
		variants[coding] = v
	}
	return variants
}

// isVariant reports whether the name is that of another file's variant, which is
// served under that file's name only. (A .gz on its own is a file like any other.)
func (h *Handler) isVariant(name string) bool {
	for _, suffix := range variantSuffixes {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			if info, err := fs.Stat(h.fsys, base); err == nil && info.Mode().IsRegular() {
				return true
			}
		}
	}
	return false
}

// A tagCache remembers the ETags of files, so that each content is hashed once. It
// holds one entry for each file that exists, and so needs no bound.
type tagCache struct {
	mu   sync.Mutex
	tags map[string]cachedTag
}

type cachedTag struct {
	size    int64
	modTime time.Time
	tag     string
}

// of returns the file's strong ETag and leaves the file at its start. A variant
// has other bytes, hence another tag.
func (c *tagCache) of(f *file) (string, error) {
	c.mu.Lock()
	got, ok := c.tags[f.name]
	c.mu.Unlock()
	if ok && got.size == f.size && got.modTime.Equal(f.modTime) {
		return got.tag, nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	tag := `"` + hex.EncodeToString(hash.Sum(nil)[:16]) + `"`
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags == nil {
		c.tags = make(map[string]cachedTag)
	}
	c.tags[f.name] = cachedTag{f.size, f.modTime, tag}
	return tag, nil
}

// matchesTag reports whether a list of If-None-Match (weak: the prefix W/ does not
// count, since a proxy may have added it) or If-Match holds the tag. RFC 9110, 13.1.
func matchesTag(list, tag string, weak bool) bool {
	for t := range strings.SplitSeq(list, ",") { // our tags hold no comma
		t = strings.TrimSpace(t)
		if weak {
			t = strings.TrimPrefix(t, "W/")
		}
		if t == tag || t == "*" {
			return true
		}
	}
	return false
}

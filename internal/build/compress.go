package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
)

// forgetAfter is how long a compressed file is kept without being used.
const forgetAfter = 30 * 24 * time.Hour

// packed is what compressTree did.
type packed struct {
	files int // that have variants
	anew  int // of those, how many were not all in the cache
}

// compressTree writes name.br and name.gz beside every file under dir. (Not always
// smaller: the file server looks before it sends one.) It uses all cores.
func compressTree(dir, cache string, level int) (packed, error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return packed{}, err
	}
	sizes, err := regularFiles(dir)
	if err != nil {
		return packed{}, err
	}
	var names []string
	for name := range sizes {
		if ext := filepath.Ext(name); ext != ".br" && ext != ".gz" {
			names = append(names, name)
		}
	}
	// The largest first: it takes the longest, and the rest fits beside it.
	slices.SortFunc(names, func(a, b string) int {
		if sizes[a] != sizes[b] {
			return int(sizes[b] - sizes[a])
		}
		return strings.Compare(a, b)
	})

	var (
		work     = make(chan string)
		workers  sync.WaitGroup
		mu       sync.Mutex
		result   = packed{files: len(names)}
		firstErr error
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for name := range work {
				anew, err := compressFile(name, cache, level)
				mu.Lock()
				if anew {
					result.anew++
				}
				if err != nil && firstErr == nil {
					firstErr = err
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	workers.Wait()
	if firstErr != nil {
		return packed{}, firstErr
	}
	return result, forget(cache, time.Now().Add(-forgetAfter))
}

// compressFile writes the variants of one file.
func compressFile(name, cache string, level int) (anew bool, err error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	for _, v := range variantsAt(level) {
		small, made, err := v.of(content, cache)
		if err != nil {
			return false, fmt.Errorf("%s%s: %w", name, v.suffix, err)
		}
		anew = anew || made
		if err := writeFile(name+v.suffix, small); err != nil {
			return false, err
		}
	}
	return anew, nil
}

// A variant is one way to compress.
type variant struct {
	suffix   string   // of the file beside the original
	keys     []string // names in the cache that will do, the best first; the last is what compress makes
	compress func(io.Writer) io.WriteCloser
}

func variantsAt(level int) []variant {
	br := variant{suffix: ".br", compress: func(w io.Writer) io.WriteCloser {
		// A window of 16 MiB, the largest that browsers accept, holds all of app.wasm.
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: level, LGWin: 24})
	}}
	for l := 11; l >= level; l-- { // a better one is welcome
		br.keys = append(br.keys, fmt.Sprintf("br%d", l))
	}
	return []variant{br, {suffix: ".gz", keys: []string{"gz9"}, compress: func(w io.Writer) io.WriteCloser {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			panic(err) // the level is a constant
		}
		return z
	}}}
}

// of returns the compressed content, from the cache if it is there.
func (v variant) of(content []byte, cache string) (small []byte, made bool, err error) {
	sum := sha256.Sum256(content)
	path := ""
	for _, key := range v.keys {
		path = filepath.Join(cache, hex.EncodeToString(sum[:])+"."+key)
		if small, err := os.ReadFile(path); err == nil {
			now := time.Now()
			return small, false, os.Chtimes(path, now, now) // used: not to be forgotten
		}
	}
	var buf bytes.Buffer
	w := v.compress(&buf)
	if _, err := w.Write(content); err != nil {
		return nil, false, err
	}
	if err := w.Close(); err != nil {
		return nil, false, err
	}
	return buf.Bytes(), true, writeFile(path, buf.Bytes())
}

// forget removes from the cache what was not used since then.
func forget(cache string, since time.Time) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.ModTime().Before(since) {
			if err := os.Remove(filepath.Join(cache, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

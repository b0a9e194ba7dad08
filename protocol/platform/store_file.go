//go:build !js

package platform

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// OpenStore opens the store of that name, and makes it if there is none: natively
// a folder of that path with one file a key, in a browser an IndexedDB database.
// Where a browser has no IndexedDB the error is [ErrNoStore].
func OpenStore(ctx context.Context, name string) (Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("open store: say the path of its folder")
	}
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return folder(name), nil
}

// A folder is a Store of files. A file's name is its key in letters that every
// file system tells apart.
type folder string

var fileNames = base32.HexEncoding.WithPadding(base32.NoPadding)

const fileEnding = ".value"

func (f folder) file(key string) string {
	return filepath.Join(string(f), fileNames.EncodeToString([]byte(key))+fileEnding)
}

func (f folder) Get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	value, err := os.ReadFile(f.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	return value, err
}

// Put writes a new file and gives it the name of the old, so that a crash leaves
// one of them whole.
func (f folder) Put(ctx context.Context, key string, value []byte) (err error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	temp, err := os.CreateTemp(string(f), "new-*")
	if err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
			err = fmt.Errorf("put %q: %w", key, err)
		}
	}()
	_, err = temp.Write(value)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), f.file(key)); err != nil {
		return err
	}
	return f.sync()
}

func (f folder) Delete(ctx context.Context, key string) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	err := os.Remove(f.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, f.sync())
}

func (f folder) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), fileEnding)
		if !ok {
			continue // a new- file that a crash left
		}
		if key, err := fileNames.DecodeString(name); err == nil {
			keys = append(keys, string(key))
		}
	}
	return sorted(keys, prefix), nil
}

func (f folder) Close() error { return nil }

// sync makes names durable. Windows has no such call and does it by itself.
func (f folder) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package platform

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"
)

// OpenStore opens the store of that name, and makes it if there is none: natively
// a folder of that path with one file a key, in a browser an IndexedDB database.
// Where a browser has no IndexedDB the error is [ErrNoStore].
func OpenStore(ctx context.Context, name string) (Store, error) {
	if name == "" {
		return nil, errors.New("open store: say the name of its database")
	}
	if !js.Global().Get("indexedDB").Truthy() {
		return nil, fmt.Errorf("open store: %w: IndexedDB is missing", ErrNoStore)
	}
	request, err := idb.Global().Open(ctx, name, 1, func(db *idb.Database, old, new uint) error {
		_, err := db.CreateObjectStore(objects, idb.ObjectStoreOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db, err := request.Await(ctx)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &database{db}, nil
}

const objects = "values"

// A database is a Store in IndexedDB. In a transaction nothing may be waited for
// but its own requests: any other wait ends it.
type database struct{ db *idb.Database }

// write runs one request in a transaction of its own, and waits until that is on
// disk.
func (d *database) write(ctx context.Context, request func(*idb.ObjectStore) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := d.db.TransactionWithOptions(idb.TransactionOptions{
		Mode:       idb.TransactionReadWrite,
		Durability: idb.DurabilityStrict,
	}, objects)
	if err != nil {
		return err
	}
	store, err := t.ObjectStore(objects)
	if err != nil {
		return err
	}
	if err := request(store); err != nil {
		return err
	}
	return t.Await(ctx)
}

func (d *database) reading(ctx context.Context) (*idb.ObjectStore, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t, err := d.db.Transaction(idb.TransactionReadOnly, objects)
	if err != nil {
		return nil, err
	}
	return t.ObjectStore(objects)
}

func (d *database) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	store, err := d.reading(ctx)
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", key, err)
	}
	request, err := store.Get(js.ValueOf(key))
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", key, err)
	}
	value, err := request.Await(ctx)
	if err != nil {
		return nil, fmt.Errorf("get %q: %w", key, err)
	}
	if value.IsUndefined() {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	data := make([]byte, value.Get("length").Int())
	js.CopyBytesToGo(data, value)
	return data, nil
}

func (d *database) Put(ctx context.Context, key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	data := js.Global().Get("Uint8Array").New(len(value))
	js.CopyBytesToJS(data, value)
	err := d.write(ctx, func(store *idb.ObjectStore) error {
		_, err := store.PutKey(js.ValueOf(key), data)
		return err
	})
	if err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	return nil
}

func (d *database) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	err := d.write(ctx, func(store *idb.ObjectStore) error {
		_, err := store.Delete(js.ValueOf(key))
		return err
	})
	if err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	return nil
}

func (d *database) List(ctx context.Context, prefix string) ([]string, error) {
	store, err := d.reading(ctx)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	request, err := store.GetAllKeys()
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	values, err := request.Await(ctx)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	var keys []string
	for _, v := range values {
		keys = append(keys, v.String())
	}
	return sorted(keys, prefix), nil
}

func (d *database) Close() error { return d.db.Close() }

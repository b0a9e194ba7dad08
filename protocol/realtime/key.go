package realtime

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"leveret/protocol"
)

// keyOf encodes a primary key as encoding/json would, without it: a program that has no
// typed collection need not link that.
func keyOf(key any) (json.RawMessage, error) {
	raw, err := encodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	if c := raw[0]; !protocol.Valid(raw) || c != '"' && c != '-' && (c < '0' || c > '9') || string(raw) == `""` {
		return nil, fmt.Errorf("the key encodes as %s: give a string or an integer", clip(raw))
	}
	return raw, nil
}

func encodeKey(key any) ([]byte, error) {
	switch key := key.(type) {
	case json.Number:
		return []byte(key), nil
	case json.Marshaler:
		raw, err := key.MarshalJSON()
		return append(bytes.TrimSpace(raw), ""...), err
	case encoding.TextMarshaler: // a UUID, say
		text, err := key.MarshalText()
		return quote(string(text)), err
	}
	v := reflect.ValueOf(key)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		return quote(v.String()), nil
	case v.CanInt():
		return strconv.AppendInt(nil, v.Int(), 10), nil
	case v.CanUint():
		return strconv.AppendUint(nil, v.Uint(), 10), nil
	}
	return fmt.Appendf(nil, "%v", key), nil // which is no key
}

func quote(text string) []byte { return []byte(protocol.StringUID(text).JSON()) }

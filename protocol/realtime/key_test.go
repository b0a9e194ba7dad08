package realtime

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// A key encodes as encoding/json would write it.
func TestKeysEncodeAsJSONDoes(t *testing.T) {
	type ID string
	id, seven := ID("a\"\u2028é"), 7
	for _, key := range []any{
		1, int8(-3), uint64(1 << 63), "k", ID("named"), id, &id, &seven,
		json.RawMessage(` "raw" `), json.Number("12"), uuid.MustParse("00000000-0000-4000-8000-000000000001"),
	} {
		encoded, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keyOf(key)
		if err != nil {
			t.Errorf("keyOf(%v): %v", key, err)
			continue
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(encoded, &b) != nil || a != b || len(got) > len(encoded) {
			t.Errorf("keyOf(%v) = %s, encoding/json: %s", key, got, encoded)
		}
	}
	for key, says := range map[any]string{nil: "<nil>", "": `""`, true: "true", (*int)(nil): "<nil>", struct{}{}: "{}"} {
		if got, err := keyOf(key); err == nil || !strings.Contains(err.Error(), "the key encodes as "+says) {
			t.Errorf("keyOf(%v) = %s, %v, want an error with %q", key, got, err, says)
		}
	}
}

package sqlite

import (
	"encoding/json"
	"fmt"
	"math"

	"leveret/protocol/query"
)

// A storage is how the values of a field type are kept in a column.
type storage string

// The storages, by the column types of a STRICT table.
const (
	storeText    storage = "TEXT"
	storeInteger storage = "INTEGER"
	storeReal    storage = "REAL"
	storeBoolean storage = "INTEGER (0 or 1)"
	storeJSON    storage = "TEXT (JSON)"
	storeCSV     storage = "TEXT (elements joined by commas)"
)

func storageOf(t query.Type) storage {
	switch t {
	case query.Integer, query.BigInteger:
		return storeInteger
	case query.Float, query.Decimal:
		return storeReal
	case query.Boolean:
		return storeBoolean
	case query.JSON:
		return storeJSON
	case query.CSV:
		return storeCSV // as Directus does, so that filters see what Directus's see
	}
	return storeText // dates and times too: in their form, order by bytes is order in time
}

// columnType returns the type to declare. The names of dates are avoided: the
// driver would turn the texts of such columns into time.Time.
func (s storage) columnType() string {
	switch s {
	case storeBoolean:
		return "INTEGER"
	case storeJSON, storeCSV:
		return "TEXT"
	}
	return string(s)
}

// encode turns a Row value into what the driver binds. A value of another type than
// the field's is the caller's mistake: rows are decoded with the field's type.
func (s storage) encode(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if s == storeBoolean {
			if v {
				return int64(1), nil
			}
			return int64(0), nil
		}
	case int64:
		switch s {
		case storeInteger:
			return v, nil
		case storeReal:
			return float64(v), nil
		}
	case int:
		return s.encode(int64(v))
	case float64:
		// SQLite would keep NaN as NULL.
		if s == storeReal && !math.IsNaN(v) {
			return v, nil
		}
	case string:
		if s == storeText {
			return v, nil
		}
	case json.RawMessage:
		switch {
		case s != storeJSON && s != storeCSV:
		case len(v) == 0 || string(v) == "null":
			return nil, nil
		case !json.Valid(v):
			return nil, fmt.Errorf("%.40q is not valid JSON", v)
		case s == storeCSV:
			return query.CSVText(v), nil
		default:
			return string(v), nil
		}
	}
	return nil, fmt.Errorf("cannot keep %T %.40v as %s", v, v, s)
}

// decode turns what the driver read into a Row value.
func (s storage) decode(v any) any {
	switch v := v.(type) {
	case int64:
		switch s {
		case storeBoolean:
			return v != 0
		case storeReal:
			return float64(v)
		}
	case string:
		switch s {
		case storeJSON:
			return json.RawMessage(v)
		case storeCSV:
			return query.CSVFromText(v)
		}
	}
	return v
}

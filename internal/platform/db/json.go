package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// JSON holds a value of any shape in one text column (also json or jsonb on
// PostgreSQL). The zero V is stored as its JSON, such as null or {}; NULL in the
// database is read as the zero V. It is for what is read and written whole, never
// for what a query filters by.
type JSON[V any] struct{ V V }

// NewJSON wraps v.
func NewJSON[V any](v V) JSON[V] { return JSON[V]{V: v} }

// Value gives the JSON as text.
func (j JSON[V]) Value() (driver.Value, error) {
	b, err := json.Marshal(j.V)
	if err != nil {
		return nil, fmt.Errorf("db: write JSON column: %w", err)
	}
	return string(b), nil
}

// Scan reads JSON text, bytes or NULL.
func (j *JSON[V]) Scan(src any) error {
	var v V
	var err error
	switch s := src.(type) {
	case nil:
	case string:
		err = json.Unmarshal([]byte(s), &v)
	case []byte:
		err = json.Unmarshal(s, &v)
	default:
		err = fmt.Errorf("unexpected %T", src)
	}
	if err != nil {
		return fmt.Errorf("db: read JSON column: %w", err)
	}
	j.V = v
	return nil
}

// MarshalJSON gives the JSON of the value itself, without the wrapper.
func (j JSON[V]) MarshalJSON() ([]byte, error) { return json.Marshal(j.V) }

// UnmarshalJSON reads the JSON of the value itself.
func (j *JSON[V]) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &j.V) }

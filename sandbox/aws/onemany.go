package aws

import (
	"bytes"
	"encoding/json"
)

// oneOrMany reads one JSON value or a list of such values.
type oneOrMany[T any] struct{ list []T }

// UnmarshalJSON takes both forms and refuses unknown members.
func (o *oneOrMany[T]) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return dec.Decode(&o.list)
	}
	var one T
	if err := dec.Decode(&one); err != nil {
		return err
	}
	o.list = []T{one}
	return nil
}

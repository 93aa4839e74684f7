package google

import (
	"bytes"
	"encoding/json"
	"strings"
)

// doc is a JSON object. Numbers are kept as they are written.
type doc map[string]any

// UnmarshalJSON reads an object.
func (d *doc) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	*d = m
	return nil
}

// at gives the value at a dotted path, or nil.
func (d doc) at(path string) any {
	var v any = map[string]any(d)
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (d doc) str(path string) string {
	s, _ := d.at(path).(string)
	return s
}

// set puts a value at a dotted path, in place; nil removes it.
func (d doc) set(path string, v any) {
	m := map[string]any(d)
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := m[name].(map[string]any)
		if !ok {
			if v == nil {
				return
			}
			inner = map[string]any{}
			m[name] = inner
		}
		m = inner
	}
	last := names[len(names)-1]
	if v == nil {
		delete(m, last)
		return
	}
	m[last] = v
}

// clone gives a deep copy.
func (d doc) clone() doc {
	out, _ := cloneValue(map[string]any(d)).(map[string]any)
	return out
}

func cloneValue(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, inner := range x {
			out[k] = cloneValue(inner)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, inner := range x {
			out[i] = cloneValue(inner)
		}
		return out
	}
	return v
}

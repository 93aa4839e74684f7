package aws

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
)

// doc is a JSON object that has passed the model: unknown members and nulls
// are gone. A stored doc is never changed in place; with and without give
// changed copies.
type doc map[string]any

// at gives the value under path, or nil.
func (d doc) at(path ...string) any {
	var v any = map[string]any(d)
	for _, p := range path {
		m := asMap(v)
		if m == nil {
			return nil
		}
		v = m[p]
	}
	return v
}

func (d doc) str(path ...string) string {
	s, _ := d.at(path...).(string)
	return s
}

func (d doc) list(path ...string) []any {
	l, _ := d.at(path...).([]any)
	return l
}

func (d doc) strs(path ...string) []string {
	var out []string
	for _, v := range d.list(path...) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (d doc) integer(fallback int, path ...string) int {
	n, ok := d.at(path...).(json.Number)
	if !ok {
		return fallback
	}
	i, err := strconv.Atoi(n.String())
	if err != nil {
		return fallback
	}
	return i
}

// with gives a copy of d with value under path; a nil value removes it.
func (d doc) with(value any, path ...string) doc {
	out := maps.Clone(d)
	if out == nil {
		out = doc{}
	}
	key := path[0]
	if len(path) > 1 {
		inner := doc(asMap(out[key])).with(value, path[1:]...)
		if len(inner) == 0 {
			delete(out, key)
		} else {
			out[key] = map[string]any(inner)
		}
		return out
	}
	if value == nil {
		delete(out, key)
	} else {
		out[key] = value
	}
	return out
}

// pick gives a copy of d with only the named members.
func (d doc) pick(names ...string) doc {
	out := doc{}
	for _, n := range names {
		if v, ok := d[n]; ok {
			out[n] = v
		}
	}
	return out
}

func asMap(v any) map[string]any {
	switch m := v.(type) {
	case map[string]any:
		return m
	case doc:
		return m
	}
	return nil
}

// leaves lists d's values by dotted path. The rows of a list share one path,
// so that a path reads as the published field table writes it.
func (d doc) leaves() map[string]string {
	out := map[string]*strings.Builder{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch t := v.(type) {
		case map[string]any:
			for k, inner := range t {
				walk(join(path, k), inner)
			}
		case []any:
			for _, inner := range t {
				walk(path, inner)
			}
		default:
			b := out[path]
			if b == nil {
				b = &strings.Builder{}
				out[path] = b
			}
			raw, err := json.Marshal(t)
			if err != nil {
				raw = []byte("?")
			}
			b.Write(raw)
			b.WriteByte('\n')
		}
	}
	walk("", map[string]any(d))
	flat := make(map[string]string, len(out))
	for k, b := range out {
		flat[k] = b.String()
	}
	return flat
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

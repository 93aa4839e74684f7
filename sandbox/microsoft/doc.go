package microsoft

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// doc is a JSON object. Numbers stay as they were written.
type doc map[string]any

func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

// clone gives a copy that shares nothing.
func (d doc) clone() doc {
	raw, err := json.Marshal(d)
	if err != nil {
		panic(err) // it came from JSON
	}
	out := doc{}
	if err := decode(raw, &out); err != nil {
		panic(err)
	}
	return out
}

// at gives the value below path ("details.dealValue"), or nil.
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

func (d doc) yes(path string) bool {
	b, _ := d.at(path).(bool)
	return b
}

func (d doc) list(path string) []any {
	l, _ := d.at(path).([]any)
	return l
}

// number gives a number, also one that was sent as text; ok is false for neither.
func number(v any) (f float64, ok bool) {
	switch n := v.(type) {
	case json.Number:
		x, err := n.Float64()
		return x, err == nil
	case string:
		x, err := json.Number(n).Float64()
		return x, err == nil
	case float64:
		return n, true
	}
	return 0, false
}

// set puts a value below path, making the objects on the way.
func (d doc) set(path string, v any) {
	names := strings.Split(path, ".")
	m := map[string]any(d)
	for _, name := range names[:len(names)-1] {
		next, ok := m[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[name] = next
		}
		m = next
	}
	m[names[len(names)-1]] = v
}

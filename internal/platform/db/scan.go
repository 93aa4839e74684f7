package db

import (
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// column is one field of a row struct. The tag is `db:"name"`, with two options:
// "insert" (written by Insert, never by Update or an upsert's update, such as
// created_at) and "readonly" (only read, such as a joined name).
type column struct {
	name     string
	index    []int
	insert   bool
	readonly bool
}

// rowPlan is what is known about a row type: its columns in the order of the
// fields, embedded structs flattened.
type rowPlan struct {
	scalar  bool
	columns []column
	byName  map[string]int
}

var plans sync.Map // reflect.Type → *rowPlan; a cache, not state

func planOf(t reflect.Type) (*rowPlan, error) {
	if p, ok := plans.Load(t); ok {
		return p.(*rowPlan), nil
	}
	p := &rowPlan{byName: map[string]int{}}
	if isScalar(t) {
		p.scalar = true
	} else if err := p.add(t, nil); err != nil {
		return nil, err
	} else if len(p.columns) == 0 {
		return nil, fmt.Errorf("db: %s has no field with a db tag", t)
	}
	plans.Store(t, p)
	return p, nil
}

func isScalar(t reflect.Type) bool {
	return t.Kind() != reflect.Struct || t == timeType || reflect.PointerTo(t).Implements(scannerType)
}

func (p *rowPlan) add(t reflect.Type, index []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("db")
		at := append(append([]int{}, index...), i)
		if f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct {
			if err := p.add(f.Type, at); err != nil {
				return err
			}
			continue
		}
		if !tagged || tag == "-" {
			continue
		}
		if !f.IsExported() {
			return fmt.Errorf("db: %s.%s has a db tag but isn't exported", t, f.Name)
		}
		if err := holdable(f.Type); err != nil {
			return fmt.Errorf("db: %s.%s: %w", t, f.Name, err)
		}
		name, option, _ := strings.Cut(tag, ",")
		c := column{name: name, index: at}
		switch option {
		case "":
		case "insert":
			c.insert = true
		case "readonly":
			c.readonly = true
		default:
			return fmt.Errorf("db: %s.%s: unknown tag option %q", t, f.Name, option)
		}
		if !isName(name) {
			return fmt.Errorf("db: %s.%s: %q is no column name", t, f.Name, name)
		}
		if _, twice := p.byName[name]; twice {
			return fmt.Errorf("db: %s: two fields for the column %s", t, name)
		}
		p.byName[name] = len(p.columns)
		p.columns = append(p.columns, c)
	}
	return nil
}

func holdable(t reflect.Type) error {
	if t == timeType || t.Implements(valuerType) || reflect.PointerTo(t).Implements(scannerType) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return holdable(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return nil
		}
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	}
	return fmt.Errorf("no column holds a %s: wrap it in db.JSON", t)
}

// isName reports whether s is a plain SQL name: lower case, digits, underscore.
func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// targets gives the pointers to scan one row of columns into v, which stays the
// same for all rows of a result.
func (p *rowPlan) targets(v reflect.Value, columns []string) ([]any, error) {
	if p.scalar {
		if len(columns) != 1 {
			return nil, fmt.Errorf("db: %d columns for one %s", len(columns), v.Type())
		}
		return []any{target(v)}, nil
	}
	out := make([]any, len(columns))
	for i, name := range columns {
		at, ok := p.byName[name]
		if !ok {
			return nil, fmt.Errorf("db: %s has no field for the column %q", v.Type(), name)
		}
		out[i] = target(v.FieldByIndex(p.columns[at].index))
	}
	return out, nil
}

func target(f reflect.Value) any {
	ptr := f.Addr().Interface()
	switch p := ptr.(type) {
	case *string:
		return (*textTarget)(p)
	case *time.Time:
		return (*timeTarget)(p)
	case **time.Time:
		return timePointer{p}
	case *sql.NullTime:
		return nullTimeTarget{&p.Time, &p.Valid}
	case *sql.Null[time.Time]:
		return nullTimeTarget{&p.V, &p.Valid}
	case sql.Scanner:
		return p
	}
	if f.Kind() == reflect.String {
		return (*textTarget)(f.Addr().Convert(reflect.TypeFor[*string]()).Interface().(*string))
	}
	if f.Kind() == reflect.Slice && f.Type() != bytesType {
		return f.Addr().Convert(reflect.TypeFor[*[]byte]()).Interface()
	}
	return ptr
}

type textTarget string

// Scan reads text; NULL is "".
func (t *textTarget) Scan(src any) error {
	switch s := src.(type) {
	case string:
		*t = textTarget(s)
	case []byte:
		*t = textTarget(s)
	case nil:
		*t = ""
	case time.Time:
		*t = textTarget(s.UTC().Format(TimeLayout))
	default:
		*t = textTarget(fmt.Sprint(s))
	}
	return nil
}

type timeTarget time.Time

// Scan reads an instant; NULL is the zero time.
func (t *timeTarget) Scan(src any) error {
	v, _, err := toTime(src)
	*t = timeTarget(v)
	return err
}

type timePointer struct{ p **time.Time }

// Scan reads an instant; NULL is nil.
func (t timePointer) Scan(src any) error {
	v, null, err := toTime(src)
	*t.p = nil
	if err == nil && !null {
		*t.p = &v
	}
	return err
}

type nullTimeTarget struct {
	t     *time.Time
	valid *bool
}

// Scan reads an instant; NULL is not valid.
func (t nullTimeTarget) Scan(src any) error {
	v, null, err := toTime(src)
	*t.t, *t.valid = v, err == nil && !null
	return err
}

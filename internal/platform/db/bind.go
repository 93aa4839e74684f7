package db

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// MaxIn is how many values a slice in IN (?) may hold; more is an error, because
// both databases bound the number of arguments. Use slices.Chunk.
const MaxIn = 1000

// bind makes the statement that the driver gets from the text with ? and its
// arguments: arguments in the form the database keeps, slices expanded, and $n
// for ? on PostgreSQL. Quoted text, quoted names and comments are left alone.
func bind(d Dialect, query string, args []any) (string, []any, error) {
	var b strings.Builder
	out := make([]any, 0, len(args))
	next, last := 0, 0
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == 0:
			return "", nil, fmt.Errorf("db: NUL in the statement: %s", oneLine(query[:i]))
		case c == '\'' || c == '"':
			end := strings.IndexByte(query[i+1:], c)
			if end < 0 {
				return "", nil, fmt.Errorf("db: a %c isn't closed in: %s", c, oneLine(query))
			}
			i += end + 1
		case c == '-' && strings.HasPrefix(query[i:], "--"):
			end := strings.IndexByte(query[i:], '\n')
			if end < 0 {
				end = len(query) - i
			}
			i += end
		case c == '/' && strings.HasPrefix(query[i:], "/*"):
			end := strings.Index(query[i+2:], "*/")
			if end < 0 || strings.Contains(query[i+2:i+2+end], "/*") {
				return "", nil, fmt.Errorf("db: a comment isn't closed, or holds another, in: %s", oneLine(query))
			}
			i += end + 3
		case (c == '$' || c == '?') && i+1 < len(query) && query[i+1] >= '0' && query[i+1] <= '9':
			return "", nil, fmt.Errorf("db: write ? for each argument, not %s, in: %s", query[i:i+2], oneLine(query))
		case c == '?':
			if next == len(args) {
				return "", nil, fmt.Errorf("db: %d arguments for more ? in: %s", len(args), oneLine(query))
			}
			arg := args[next]
			next++
			b.WriteString(query[last:i])
			last = i + 1
			if list := reflect.ValueOf(arg); isList(list) {
				if !inList(query, i) {
					return "", nil, fmt.Errorf("db: a slice may stand only in IN (?), argument %d of: %s", next, oneLine(query))
				}
				var err error
				if out, err = bindList(d, &b, out, list); err != nil {
					return "", nil, fmt.Errorf("db: argument %d of %s: %w", next, oneLine(query), err)
				}
				continue
			}
			v, err := value(d, arg)
			if err != nil {
				return "", nil, fmt.Errorf("db: argument %d of %s: %w", next, oneLine(query), err)
			}
			out = append(out, v)
			placeholder(d, &b, len(out))
		}
	}
	if next != len(args) {
		return "", nil, fmt.Errorf("db: %d arguments for %d ? in: %s", len(args), next, oneLine(query))
	}
	if last == 0 || d == SQLite && b.Len() == last-1 && len(out) == 0 {
		return query, out, nil
	}
	b.WriteString(query[last:])
	return b.String(), out, nil
}

func placeholder(d Dialect, b *strings.Builder, n int) {
	if d == SQLite {
		b.WriteByte('?')
		return
	}
	b.WriteByte('$')
	b.WriteString(strconv.Itoa(n))
}

func bindList(d Dialect, b *strings.Builder, out []any, list reflect.Value) ([]any, error) {
	n := list.Len()
	switch {
	case n > MaxIn:
		return nil, fmt.Errorf("%d values in IN (?), at most %d: ask in chunks", n, MaxIn)
	case n == 0:
		// An empty result set: IN is false and NOT IN is true, as with sets.
		b.WriteString("SELECT CAST(NULL AS " + sqlType(list.Type().Elem()) + ") WHERE 1 = 0")
		return out, nil
	}
	for i := range n {
		v, err := value(d, list.Index(i).Interface())
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString(", ")
		}
		out = append(out, v)
		placeholder(d, b, len(out))
	}
	return out, nil
}

func isList(v reflect.Value) bool {
	if !v.IsValid() || v.Kind() != reflect.Slice || v.Type().Elem().Kind() == reflect.Uint8 {
		return false
	}
	return !v.Type().Implements(valuerType)
}

// inList reports whether the ? at i stands as "IN (?)".
func inList(query string, i int) bool {
	before := strings.TrimRight(query[:i], " \t\r\n")
	after := strings.TrimLeft(query[i+1:], " \t\r\n")
	if !strings.HasSuffix(before, "(") || !strings.HasPrefix(after, ")") {
		return false
	}
	before = strings.TrimRight(before[:len(before)-1], " \t\r\n")
	if len(before) < 3 || !strings.EqualFold(before[len(before)-2:], "in") {
		return false
	}
	return strings.ContainsRune(" \t\r\n)", rune(before[len(before)-3]))
}

func sqlType(t reflect.Type) string {
	if t == timeType {
		return "timestamptz"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "bigint"
	case reflect.Float32, reflect.Float64:
		return "double precision"
	default:
		return "text"
	}
}

// TimeLayout is how SQLite keeps an instant: fixed width, UTC, microseconds.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

func instant(d Dialect, t time.Time) (any, error) {
	if t.IsZero() {
		return nil, nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	if y := t.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("the year %d is outside 1 to 9999", y)
	}
	if d == PostgreSQL {
		return t, nil
	}
	return t.Format(TimeLayout), nil
}

package db

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	valuerType  = reflect.TypeFor[driver.Valuer]()
	scannerType = reflect.TypeFor[sql.Scanner]()
	timeType    = reflect.TypeFor[time.Time]()
	bytesType   = reflect.TypeFor[[]byte]()
)

// value gives the form in which the database keeps arg: int64, float64, bool,
// string, []byte, nil, and for an instant text on SQLite or time.Time on
// PostgreSQL.
func value(d Dialect, arg any) (any, error) {
	switch v := arg.(type) {
	case nil:
		return nil, nil
	case string:
		return text(v)
	case int64, bool, float64:
		return v, nil
	case int:
		return int64(v), nil
	case time.Time:
		return instant(d, v)
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	}
	return reflected(d, reflect.ValueOf(arg))
}

func reflected(d Dialect, v reflect.Value) (any, error) {
	t := v.Type()
	if t == timeType {
		return instant(d, v.Interface().(time.Time))
	}
	if t.Implements(valuerType) {
		if v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, nil
		}
		given, err := v.Interface().(driver.Valuer).Value()
		if err != nil {
			return nil, err
		}
		if reflect.TypeOf(given) == t {
			return nil, fmt.Errorf("the Value of %s gives itself", t)
		}
		return value(d, given)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return reflected(d, v.Elem())
	case reflect.String:
		return text(v.String())
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d is more than a bigint holds", v.Uint())
		}
		return int64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			if v.IsNil() {
				return nil, nil
			}
			return v.Bytes(), nil
		}
	}
	return nil, fmt.Errorf("a %s can't be stored: give it a Value method or wrap it in db.JSON", t)
}

func text(s string) (any, error) {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return nil, unstorable(nil)
	}
	return s, nil
}

// parseTime reads the texts in which a database may give an instant or a day.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{
		time.RFC3339Nano, // also TimeLayout
		"2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02 15:04:05.999999999Z07",
		"2006-01-02 15:04:05.999999999",
		"2006-01-02T15:04:05.999999999",
		time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no instant", s)
}

func toTime(src any) (t time.Time, null bool, err error) {
	switch s := src.(type) {
	case nil:
		return time.Time{}, true, nil
	case time.Time:
		return s.UTC(), false, nil
	case string:
		t, err = parseTime(s)
	case []byte:
		t, err = parseTime(string(s))
	default:
		err = fmt.Errorf("a %T is no instant", src)
	}
	return t, false, err
}

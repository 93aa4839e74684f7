package soql

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is one record of a result, rendered when asked for. The Source must
// not change while it is rendered.
type Record struct {
	row Row
	sel *selection
}

// Object gives the name of the record's object, or AggregateResult.
func (r Record) Object() string {
	if r.sel.groups != nil {
		return "AggregateResult"
	}
	return r.sel.object.Name
}

// ID gives the record's id, "" for groups.
func (r Record) ID() string {
	if r.sel.groups != nil {
		return ""
	}
	id, _ := cell(r.row, r.sel.idCol).(string)
	return id
}

// AppendJSON appends the record as the REST API shows it, with its attributes
// first and its fields in the order of the SELECT list. version is that of the
// API in the record's URL, "v67.0" or "67.0".
func (r Record) AppendJSON(dst []byte, version string) []byte {
	version = "v" + strings.TrimPrefix(version, "v")
	if r.sel.groups != nil {
		dst = append(dst, `{"attributes":{"type":"AggregateResult"}`...)
		for i := range r.sel.nodes {
			n := &r.sel.nodes[i]
			dst = append(dst, n.key...)
			v := n.value.get(r.row)
			if v == nil { // a rolled-up checkbox, too, is null
				dst = append(dst, "null"...)
				continue
			}
			dst = appendValue(dst, v, n.value.typ)
		}
		return append(dst, '}')
	}
	return r.sel.appendRow(dst, r.row, r.sel.object, r.sel.object.Name, r.sel.nodes, version)
}

func (s *selection) appendRow(dst []byte, row Row, o *Object, typeName string, nodes []node, version string) []byte {
	id, _ := cell(row, s.env.idColumn(o)).(string)
	dst = append(dst, `{"attributes":{"type":`...)
	dst = appendString(dst, typeName)
	dst = append(dst, `,"url":"`...)
	dst = appendURL(dst, version, o.Name, id)
	dst = append(dst, `"}`...)
	for i := range nodes {
		n := &nodes[i]
		dst = append(dst, n.key...)
		switch n.kind {
		case nodeParent:
			dst = s.appendParent(dst, row, n, version)
		case nodeChildren:
			dst = n.children.appendChildren(dst, id, version)
		default:
			v := n.value.get(row)
			if n.value.typ == TypeBase64 && v != nil && v != "" {
				dst = append(dst, '"')
				dst = appendURL(dst, version, o.Name, id)
				dst = append(dst, '/')
				dst = append(dst, n.value.name...)
				dst = append(dst, '"')
				continue
			}
			dst = appendValue(dst, v, n.value.typ)
		}
	}
	return append(dst, '}')
}

func appendURL(dst []byte, version, object, id string) []byte {
	dst = append(dst, "/services/data/"...)
	dst = append(dst, version...)
	dst = append(dst, "/sobjects/"...)
	dst = append(dst, object...)
	dst = append(dst, '/')
	return append(dst, id...)
}

func (s *selection) appendParent(dst []byte, row Row, n *node, version string) []byte {
	parent, o := s.env.parent(n.parents, cell(row, n.ref))
	if parent == nil {
		return append(dst, "null"...)
	}
	name := n.typeName
	if name == "" {
		name = o.Name
	}
	return s.appendRow(dst, parent, o, name, n.fields[o], version)
}

func (s *selection) appendChildren(dst []byte, parentID, version string) []byte {
	rows := s.childRows(parentID)
	if len(rows) == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"totalSize":`...)
	dst = strconv.AppendInt(dst, int64(len(rows)), 10)
	dst = append(dst, `,"done":true,"records":[`...)
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.appendRow(dst, r, s.object, s.object.Name, s.nodes, version)
	}
	return append(dst, "]}"...)
}

// appendValue appends one field's value as JSON. Doubles keep a fraction and
// never have an exponent; date-times have milliseconds and +0000.
func appendValue(dst []byte, v any, typ Type) []byte {
	switch x := v.(type) {
	case string:
		if x == "" {
			break
		}
		return appendString(dst, x)
	case bool:
		return strconv.AppendBool(dst, x)
	case time.Time:
		return appendTime(dst, x)
	case float64:
		return appendNumber(dst, x, typ)
	case int64:
		return appendNumber(dst, float64(x), typ)
	case int:
		return appendNumber(dst, float64(x), typ)
	}
	if typ == TypeBoolean && v == nil {
		return append(dst, "false"...)
	}
	return append(dst, "null"...)
}

func appendNumber(dst []byte, f float64, typ Type) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if typ == TypeInt {
		return dst
	}
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendTime appends "2026-11-24T10:00:00.000+0000", cut to milliseconds.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	y, mo, d := t.Date()
	if y < 0 || y > 9999 {
		return append(dst, "null"...)
	}
	h, mi, sec := t.Clock()
	dst = append(dst, '"')
	dst = appendPadded(dst, y, 1000)
	dst = append(dst, '-')
	dst = appendPadded(dst, int(mo), 10)
	dst = append(dst, '-')
	dst = appendPadded(dst, d, 10)
	dst = append(dst, 'T')
	dst = appendPadded(dst, h, 10)
	dst = append(dst, ':')
	dst = appendPadded(dst, mi, 10)
	dst = append(dst, ':')
	dst = appendPadded(dst, sec, 10)
	dst = append(dst, '.')
	dst = appendPadded(dst, t.Nanosecond()/1e6, 100)
	return append(dst, `+0000"`...)
}

// appendPadded appends n with zeros before it; unit is that of its first digit.
func appendPadded(dst []byte, n, unit int) []byte {
	for ; unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = append(dst, "\ufffd"...)
			i++
			from = i
			continue
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

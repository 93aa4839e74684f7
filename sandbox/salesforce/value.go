package salesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// member is one name and value of a JSON object with the position (from 1) at
// which the value ends, for messages like Salesforce's.
type member struct {
	name   string
	raw    json.RawMessage
	column int
}

// readObject splits one JSON object, keeping the members' order.
func readObject(data []byte) ([]member, *apiError) {
	dec := json.NewDecoder(bytes.NewReader(data))
	tok, err := dec.Token()
	if err != nil {
		return nil, parserError(err, dec.InputOffset())
	}
	if tok != json.Delim('{') {
		return nil, refuse("JSON_PARSER_ERROR", "Can not deserialize SObject out of %s at [line:1, column:%d]", tokenName(data), dec.InputOffset()+1)
	}
	var out []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, parserError(err, dec.InputOffset())
		}
		name, ok := key.(string)
		if !ok {
			return nil, parserError(fmt.Errorf("unexpected %v", key), dec.InputOffset())
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, parserError(err, dec.InputOffset())
		}
		out = append(out, member{name, raw, int(dec.InputOffset()) + 1})
	}
	if _, err := dec.Token(); err != nil {
		return nil, parserError(err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("JSON_PARSER_ERROR", "Unexpected content after the end of the object at [line:1, column:%d]", dec.InputOffset()+1)
	}
	return out, nil
}

func parserError(err error, offset int64) *apiError {
	text := err.Error()
	if text == "EOF" || text == "unexpected EOF" {
		text = "Unexpected end-of-input"
	}
	return refuse("JSON_PARSER_ERROR", "%s at [line:1, column:%d]", text, offset+1)
}

func tokenName(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "END_OF_INPUT"
	}
	switch raw[0] {
	case '"':
		return "VALUE_STRING"
	case '{':
		return "START_OBJECT"
	case '[':
		return "START_ARRAY"
	case 't':
		return "VALUE_TRUE"
	case 'f':
		return "VALUE_FALSE"
	case 'n':
		return "VALUE_NULL"
	default:
		if bytes.ContainsAny(raw, ".eE") {
			return "VALUE_NUMBER_FLOAT"
		}
		return "VALUE_NUMBER_INT"
	}
}

// fromJSON turns a member's value into what a Row holds for the field.
// Nothing is judged here but the type.
func (f *field) fromJSON(m member) (any, *apiError) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(m.raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, parserError(err, int64(m.column))
	}
	out, ok := f.convert(v)
	if !ok {
		return nil, refuse("JSON_PARSER_ERROR", "Cannot deserialize instance of %s from %s value %s or request may be missing a required field at [line:1, column:%d]",
			f.deserializedAs(), tokenName(m.raw), strings.Trim(string(m.raw), `"`), m.column)
	}
	return out, nil
}

func (f *field) deserializedAs() string {
	switch f.typ {
	case soql.TypeBoolean, soql.TypeDate, soql.TypeInt, soql.TypeCurrency, soql.TypePercent, soql.TypeDouble:
		return string(f.typ)
	case soql.TypeDateTime:
		return "datetime"
	case soql.TypeReference, soql.TypeID:
		return "reference"
	default:
		return "string"
	}
}

// convert accepts what JSON and Go programs give for the field; ok is false
// when the value has the wrong type. Blank texts are null, as in Salesforce.
func (f *field) convert(v any) (out any, ok bool) {
	switch x := v.(type) {
	case nil:
		return nil, true
	case bool:
		if f.typ == soql.TypeBoolean {
			return x, true
		}
	case string:
		return f.fromString(x)
	case json.Number:
		return f.fromNumber(x.String())
	case float64:
		return f.fromFloat(x)
	case int:
		return f.fromFloat(float64(x))
	case int64:
		return f.fromFloat(float64(x))
	case time.Time:
		switch f.typ {
		case soql.TypeDateTime:
			return f.moment(x), true
		case soql.TypeDate:
			return x.UTC().Format(time.DateOnly), true
		}
	}
	return nil, false
}

func (f *field) fromString(s string) (any, bool) {
	switch f.typ {
	case soql.TypeBoolean:
		switch strings.ToLower(s) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
		return nil, false
	case soql.TypeInt, soql.TypeDouble, soql.TypeCurrency, soql.TypePercent:
		if s == "" {
			return nil, true
		}
		return f.fromNumber(s)
	case soql.TypeDate:
		if s == "" {
			return nil, true
		}
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t.Format(time.DateOnly), true
		}
		if t, ok := parseMoment(s); ok {
			return t.Format(time.DateOnly), true
		}
		return nil, false
	case soql.TypeDateTime:
		if s == "" {
			return nil, true
		}
		t, ok := parseMoment(s)
		if !ok {
			return nil, false
		}
		return f.moment(t), true
	case soql.TypeString, soql.TypePicklist, soql.TypeEmail, soql.TypePhone, soql.TypeURL, soql.TypeID, soql.TypeReference:
		if s = strings.TrimSpace(s); s == "" {
			return nil, true
		}
		return s, true
	default:
		if strings.TrimSpace(s) == "" {
			return nil, true
		}
		return s, true
	}
}

func (f *field) fromNumber(s string) (any, bool) {
	if f.typ == soql.TypeInt {
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, false
	}
	return f.fromFloat(x)
}

func (f *field) fromFloat(x float64) (any, bool) {
	switch f.typ {
	case soql.TypeInt:
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return nil, false
		}
		return int64(x), true
	case soql.TypeDouble, soql.TypeCurrency, soql.TypePercent:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, false
		}
		return roundTo(x, f.scale), true
	default:
		return nil, false
	}
}

// roundTo rounds half away from zero; values too large to have decimals stay.
func roundTo(x float64, scale int) float64 {
	p := math.Pow10(scale)
	if math.Abs(x)*p >= 1<<53 {
		return x
	}
	return math.Round(x*p) / p
}

// moment cuts a time to what Salesforce keeps: whole seconds in fields that
// people write. The sandbox's own stamps keep milliseconds so that they order.
func (f *field) moment(t time.Time) time.Time {
	if f.audit {
		return t.UTC().Truncate(time.Millisecond)
	}
	return t.UTC().Truncate(time.Second)
}

var momentLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly,
}

func parseMoment(s string) (time.Time, bool) {
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// appendValue writes a Row's value as JSON. Moments have Salesforce's form.
func appendValue(dst []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendText(dst, x)
	case bool:
		return strconv.AppendBool(dst, x)
	case int64:
		return strconv.AppendInt(dst, x, 10)
	case float64:
		return appendNumber(dst, x)
	case time.Time:
		dst = append(dst, '"')
		dst = x.AppendFormat(dst, "2006-01-02T15:04:05.000+0000")
		return append(dst, '"')
	default:
		return append(dst, "null"...)
	}
}

// appendNumber never uses an exponent and keeps one decimal, as Salesforce
// answers doubles (100.0).
func appendNumber(dst []byte, x float64) []byte {
	start := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, 64)
	if !bytes.ContainsRune(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			plain = false
			break
		}
	}
	if plain {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // strings always encode
		return append(dst, `""`...)
	}
	return append(dst, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// requireBody refuses an empty body in Salesforce's words.
func requireBody(data []byte) *apiError {
	if len(bytes.TrimSpace(data)) == 0 {
		return refuse("JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body.")
	}
	return nil
}

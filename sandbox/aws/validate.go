package aws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// validator checks requests against the service model.
type validator struct {
	model    *awsselling.ServiceModel
	patterns map[string]*awsselling.Pattern
}

func newValidator(model *awsselling.ServiceModel) (*validator, error) {
	v := &validator{model: model, patterns: map[string]*awsselling.Pattern{}}
	for name, shape := range model.Shapes {
		if shape.Pattern == "" {
			continue
		}
		p, err := awsselling.CompilePattern(shape.Pattern)
		if err != nil {
			return nil, fmt.Errorf("aws sandbox: shape %s: %w", name, err)
		}
		v.patterns[name] = p
	}
	return v, nil
}

// errNotJSON says that a body is no JSON object.
var errNotJSON = errors.New("the request body is not a JSON object")

// decode reads body as the operation's input: errNotJSON, or every violation
// of the model, or the cleaned input (unknown members and nulls dropped, as AWS
// does). A member given twice counts as its last value.
func (v *validator) decode(op awsselling.Operation, body []byte) (doc, []fieldError, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, nil, errNotJSON
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errNotJSON
	}
	if _, ok := raw.(map[string]any); !ok {
		return nil, nil, errNotJSON
	}
	var errs []fieldError
	clean := v.check(op.Input, "", raw, &errs)
	return doc(asMap(clean)), errs, nil
}

// check gives the cleaned value of one shape and adds what is wrong to errs.
func (v *validator) check(name, path string, value any, errs *[]fieldError) any {
	shape := v.model.Shapes[name]
	if shape == nil {
		return value
	}
	fail := func(code, format string, args ...any) {
		*errs = append(*errs, fieldError{FieldName: path, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	switch shape.Type {
	case awsselling.TypeStructure:
		m, ok := value.(map[string]any)
		if !ok {
			fail(codeValue, "must be an object")
			return nil
		}
		return v.checkStructure(shape, path, m, errs)
	case awsselling.TypeList:
		l, ok := value.([]any)
		if !ok {
			fail(codeValue, "must be a list")
			return nil
		}
		if shape.Min != nil && int64(len(l)) < *shape.Min {
			fail(codeTooFew, "must have at least %d values", *shape.Min)
		}
		if shape.Max != nil && int64(len(l)) > *shape.Max {
			fail(codeTooMany, "must have at most %d values", *shape.Max)
		}
		out := make([]any, 0, len(l))
		for i, item := range l {
			if item != nil {
				out = append(out, v.check(shape.Element, join(path, strconv.Itoa(i)), item, errs))
			}
		}
		return out
	case awsselling.TypeMap:
		m, ok := value.(map[string]any)
		if !ok {
			fail(codeValue, "must be an object")
			return nil
		}
		out := make(map[string]any, len(m))
		for k, item := range m {
			if item != nil {
				out[k] = v.check(shape.Value, join(path, k), item, errs)
			}
		}
		return out
	case awsselling.TypeString:
		s, ok := value.(string)
		if !ok {
			fail(codeValue, "must be a string")
			return nil
		}
		v.checkString(name, shape, s, fail)
		return s
	case awsselling.TypeBoolean:
		if _, ok := value.(bool); !ok {
			fail(codeValue, "must be true or false")
		}
	case awsselling.TypeInteger, awsselling.TypeLong:
		n, ok := value.(json.Number)
		if !ok {
			fail(codeValue, "must be a number")
			return nil
		}
		i, err := n.Int64()
		if err != nil {
			fail(codeValue, "must be a whole number")
			return nil
		}
		if (shape.Min != nil && i < *shape.Min) || (shape.Max != nil && i > *shape.Max) {
			fail(codeRange, "must be %s", bounds(shape.Min, shape.Max))
		}
	case awsselling.TypeTimestamp:
		s, ok := value.(string)
		if !ok {
			fail(codeValue, "must be an ISO 8601 timestamp string")
			return nil
		}
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			fail(codeFormat, "must be an ISO 8601 timestamp such as 2026-01-02T15:04:05.678Z")
		}
	}
	return value
}

func (v *validator) checkStructure(shape *awsselling.Shape, path string, m map[string]any, errs *[]fieldError) any {
	out := make(map[string]any, len(m))
	for _, member := range shape.Members {
		p := join(path, member.Name)
		value, ok := m[member.Name]
		if !ok || value == nil {
			if member.Required {
				*errs = append(*errs, fieldError{FieldName: p, Code: codeRequired, Message: member.Name + " is required"})
			}
			continue
		}
		out[member.Name] = v.check(member.Shape, p, value, errs)
	}
	if shape.Union && len(out) != 1 {
		*errs = append(*errs, fieldError{FieldName: path, Code: codeValue, Message: "must have exactly one member"})
	}
	return out
}

func (v *validator) checkString(name string, shape *awsselling.Shape, s string, fail func(code, format string, args ...any)) {
	if len(shape.Enum) > 0 && !slices.Contains(shape.Enum, s) {
		if len(shape.Enum) <= 40 {
			fail(codeEnum, "must be one of: %s", strings.Join(shape.Enum, " | "))
		} else {
			fail(codeEnum, "is not one of the %d allowed values", len(shape.Enum))
		}
		return
	}
	n := int64(utf8.RuneCountInString(s))
	if (shape.Min != nil && n < *shape.Min) || (shape.Max != nil && n > *shape.Max) {
		fail(codeFormat, "must have %s characters", bounds(shape.Min, shape.Max))
	}
	if p := v.patterns[name]; p != nil && !p.Match(s) {
		fail(codeFormat, "must satisfy the pattern %s", shape.Pattern)
	}
}

func bounds(low, high *int64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("%d to %d", *low, *high)
	case low != nil:
		return fmt.Sprintf("at least %d", *low)
	case high != nil:
		return fmt.Sprintf("at most %d", *high)
	}
	return "any"
}

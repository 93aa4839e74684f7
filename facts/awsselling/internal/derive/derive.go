// Package derive answers "which compact facts follow from the published AWS
// files": it is what the generator runs and what the drift test compares with.
package derive

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed countries.csv
var countriesCSV []byte

//go:embed fieldpaths.csv
var fieldPathsCSV []byte

// JSON reads the folder with models/ and lists/ and gives the facts, in the form
// that package awsselling reads. The same files give the same bytes.
func JSON(contracts string) ([]byte, error) {
	lists := filepath.Join(contracts, "lists")
	model, err := serviceModel(filepath.Join(contracts, "models", "partnercentral-selling", "service-2.json"))
	if err != nil {
		return nil, err
	}
	countries, err := readCountries()
	if err != nil {
		return nil, err
	}
	postal, none, err := postalRules(lists, countries)
	if err != nil {
		return nil, err
	}
	fields, err := fieldRules(filepath.Join(lists, "Opportunity-Fields.csv"))
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := readJSON(filepath.Join(lists, "api-string-value-lists.json"), &values); err != nil {
		return nil, err
	}
	var products []struct{ Identifier, Name, Family string }
	if err := readJSON(filepath.Join(lists, "aws_products.json"), &products); err != nil {
		return nil, err
	}
	compact := make([]map[string]string, len(products))
	for i, p := range products {
		compact[i] = map[string]string{"code": p.Identifier, "name": p.Name, "family": p.Family}
	}
	return json.Marshal(map[string]any{
		"model": model, "postalCodes": postal, "noPostalCode": none, "countries": countries.rows, "fields": fields,
		"customerUseCases":  values["Project.CustomerUseCase"],
		"apnPrograms":       values["Project.ApnPrograms"],
		"marketingUseCases": values["Marketing.UseCases"],
		"usStates":          values["Customer.Account.Address.StateOrRegion (US)"],
		"products":          compact,
	})
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

func readCSV(raw []byte) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, errors.New("no rows")
	}
	return rows, nil
}

type botoShape struct {
	Type    string `json:"type"`
	Members orderedMembers
	Member  struct{ Shape string }
	Key     struct{ Shape string }
	Value   struct{ Shape string }

	Required  []string
	Min, Max  *int64
	Pattern   string
	Enum      []string
	Sensitive bool
	Exception bool
	Fault     bool
	Union     bool
}

type botoMember struct {
	Name             string
	Shape            string
	IdempotencyToken bool
}

// orderedMembers keeps the order of the members, which encoders follow.
type orderedMembers []botoMember

// UnmarshalJSON reads the members object in its own order.
func (o *orderedMembers) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var m struct {
			Shape            string `json:"shape"`
			IdempotencyToken bool   `json:"idempotencyToken"`
		}
		if err := dec.Decode(&m); err != nil {
			return err
		}
		*o = append(*o, botoMember{Name: fmt.Sprint(name), Shape: m.Shape, IdempotencyToken: m.IdempotencyToken})
	}
	return nil
}

func serviceModel(path string) (map[string]any, error) {
	var src struct {
		Metadata struct {
			APIVersion   string `json:"apiVersion"`
			JSONVersion  string `json:"jsonVersion"`
			TargetPrefix string `json:"targetPrefix"`
			SigningName  string `json:"signingName"`
		}
		Operations map[string]struct {
			Name          string
			Input, Output struct{ Shape string }
			Errors        []struct{ Shape string }
		}
		Shapes map[string]botoShape
	}
	if err := readJSON(path, &src); err != nil {
		return nil, err
	}
	if src.Metadata.JSONVersion != "1.0" {
		return nil, fmt.Errorf("service model: JSON protocol %q, want 1.0", src.Metadata.JSONVersion)
	}
	ops := map[string]any{}
	for name, op := range src.Operations {
		var errs []string
		for _, e := range op.Errors {
			errs = append(errs, e.Shape)
		}
		read := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List")
		ops[name] = trim(map[string]any{"name": name, "input": op.Input.Shape, "output": op.Output.Shape, "errors": errs, "write": !read})
	}
	shapes := map[string]any{}
	for name, s := range src.Shapes {
		var members []any
		required := map[string]bool{}
		for _, r := range s.Required {
			required[r] = true
		}
		for _, m := range s.Members {
			members = append(members, trim(map[string]any{"name": m.Name, "shape": m.Shape, "required": required[m.Name], "idempotencyToken": m.IdempotencyToken}))
		}
		out := trim(map[string]any{
			"type": s.Type, "members": members, "element": s.Member.Shape, "key": s.Key.Shape, "value": s.Value.Shape,
			"pattern": s.Pattern, "enum": s.Enum, "sensitive": s.Sensitive, "error": s.Exception, "fault": s.Fault, "union": s.Union,
		})
		if s.Min != nil {
			out["min"] = *s.Min
		}
		if s.Max != nil {
			out["max"] = *s.Max
		}
		shapes[name] = out
	}
	return map[string]any{
		"version": src.Metadata.APIVersion, "protocol": "awsJson1_0", "targetPrefix": src.Metadata.TargetPrefix, "signingName": src.Metadata.SigningName,
		"namespace": "com.amazonaws.partnercentralselling", "operations": ops, "shapes": shapes,
	}, nil
}

// trim drops what says nothing, to keep the facts small.
func trim(m map[string]any) map[string]any {
	for k, v := range m {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(m, k)
			}
		case bool:
			if !v {
				delete(m, k)
			}
		case []string:
			if len(v) == 0 {
				delete(m, k)
			}
		case []any:
			if len(v) == 0 {
				delete(m, k)
			}
		}
	}
	return m
}

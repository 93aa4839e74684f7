package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// MergeForUpdate makes the payload of UpdateOpportunity from the last raw answer
// of GetOpportunity. UpdateOpportunity replaces the whole record, so everything
// read goes back, also members that we do not know; only what change alters is
// altered, and what GetOpportunity answers but UpdateOpportunity does not take
// (the id under its other name apart) is left out.
//
// The lock is the exact LastModifiedDate of raw. A list element that change did
// not touch keeps its unknown members; one that it changed keeps those of the
// element at its place, unless elements were added or removed.
func MergeForUpdate(raw []byte, change func(*UpdateOpportunityInput)) (json.RawMessage, error) {
	doc, err := decodeObject(raw)
	if err != nil {
		return nil, fmt.Errorf("merge an update: the last read is no JSON object: %w", err)
	}
	id, ok := doc["Id"].(string)
	if !ok || doc["LastModifiedDate"] == nil {
		return nil, errors.New("merge an update: the last read has no Id or no LastModifiedDate")
	}
	model := awsselling.Model()
	update := model.Shapes["UpdateOpportunityRequest"]
	for _, source := range []string{"GetOpportunityResponse", "CreateOpportunityRequest"} {
		for _, m := range model.Shapes[source].Members {
			if _, takes := update.Member(m.Name); !takes {
				delete(doc, m.Name)
			}
		}
	}
	doc["Identifier"] = id

	before, err := typedUpdate(doc)
	if err != nil {
		return nil, err
	}
	after, err := typedUpdate(doc)
	if err != nil {
		return nil, err
	}
	change(after)
	old, err := plain(before)
	if err != nil {
		return nil, err
	}
	changed, err := plain(after)
	if err != nil {
		return nil, err
	}
	return json.Marshal(mergeObject(doc, old, changed))
}

// MergeChanges is MergeForUpdate for changes by path: value is JSON, "" removes
// the member.
func MergeChanges(raw []byte, changes map[string]string) (json.RawMessage, error) {
	var failed error
	payload, err := MergeForUpdate(raw, func(in *UpdateOpportunityInput) {
		tree, err := plain(in)
		if err == nil {
			err = setAll(tree, changes)
		}
		var out UpdateOpportunityInput
		if err == nil {
			err = fromTree(tree, &out)
		}
		if err != nil {
			failed = err
			return
		}
		*in = out
	})
	return payload, errors.Join(err, failed)
}

// setAll sets members of a tree by path, making the structures on the way.
func setAll(tree map[string]any, changes map[string]string) error {
	for path, value := range changes {
		at := tree
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		last := names[len(names)-1]
		if value == "" {
			delete(at, last)
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return fmt.Errorf("the value of %s: %w", path, err)
		}
		at[last] = v
	}
	return nil
}

func fromTree(tree map[string]any, out any) error {
	raw, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// afterUpdate gives the record as AWS holds it after it took payload: what
// UpdateOpportunity does not take stays as it was.
func afterUpdate(raw []byte, payload json.RawMessage, version string) (json.RawMessage, error) {
	doc, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	sent, err := decodeObject(payload)
	if err != nil {
		return nil, err
	}
	for _, m := range awsselling.Model().Shapes["UpdateOpportunityRequest"].Members {
		if v, ok := sent[m.Name]; ok {
			doc[m.Name] = v
		} else {
			delete(doc, m.Name)
		}
	}
	delete(doc, "Identifier")
	doc["LastModifiedDate"] = version
	return json.Marshal(doc)
}

func typedUpdate(doc map[string]any) (*UpdateOpportunityInput, error) {
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("merge an update: %w", err)
	}
	in := &UpdateOpportunityInput{}
	if err := json.Unmarshal(raw, in); err != nil {
		return nil, fmt.Errorf("merge an update: the last read does not fit: %w", err)
	}
	return in, nil
}

func plain(in *UpdateOpportunityInput) (map[string]any, error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("merge an update: %w", err)
	}
	return decodeObject(raw)
}

// mergeObject applies to doc what differs between old and changed, which are the
// parts of doc that we know.
func mergeObject(doc, old, changed map[string]any) map[string]any {
	for name, was := range old {
		is, kept := changed[name]
		if !kept {
			delete(doc, name)
			continue
		}
		doc[name] = mergeValue(doc[name], was, is)
	}
	for name, is := range changed {
		if _, had := old[name]; !had {
			doc[name] = mergeValue(doc[name], nil, is)
		}
	}
	return doc
}

func mergeValue(doc, old, changed any) any {
	if reflect.DeepEqual(old, changed) {
		return doc
	}
	switch is := changed.(type) {
	case map[string]any:
		docObj, ok := doc.(map[string]any)
		if !ok {
			return is
		}
		was, ok := old.(map[string]any)
		if !ok {
			was = map[string]any{}
		}
		return mergeObject(docObj, was, is)
	case []any:
		was, _ := old.([]any)
		docList, _ := doc.([]any)
		if len(was) != len(docList) {
			return is
		}
		return mergeList(docList, was, is)
	}
	return changed
}

func mergeList(doc, old, changed []any) []any {
	out := make([]any, len(changed))
	used := make([]bool, len(old))
	matched := make([]bool, len(changed))
	for i, is := range changed {
		for j, was := range old {
			if !used[j] && reflect.DeepEqual(was, is) {
				out[i], used[j], matched[i] = doc[j], true, true
				break
			}
		}
	}
	for i, is := range changed {
		if matched[i] {
			continue
		}
		out[i] = is
		if len(old) == len(changed) && !used[i] {
			out[i] = mergeValue(doc[i], old[i], is)
		}
	}
	return out
}

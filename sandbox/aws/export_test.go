package aws

import (
	"encoding/json"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// AnswerViolations checks an answer against the model's output of an
// operation, for the black-box tests.
func AnswerViolations(operation string, raw []byte) []string {
	model := awsselling.Model()
	v, err := newValidator(model)
	if err != nil {
		return []string{err.Error()}
	}
	op := model.Operations[operation]
	if op.Output == "" {
		if len(raw) > 0 {
			return []string{"the answer must be empty"}
		}
		return nil
	}
	in, errs, err := v.decode(awsselling.Operation{Input: op.Output}, raw)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, e := range errs {
		out = append(out, e.FieldName+" "+e.Code+" "+e.Message)
	}
	var given doc
	if err := json.Unmarshal(raw, &given); err == nil {
		kept := in.leaves()
		for path := range given.leaves() {
			if _, ok := kept[path]; !ok {
				out = append(out, path+" is not in the model")
			}
		}
	}
	return out
}

// OperationsNotOffered names the model's operations that have no handler.
func OperationsNotOffered() []string {
	var out []string
	for name := range awsselling.Model().Operations {
		if operations[name] == nil {
			out = append(out, name)
		}
	}
	return out
}

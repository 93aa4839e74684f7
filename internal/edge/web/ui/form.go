package ui

import (
	"context"
	"io"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Option is one choice of a select, radio group or multiple choice.
type Option struct {
	Value    string
	Label    string
	Selected bool
	// Hint stands after the label in radio groups and multiple choices.
	Hint string
}

// Field is one labelled input. Its element id is "f-" + Name, so that
// FormErrors can link to it.
type Field struct {
	Name  string
	Label string
	// Type is an HTML input type ("text" if empty), or "textarea".
	Type     string
	Value    string
	Hint     string
	Error    string
	Required bool
	// Autocomplete is the HTML autofill word: "username", "current-password".
	Autocomplete string
	Placeholder  string
	// Suffix stands after the input, such as a currency or a unit.
	Suffix string
	// Narrow makes the input only as wide as a number or a date.
	Narrow bool
	// Attrs are further attributes of the input, such as min, max, pattern.
	Attrs templ.Attributes
}

// Render writes the field.
func (f Field) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// SelectField is a labelled choice of one.
type SelectField struct {
	Name     string
	Label    string
	Options  []Option
	Hint     string
	Error    string
	Required bool
	// None, if set, is the label of an empty first choice.
	None  string
	Attrs templ.Attributes
}

// Render writes the field.
func (f SelectField) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// CheckField is one labelled checkbox; Value is what is sent when checked.
type CheckField struct {
	Name    string
	Label   string
	Value   string
	Checked bool
	Hint    string
	Error   string
}

// Render writes the field.
func (f CheckField) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// ChoiceField is a group of radio buttons, or of checkboxes when Many.
type ChoiceField struct {
	Name    string
	Label   string
	Options []Option
	Many    bool
	Hint    string
	Error   string
}

// Render writes the group.
func (f ChoiceField) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// FormErrors heads a form that was refused: what is wrong, each line linked to
// its field. It writes nothing when there is nothing wrong.
type FormErrors struct {
	Fields []problem.Field
}

// Render writes the list.
func (f FormErrors) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// FieldError finds the message for one field, or "".
func FieldError(fields []problem.Field, name string) string {
	for _, f := range fields {
		if f.Field == name {
			return f.Message
		}
	}
	return ""
}

// Confirm asks before an act that is hard to take back. ConfirmDialog puts it
// in a dialog of the page, ConfirmPage on a page of its own (where the button's
// Href leads without JavaScript).
type Confirm struct {
	// ID is unique on the page: Button{OpensDialog: ID} opens it.
	ID    string
	Title string
	// Text says what will happen, and what cannot be taken back.
	Text string
	// Facts are the figures that matter: what, how many, to whom.
	Facts []Fact
	// Post is the address that does it; Hidden are values sent along.
	Post   string
	Hidden map[string]string
	// Do is the label of the act ("Withdraw registration"); Danger colours it.
	Do     string
	Danger bool
	// Back is where Cancel leads on the page form.
	Back string
}

func (f Field) typ() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// describe gives the ids of hint and error for aria-describedby.
func describe(name, hint, fault string) templ.Attributes {
	ids := ""
	if hint != "" {
		ids = "f-" + name + "-hint"
	}
	a := templ.Attributes{}
	if fault != "" {
		if ids != "" {
			ids += " "
		}
		ids += "f-" + name + "-error"
		a["aria-invalid"] = "true"
	}
	if ids != "" {
		a["aria-describedby"] = ids
	}
	return a
}

func (f Field) attrs() templ.Attributes {
	a := describe(f.Name, f.Hint, f.Error)
	for k, v := range f.Attrs {
		a[k] = v
	}
	if f.Autocomplete != "" {
		a["autocomplete"] = f.Autocomplete
	}
	if f.Placeholder != "" {
		a["placeholder"] = f.Placeholder
	}
	if f.Required {
		a["required"] = true
	}
	return a
}

package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// fileFormat names the form of the file, for the day when there is another.
const fileFormat = "tandem-mapping/1"

// MaxFile is the largest file that Parse reads.
const MaxFile = 1 << 20

type file struct {
	Format string            `json:"format"`
	Fields []json.RawMessage `json:"fields"`
}

// Export gives the mapping as the file that Parse reads.
func (m Mapping) Export() ([]byte, error) {
	f := file{Format: fileFormat, Fields: []json.RawMessage{}}
	for _, e := range m.sorted().Entries {
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("export the mapping: %w", err)
		}
		f.Fields = append(f.Fields, text)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("export the mapping: %w", err)
	}
	return out.Bytes(), nil
}

// Parse reads a file that Export wrote or a person did. What is wrong is a problem
// of kind invalid that names each place ("fields[3].transform.way").
func Parse(text []byte) (Mapping, error) {
	if len(text) > MaxFile {
		return Mapping{}, problem.Invalid("file", "too_large", "The file is larger than 1 MiB: that is no mapping")
	}
	if !utf8.Valid(text) {
		return Mapping{}, problem.Invalid("file", "malformed", "The file is no text in UTF-8")
	}
	var f file
	if err := strict(text, &f); err != nil {
		return Mapping{}, problem.Invalid("file", "malformed", "The file is no mapping: "+reason(err))
	}
	if f.Format != fileFormat {
		return Mapping{}, problem.Invalid("format", "unknown_value", fmt.Sprintf("The file's format is %q: this version reads %q", clip(f.Format), fileFormat))
	}
	var bad problem.List
	var m Mapping
	for i, raw := range f.Fields {
		var e Entry
		if err := strict(raw, &e); err != nil {
			bad.Add(fmt.Sprintf("fields[%d]", i), "malformed", fmt.Sprintf("Entry %d cannot be read: %s", i+1, reason(err)))
		}
		m.Entries = append(m.Entries, e)
	}
	if err := bad.Err(); err != nil {
		return Mapping{}, err
	}
	if err := m.Validate(); err != nil {
		return Mapping{}, err
	}
	return m.sorted(), nil
}

// strict decodes one JSON value that has no member of another name.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its end")
	}
	return nil
}

// reason says in a person's words why JSON could not be decoded.
func reason(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("%s holds a %s where something else belongs", clip(wrong.Field), wrong.Value)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("it is no JSON at character %d", syntax.Offset)
	}
	return clip(err.Error())
}

package mapping

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestAFileIsRefusedByThePlacesThatAreWrong(t *testing.T) {
	t.Parallel()
	good, err := Default().Export()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("no %s in the file", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":             {"", []string{"file malformed"}},
		"no JSON":             {"stage = StageName", []string{"file malformed"}},
		"no text":             {"\xff\xfe{}", []string{"file malformed"}},
		"something after it":  {string(good) + "{}", []string{"file malformed"}},
		"too large":           {strings.Repeat(" ", MaxFile+1), []string{"file too_large"}},
		"another format":      {change(fileFormat, "tandem-mapping/9"), []string{"format unknown_value"}},
		"an unknown field":    {change("opportunity.name", "opportunity.nom"), []string{"fields", "fields[0].field unknown_field"}},
		"a bad transform":     {change(`"owner": "ask"`, `"owner": "ask", "transform": {"way": "shout"}`), []string{"fields[0].transform.way unknown_value"}},
		"a member of no name": {change(`"owner": "ask"`, `"owner": "ask", "colour": "red"`), []string{"fields[0] malformed"}},
		"a number for a text": {change(`"owner": "ask"`, `"owner": 7`), []string{"fields[0] malformed"}},
		"a bad direction":     {change(`"direction": "both"`, `"direction": "down"`), []string{"fields[0].direction not_possible"}},
	} {
		_, err := Parse([]byte(c.text))
		got := faults(t, err)
		for _, w := range c.want {
			if !slices.ContainsFunc(got, func(s string) bool { return s == w || strings.HasPrefix(s, w+" ") }) {
				t.Errorf("%s: %v, not %v", name, got, c.want)
			}
		}
		if len(got) > len(c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

// FuzzParse: no file brings the importer down, and what it takes is a mapping that
// goes out and comes back as it was.
func FuzzParse(f *testing.F) {
	good, err := Default().Export()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"tandem-mapping/1","fields":[{"field":"opportunity.stage","crm":["StageName"],"direction":"read","owner":"salesforce","transform":{"way":"picklist","values":[{"crm":"a","ours":"b"}]}}]}`))
	f.Add([]byte(`{"format":"tandem-mapping/1","fields":[null,7,{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			if len(faults(t, err)) == 0 {
				t.Fatalf("%v names no place", err)
			}
			return
		}
		again, err := m.Export()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(again)
		if err != nil || len(Diff(m, back)) > 0 || m.Validate() != nil {
			t.Fatalf("%v: %+v", err, Diff(m, back))
		}
		for _, e := range m.Entries {
			for _, v := range []string{"", "a", "2026-12-31", "31.12.2026"} {
				if ours, err := e.Transform.Read(v); err == nil {
					_, _ = e.Transform.Write(ours)
				}
			}
		}
	})
}

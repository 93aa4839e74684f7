package list_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/match"
	"github.com/tandem-cosell/tandem/match/list"
)

func read(t *testing.T, text string, chosen map[string]string) (rs []*match.Record, bad []string) {
	t.Helper()
	l, err := list.Open(strings.NewReader(text), chosen)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for r, err := range l.Records() {
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}
		rs = append(rs, r)
	}
	return rs, bad
}

func TestFilesAreReadAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	want := []*match.Record{{ID: "1", Names: []string{`Müller "Bau", GmbH`}, Country: "DE", Websites: []string{"mueller.de"}}}
	for name, text := range map[string]string{
		"plain":                   "Id,Account Name,Billing Country,Website\n1,\"Müller \"\"Bau\"\", GmbH\",DE,mueller.de\n",
		"byte order mark, CRLF":   "\xef\xbb\xbfId,Account Name,Billing Country,Website\r\n1,\"Müller \"\"Bau\"\", GmbH\",DE,mueller.de\r\n\r\n",
		"semicolons":              "ID;Firma;Land;Homepage\n1;\"Müller \"\"Bau\"\", GmbH\";DE;mueller.de",
		"tabs":                    "account_id\tcompany\tcountry\tdomain\n1\t\"Müller \"\"Bau\"\", GmbH\"\tDE\tmueller.de\n",
		"Windows-1252":            "id,name,country,url\n1,\"M\xfcller \"\"Bau\"\", GmbH\",DE,mueller.de\n",
		"UTF-16":                  utf16("id,name,country,url\n1,\"Müller \"\"Bau\"\", GmbH\",DE,mueller.de\n"),
		"other order and columns": "Website,Notes,Name,Country,ID\nmueller.de,\"two\nlines\",\"Müller \"\"Bau\"\", GmbH\",DE,1\n",
		"empty columns too many":  "id,name,country,url\n1,\"Müller \"\"Bau\"\", GmbH\",DE,mueller.de,,\n",
	} {
		rs, bad := read(t, text, nil)
		if bad != nil || !reflect.DeepEqual(rs, want) {
			t.Errorf("%s: %+v %v", name, rs, bad)
		}
	}
}

func utf16(s string) string {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return string(b)
}

func TestWhatIsWrongIsSaidWithItsLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, says string
		left             int // rows that were read nevertheless
	}{
		{"a row too short", "id,name,city\n1,Acme,Rome\n2,Beta\n3,Gamma,Oslo\n", "line 3: the row has 2 columns, the header has 3", 2},
		{"a row too long", "id,name\n1,Acme, Inc\n2,Beta\n", "line 2: the row has 3 columns, the header has 2", 1},
		{"a row after one of two lines", "id,name\n1,\"Acme\nInc\"\n2\n", "line 4: the row has 1 columns", 1},
		{"text after a quote", "id,name\n1,\"Acme\" Inc\n2,Beta\n", "line 2: there is text after a closing quote", 1},
		{"a quote never closed", "id,name\n1,Acme\n2,\"Beta\n3,Gamma\n", "line 3: a quote is opened here and not closed", 1},
		{"no name at all", "id,name,website\n1,,\n2,Beta,\n", "line 2: the company has neither a name nor a website", 1},
		{"an empty file", "", "the file is empty", 0},
		{"no column of names", "a,b\n1,2\n", "line 1: no column looks like the company's name", 0},
	} {
		rs, bad := read(t, c.text, nil)
		if len(bad) != 1 || !strings.HasPrefix(bad[0], c.says) || len(rs) != c.left {
			t.Errorf("%s: %d rows, %q", c.name, len(rs), bad)
		}
	}
}

func TestColumnsCanBeNamed(t *testing.T) {
	t.Parallel()
	rs, bad := read(t, "key,legal,brand,www\n7,Acme Inc,Acme,acme.com;acme.de\n", map[string]string{"name": "legal+brand", "website": "www"})
	want := []*match.Record{{ID: "7", Names: []string{"Acme Inc", "Acme"}, Websites: []string{"acme.com", "acme.de"}}}
	if bad != nil || !reflect.DeepEqual(rs, want) {
		t.Errorf("%+v %v", rs, bad)
	}
	for chosen, says := range map[string]string{"name": `there is no column "nothere" for the name; the columns are key, legal`, "colour": `"colour" is no field`} {
		if _, bad := read(t, "key,legal\n7,Acme\n", map[string]string{chosen: "nothere"}); len(bad) != 1 || !strings.Contains(bad[0], says) {
			t.Error(bad)
		}
	}
}

func TestATruthAndMatchesAreRead(t *testing.T) {
	t.Parallel()
	got, err := list.Truth(strings.NewReader("b_id,truth_a_id,track\nb1,a1,x\nb2,,x\nb1,a2,x\n"))
	if want := (match.Truth{"b1": {"a1", "a2"}, "b2": nil}); err != nil || !reflect.DeepEqual(got, want) {
		t.Error(got, err)
	}
	if _, err := list.Truth(strings.NewReader("x,y\n1,2\n")); err == nil || !strings.Contains(err.Error(), "right_id and left_id are needed") {
		t.Error(err)
	}
	_, err = list.Matches(strings.NewReader("right_id,left_id,probability\nb1,a1,0.5\nb2,a2,much\n"))
	var bad *list.RowError
	if !errors.As(err, &bad) || bad.Line != 3 {
		t.Error(err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, s := range []string{"id,name\n1,Acme\n", "\xef\xbb\xbfname;x\n\"a\"\"b\";\n", "\xff\xfen\x00", "name\n\"", "name|b\r\n\r\n\xfc|x", "\"na\nme\",b\n1,2"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := list.Open(bytes.NewReader(b), nil)
		if err != nil {
			return
		}
		last := 0
		for r, err := range l.Records() {
			var bad *list.RowError
			if errors.As(err, &bad) {
				if bad.Line < last {
					t.Fatalf("line %d after line %d", bad.Line, last)
				}
				last = bad.Line
				continue
			}
			if err != nil {
				return
			}
			if r.ID == "" || !utf8.ValidString(r.ID) || len(r.Names)+len(r.Websites) == 0 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

package salesforce

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readCSV gives all values, the header first.
func readCSV(r io.Reader) (rows [][]string, err error) {
	c := newCSVReader(r)
	if err := c.header(); err != nil {
		return nil, err
	}
	rows = append(rows, c.columns.names)
	for {
		row, err := c.row()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		var values []string
		for _, name := range c.columns.names {
			values = append(values, row.String(name))
		}
		rows = append(rows, values)
	}
}

func TestBulkResultsAreReadInEveryFormOfCSV(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][][]string{
		"\"Id\",\"Name\"\n\"1\",\"a\"\n":                {{"Id", "Name"}, {"1", "a"}},
		"Id,Name\n1,a":                                  {{"Id", "Name"}, {"1", "a"}},
		"Id,Name\r\n1,\"a\nb, \"\"c\"\"\"\r\n\"\",\r\n": {{"Id", "Name"}, {"1", "a\nb, \"c\""}, {"", ""}},
		"Id\n\"ü \u2028 \"\n":                           {{"Id"}, {"ü \u2028 "}},
		"Id,Name\n1,\"\"\"\"\n,\n":                      {{"Id", "Name"}, {"1", `"`}, {"", ""}},
		"\"Id\"\n":                                      {{"Id"}},
		"Id":                                            {{"Id"}},
		"Id,Text\n1,\"a\r\nb\"\n":                       {{"Id", "Text"}, {"1", "a\r\nb"}},
		"Id,Text\n1," + strings.Repeat("x", 600_000) + "\n2,y\n": {{"Id", "Text"}, {"1", strings.Repeat("x", 600_000)}, {"2", "y"}},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text))} {
			got, err := readCSV(r)
			if err != nil {
				t.Errorf("%s of %.40q: %v", name, text, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %.40q: %.300s", name, text, diff)
			}
		}
	}
	for text, want := range map[string]string{
		"":                                      "no header",
		"Id,Id\n":                               `names column 2 "Id"`,
		"Id,\n":                                 `names column 2 ""`,
		"\"a\"\"b\"\n":                          "names column 1",
		"Id,Name\n1\n":                          "line 2 has 1 values, the header has 2",
		"Id,Name\n1,2\n3,4,5":                   "line 3 has 3 values",
		"Id\n\"a":                               "line 2 ends inside quotes",
		"Id\n\"a\" \n":                          "line 2: something stands behind a closing quote",
		"Id\na\"b\n":                            "line 2: a quote stands inside a value without quotes",
		"Id\n\"a\"\rb\n":                        "line 2: a carriage return stands alone",
		"Id\n1\n\n":                             "",
		"Id\n" + strings.Repeat("x", maxLine+1): "longer than",
	} {
		if _, err := readCSV(strings.NewReader(text)); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	broken := errors.New("the wire")
	if _, err := readCSV(io.MultiReader(strings.NewReader("Id\n1\n"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a broken connection reads as %v", err)
	}
}

func TestARowsValuesAreReadByType(t *testing.T) {
	t.Parallel()
	c := newCSVReader(strings.NewReader("Id,Account.Name,Amount,IsWon,SystemModstamp,Note\n006000000000001,\"A \"\"B\"\"\",1.39E8,true,2026-11-02T09:00:00.000Z,1E5\n,,,false,,\n"))
	if err := c.header(); err != nil {
		t.Fatal(err)
	}
	r, err := c.row()
	if err != nil {
		t.Fatal(err)
	}
	at, err := r.Time("systemmodstamp")
	if r.ID("id") != ID18("006000000000001") || r.String("account.name") != `A "B"` || r.Number("Amount") != "139000000" || !r.Bool("IsWon") || err != nil || !at.Equal(start) || r.String("Note") != "1E5" || r.String("Nope") != "" || len(r.Columns()) != 6 {
		t.Errorf("%+v %v %v", r, at, err)
	}
	if r, err = c.row(); err != nil {
		t.Fatal(err)
	}
	at, err = r.Time("SystemModstamp")
	if r.ID("Id") != "" || r.Number("Amount") != "" || r.Number("Account.Name") != "" || r.Bool("IsWon") || !at.IsZero() || err != nil {
		t.Errorf("%+v %v %v", r, at, err)
	}
}

// FuzzCSVReader compares with the standard library's reader, which is as strict
// but for blank lines and lone carriage returns.
func FuzzCSVReader(f *testing.F) {
	for _, seed := range []string{"Id,Name\n1,a\n", "\"a\"\"\",b\r\n,\r\n", "a\n\"\n\"\n", "a,b\n1", "a\n\"x\"y\n", "a\n\n\n1\n", "\"a\n"} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		got, err := readCSV(&pieces{data, int(piece%7) + 1})
		want, werr := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil || werr != nil || bytes.Contains(data, []byte("\r")) || bytes.HasPrefix(data, []byte("\n")) || bytes.Contains(data, []byte("\n\n")) {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q:\n%s", data, diff)
		}
		again, err := readCSV(bytes.NewReader(data))
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Fatalf("%q in pieces of %d reads otherwise: %v\n%s", data, piece%7+1, err, diff)
		}
	})
}

// pieces gives its bytes a few at a time.
type pieces struct {
	data []byte
	most int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.most, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

func BenchmarkCSVReader(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("\"Id\"")
	for i := range 44 {
		fmt.Fprintf(&text, ",\"Column%02d\"", i)
	}
	text.WriteString("\n")
	for range 1000 {
		text.WriteString("\"006000000000001AAA\"")
		for range 44 {
			text.WriteString(",\"some value\"")
		}
		text.WriteString("\n")
	}
	b.SetBytes(int64(text.Len() / 1000))
	b.ReportAllocs()
	for n := 0; n < b.N; {
		c := newCSVReader(bytes.NewReader(text.Bytes()))
		if err := c.header(); err != nil {
			b.Fatal(err)
		}
		for ; n < b.N; n++ {
			if _, err := c.row(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

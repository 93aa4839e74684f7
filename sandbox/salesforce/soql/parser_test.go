package soql

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type corpusEntry struct {
	ID        string `json:"id"`
	SOQL      string `json:"soql"`
	Consensus *bool  `json:"consensus_valid"`
}

// corpus reads the shared SOQL corpus: TANDEM_SHARED, or ../shared beside the
// repository's root.
func corpus(tb testing.TB) []corpusEntry {
	tb.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		dir, err := os.Getwd()
		if err != nil {
			tb.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				tb.Fatal("no go.mod above the test")
			}
			dir = parent
		}
		shared = filepath.Join(dir, "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "contracts", "salesforce", "soql-corpus.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var out []corpusEntry
	if err := json.Unmarshal(raw, &out); err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestParserAgreesWithTheConsensusOnTheWholeCorpus(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, e := range corpus(t) {
		_, err := Parse(e.SOQL)
		if err != nil {
			var se *Error
			if !errors.As(err, &se) || se.Code != CodeMalformedQuery {
				t.Errorf("%s: the error is no MALFORMED_QUERY: %v", e.ID, err)
			}
		}
		if e.Consensus == nil {
			continue
		}
		seen++
		if (err == nil) != *e.Consensus {
			t.Errorf("%s: valid %v, want %v\n%s\n%v", e.ID, err == nil, *e.Consensus, e.SOQL, err)
		}
	}
	if seen != 340 {
		t.Errorf("the corpus has %d entries with a consensus, want 340", seen)
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range corpus(f) {
		f.Add(e.SOQL)
	}
	f.Add(strings.Repeat("(", 5000))
	f.Add("SELECT Id FROM A WHERE x = '\\u12")
	f.Add("SELECT Id FROM A WHERE x = 2020-01-01T00:00:00.1+0")
	f.Fuzz(func(t *testing.T, src string) {
		q, err := Parse(src)
		if err == nil {
			if len(q.Select) == 0 || len(q.From) == 0 {
				t.Fatalf("parsed %q without SELECT or FROM", src)
			}
			return
		}
		var se *Error
		if !errors.As(err, &se) || se.Code != CodeMalformedQuery || se.Message == "" {
			t.Fatalf("bad error for %q: %v", src, err)
		}
	})
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// accounts is the folder of the sources: in TANDEM_SHARED, or in shared beside the
// repository.
func accounts(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "data", "accounts")
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the lists of legal forms are needed (set TANDEM_SHARED): %v", err)
	}
	return dir
}

func TestTheTablesAreThoseOfTheSources(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if err := run(accounts(t), out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"forms.tsv", "words.tsv", "countries.tsv"} {
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "tables", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources give: run go run ./internal/gen", name)
		}
	}
}

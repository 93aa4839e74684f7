// Command gen derives the compact facts of the AWS Partner Central Selling API
// from the published service model and lists, and writes them as gzipped JSON.
//
//	go run ./gen -contracts ../../../shared/contracts/aws -out facts.json.gz
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tandem-cosell/tandem/facts/awsselling/internal/derive"
)

func main() {
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	contracts := flag.String("contracts", filepath.Join(shared, "contracts", "aws"), "folder with models/ and lists/")
	out := flag.String("out", "facts.json.gz", "file to write")
	flag.Parse()
	if err := run(*contracts, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(contracts, out string) error {
	raw, err := derive.JSON(contracts)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := zw.Write(raw); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, buf.Bytes(), 0o644)
}

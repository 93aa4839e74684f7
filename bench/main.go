package main

import (
	"context"
	"fmt"
	"os"
)

const configVariable = "TANDEM_BENCH_CONFIG"

func main() {
	if err := childImport(context.Background(), os.Getenv("PROF")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

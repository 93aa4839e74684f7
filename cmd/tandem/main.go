// Command tandem is the whole of Tandem in one binary.
package main

import (
	"os"

	// Zones travel with the binary: a small container has none.
	_ "time/tzdata"

	"github.com/tandem-cosell/tandem/internal/edge/cli"
)

// version and commit are stamped by the build (see Makefile).
var (
	version = "devel"
	commit  = "unknown"
)

func main() { os.Exit(cli.Main(os.Args[1:], version, commit)) }

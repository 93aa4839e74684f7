package db

import "strings"

// Contains gives the LIKE pattern, for use with ESCAPE '\', that finds s
// anywhere: its own %, _ and \ count as themselves.
func Contains(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

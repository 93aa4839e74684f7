// Package schema holds the one set of migrations that makes Tandem's tables in
// SQLite and in PostgreSQL. They only go forward: a released file is never
// edited, a change is a new file.
package schema

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations gives the goose files, 00001_name.sql and on, at the root.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return files // fs.Sub refuses only a malformed path
	}
	return sub
}

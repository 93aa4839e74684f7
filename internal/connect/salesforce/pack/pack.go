// Package pack holds what Tandem needs a Salesforce organisation to have: the
// objects, fields and permission sets, as metadata in source format that
// Salesforce's own command line deploys (sf project deploy start).
package pack

import (
	"archive/zip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

//go:embed sfdx-project.json README.md force-app
var files embed.FS

// Files gives the package: sfdx-project.json and force-app at its root.
func Files() fs.FS { return files }

// Write puts the package into a folder that it makes. A folder that holds
// something already is refused.
func Write(dir string) error {
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return problem.Conflict("not_empty", fmt.Sprintf("The folder %s is not empty: name one that does not exist yet", dir))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return problem.Invalid("out", "not_a_folder", fmt.Sprintf("%s cannot be used: %v", dir, err))
	}
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755) //nolint:gosec // metadata for others to read
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644) //nolint:gosec // the same
	})
}

// Zip writes the package as a zip archive; the same bytes each time.
func Zip(w io.Writer) error {
	z := zip.NewWriter(w)
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: "tandem-salesforce/" + path, Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		return err
	})
	return errors.Join(err, z.Close())
}

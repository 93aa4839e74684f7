package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce/pack"
)

type salesforceCmd struct {
	Package packageCmd `cmd:"" help:"Write the metadata that an organisation needs, for Salesforce's command line."`
}

type packageCmd struct {
	Out string `help:"Folder to make, or a file that ends in .zip." default:"tandem-salesforce" type:"path"`
}

// Help gives an example.
func (packageCmd) Help() string {
	return "Example:\n  tandem salesforce package --out tandem-salesforce\n  cd tandem-salesforce && sf project deploy start --source-dir force-app --target-org MYORG"
}

// Run writes the package.
func (c *packageCmd) Run(r *run) error {
	if err := c.write(); err != nil {
		return err
	}
	r.printf("Written to %s: its README.md says how to deploy it\n", c.Out)
	return nil
}

func (c *packageCmd) write() error {
	if !strings.HasSuffix(strings.ToLower(c.Out), ".zip") {
		return pack.Write(c.Out)
	}
	var b bytes.Buffer
	if err := pack.Zip(&b); err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // metadata for others to read
	if errors.Is(err, fs.ErrExist) {
		return problem.Conflict("not_empty", c.Out+" exists already: name another file")
	}
	if err != nil {
		return problem.Invalid("out", "not_writable", err.Error())
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Close())
}

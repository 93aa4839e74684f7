package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type doctorCmd struct {
	app.Config
	JSON bool `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (doctorCmd) Help() string {
	return "It changes nothing. The exit code is 4 when something is to be mended.\n\nExample:\n  tandem doctor --json"
}

// Check is one thing that doctor looked at.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warning or error
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// Run looks at everything and reports.
func (c *doctorCmd) Run(r *run) error {
	var checks []Check
	err := withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		checks = examine(ctx, a)
		return nil
	})
	if err != nil {
		return err
	}
	bad := false
	for _, k := range checks {
		bad = bad || k.Status == "error"
	}
	if c.JSON {
		if err := r.print(map[string]any{"ok": !bad, "checks": checks}); err != nil {
			return err
		}
	} else {
		for _, k := range checks {
			r.printf("%-8s %-28s %s\n", k.Status, k.Name, k.Detail)
			if k.Mend != "" {
				r.printf("%-8s %-28s → %s\n", "", "", k.Mend)
			}
		}
	}
	if bad {
		return errFindings
	}
	return nil
}

func examine(ctx context.Context, a *app.App) []Check {
	checks := []Check{databaseCheck(ctx, a), auditCheck(ctx, a), userCheck(ctx, a)}
	checks = append(checks, salesforceChecks(ctx, a)...)
	return append(checks, portalChecks(ctx, a)...)
}

func failed(name string, err error, mend string) Check {
	return Check{Name: name, Status: "error", Detail: err.Error(), Mend: mend}
}

func databaseCheck(ctx context.Context, a *app.App) Check {
	have, want, err := a.DB.Version(ctx, schema.Migrations())
	if err != nil {
		return failed("database", err, "See that the database answers and that the user may read it")
	}
	where := a.DB.Path()
	if where == "" {
		where = "PostgreSQL"
		if u, err := url.Parse(a.DB.URL()); err == nil {
			where += " at " + u.Host + u.Path
		}
	}
	return Check{Name: "database", Status: "ok", Detail: fmt.Sprintf("%s, schema %d of %d", where, have, want)}
}

func auditCheck(ctx context.Context, a *app.App) Check {
	n, err := audit.Verify(ctx, a.DB)
	if err != nil {
		return failed("audit log", err, "Somebody wrote to the database past Tandem: compare with a backup")
	}
	return Check{Name: "audit log", Status: "ok", Detail: fmt.Sprintf("whole, %d entries", n)}
}

func userCheck(ctx context.Context, a *app.App) Check {
	ok, err := a.Team.HasUsers(ctx)
	switch {
	case err != nil:
		return failed("users", err, "")
	case !ok:
		return Check{Name: "users", Status: "warning", Detail: "nobody can sign in yet", Mend: "tandem user add --email YOU@EXAMPLE.COM --name \"YOUR NAME\" --level director"}
	}
	return Check{Name: "users", Status: "ok", Detail: "somebody can sign in"}
}

func salesforceChecks(ctx context.Context, a *app.App) []Check {
	if a.Salesforce == nil {
		return []Check{{Name: "salesforce", Status: "warning", Detail: "not connected", Mend: "Set TANDEM_SALESFORCE_URL, …_CLIENT_ID and …_CLIENT_SECRET; see docs/connect.md"}}
	}
	rep, err := a.Salesforce.Check(ctx, salesforce.Needs())
	if err != nil {
		return []Check{failed("salesforce", err, "See that the address, the app's credentials and its Run As user are right; see docs/connect.md")}
	}
	out := []Check{{Name: "salesforce", Status: "ok", Detail: fmt.Sprintf("signed in to %s, API %s", rep.Identity.InstanceURL, rep.Identity.APIVersion)}}
	for _, f := range rep.Findings {
		name := f.Object
		if f.Field != "" {
			name += "." + f.Field
		}
		out = append(out, Check{Name: name, Status: "error", Detail: f.Message, Mend: f.Mend})
	}
	return out
}

func portalChecks(ctx context.Context, a *app.App) []Check {
	if len(a.Sync.Portals) == 0 {
		return []Check{{Name: "aws", Status: "warning", Detail: "not connected", Mend: "Set TANDEM_AWS_ACCESS_KEY_ID and …_SECRET_ACCESS_KEY; see docs/connect.md"}}
	}
	var out []Check
	for _, p := range a.Sync.Portals {
		detail, err := p.Ping(ctx)
		if err != nil {
			out = append(out, failed(string(p.Cloud()), err, "See that the address, the credentials, their permissions (partnercentral:*) and the catalog are right; see docs/connect.md"))
			continue
		}
		out = append(out, Check{Name: string(p.Cloud()), Status: "ok", Detail: detail})
		if list, err := p.Solutions(ctx); err != nil {
			out = append(out, failed(string(p.Cloud())+" solutions", err, ""))
		} else if len(list) == 0 {
			out = append(out, Check{Name: string(p.Cloud()) + " solutions", Status: "error", Detail: "no active solution is listed", Mend: "Make a solution in " + p.Cloud().Portal() + ": a deal needs one"})
		}
	}
	return out
}

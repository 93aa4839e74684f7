package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	gosync "sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type doctorCmd struct {
	app.Config
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `help:"How long each check may take; they run side by side." default:"5s"`
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
	if c.Timeout <= 0 {
		return problem.Invalid("timeout", "out_of_range", fmt.Sprintf("Give each check some time, such as 5s: %s is none", c.Timeout))
	}
	var checks []Check
	err := withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		checks = examine(ctx, a, c.Timeout)
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

// examine runs the checks side by side, each for at most limit, and gives what
// they found in the order in which they stand here.
func examine(ctx context.Context, a *app.App, limit time.Duration) []Check {
	parts := []func(context.Context) []Check{
		func(ctx context.Context) []Check { return []Check{databaseCheck(ctx, a)} },
		func(ctx context.Context) []Check { return []Check{auditCheck(ctx, a)} },
		func(ctx context.Context) []Check { return []Check{userCheck(ctx, a)} },
		func(ctx context.Context) []Check { return salesforceChecks(ctx, a) },
	}
	for _, p := range a.Sync.Portals {
		parts = append(parts, func(ctx context.Context) []Check { return portalChecks(ctx, p) })
	}
	parts = append(parts, func(context.Context) []Check { return absentPortals(a) })
	found := make([][]Check, len(parts))
	var wg gosync.WaitGroup
	for i, look := range parts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeoutCause(ctx, limit, lateError(limit))
			defer cancel()
			found[i] = look(ctx)
		})
	}
	wg.Wait()
	return slices.Concat(found...)
}

// lateError is the cause with which the time of a check ends: the time it had.
type lateError time.Duration

// Error says how long the check had.
func (e lateError) Error() string {
	return fmt.Sprintf("did not answer within %s (give it more with --timeout)", time.Duration(e))
}

// failed is a check that met an error; one that ran out of time says so.
func failed(ctx context.Context, name string, err error, mend string) Check {
	if late, ok := errors.AsType[lateError](context.Cause(ctx)); ok && errors.Is(err, context.DeadlineExceeded) {
		err = late
	}
	return Check{Name: name, Status: "error", Detail: err.Error(), Mend: mend}
}

func databaseCheck(ctx context.Context, a *app.App) Check {
	have, want, err := a.DB.Version(ctx, schema.Migrations())
	if err != nil {
		return failed(ctx, "database", err, "See that the database answers and that the user may read it")
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
	if err != nil && ctx.Err() != nil {
		k := failed(ctx, "audit log", err, "Read it to its end with tandem audit verify")
		k.Status = "warning" // a long log is no fault
		return k
	}
	if err != nil {
		return failed(ctx, "audit log", err, "Somebody wrote to the database past Tandem: compare with a backup")
	}
	return Check{Name: "audit log", Status: "ok", Detail: fmt.Sprintf("whole, %d entries", n)}
}

func userCheck(ctx context.Context, a *app.App) Check {
	ok, err := a.Team.HasUsers(ctx)
	switch {
	case err != nil:
		return failed(ctx, "users", err, "")
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
		return []Check{failed(ctx, "salesforce", err, "See that the address, the app's credentials and its Run As user are right; see docs/connect.md")}
	}
	out := []Check{{Name: "salesforce", Status: "ok", Detail: fmt.Sprintf("signed in to %s, API %s", rep.Identity.InstanceURL, rep.Identity.APIVersion)}}
	out = append(out, findingChecks(rep.Findings, "error")...)
	if rep, err = a.Salesforce.Check(ctx, salesforce.Extras()); err != nil {
		return append(out, failed(ctx, "salesforce", err, "Try again"))
	}
	out = append(out, findingChecks(rep.Findings, "warning")...) // the main job does without
	out = append(out, toolsCheck(ctx, a)...)
	out = append(out, mappingChecks(ctx, a)...)
	if _, err := a.Sync.CRM.NewOpportunityFields(ctx); problem.Is(err, problem.KindConflict) {
		out = append(out, Check{Name: "create in salesforce", Status: "warning", Detail: err.Error(), Mend: "Only making opportunities of invitations needs it; see docs/connect.md"})
	}
	return out
}

func findingChecks(list []salesforce.Finding, status string) []Check {
	var out []Check
	for _, f := range list {
		name := f.Object
		if f.Field != "" {
			name += "." + f.Field
		}
		out = append(out, Check{Name: name, Status: status, Detail: f.Message, Mend: f.Mend})
	}
	return out
}

// toolsCheck names the other co-sell tools of the organisation: what they registered is
// followed, not registered again.
func toolsCheck(ctx context.Context, a *app.App) []Check {
	tools, err := a.Sync.CRM.Tools(ctx)
	if err != nil {
		return []Check{failed(ctx, "other co-sell tools", err, "See that the integration user may list the organisation's objects")}
	}
	var out []Check
	named := map[string]bool{}
	for _, t := range tools {
		k := Check{Name: t.Name, Status: "ok", Detail: fmt.Sprintf("what it registers is read from %s and followed, not registered again", t.Object)}
		if !t.Read {
			if named[t.Name] {
				continue
			}
			k.Status, k.Detail = "warning", fmt.Sprintf("it is in the organisation (%s), and Tandem does not read what it registers", t.Object)
			k.Mend = "See that it and Tandem do not register the same deals: leave one of the two to do it, or exclude its deals by the joint rule"
		}
		named[t.Name] = true
		out = append(out, k)
	}
	return out
}

// mappingChecks says how the field mapping in force fits the organisation. What
// Tandem does without is left out.
func mappingChecks(ctx context.Context, a *app.App) []Check {
	m, err := a.Mappings.InForce(ctx)
	if err != nil {
		return []Check{failed(ctx, "field mapping", err, "")}
	}
	org, err := a.Mappings.CRM.Organisation(ctx, m)
	if err != nil {
		return []Check{failed(ctx, "field mapping", err, "")}
	}
	var out []Check
	for _, f := range m.Check(org) {
		name := "field mapping"
		if f.Field != "" {
			name += ": " + string(f.Field)
		}
		switch f.Level {
		case mapping.LevelError:
			out = append(out, Check{Name: name, Status: "error", Detail: f.Message, Mend: f.Mend})
		case mapping.LevelWarn:
			out = append(out, Check{Name: name, Status: "warning", Detail: f.Message, Mend: f.Mend})
		}
	}
	return out
}

// connecting says what connects each portal that has a connector.
var connecting = map[cloud.Cloud]string{
	cloud.AWS:   "Set TANDEM_AWS_ACCESS_KEY_ID and …_SECRET_ACCESS_KEY; see docs/connect.md",
	cloud.Azure: "Set TANDEM_MICROSOFT_CLIENT_ID, …_CLIENT_SECRET and …_REFRESH_TOKEN; see docs/connect.md",
	cloud.GCP:   "Set TANDEM_GOOGLE_CARRIER to hand-over or api; see docs/connect.md",
}

// absentPortals warns when no portal is connected at all: a team may well work with
// one cloud only.
func absentPortals(a *app.App) []Check {
	if len(a.Sync.Portals) > 0 {
		return nil
	}
	var out []Check
	for _, c := range cloud.All() {
		if mend := connecting[c]; mend != "" {
			out = append(out, Check{Name: string(c), Status: "warning", Detail: "not connected", Mend: mend})
		}
	}
	return out
}

// warner is a portal that knows of something to be done before it stops working.
type warner interface {
	Warning(ctx context.Context) string
}

func portalChecks(ctx context.Context, p sync.Portal) []Check {
	name := string(p.Cloud())
	detail, err := p.Ping(ctx)
	if err != nil {
		return []Check{failed(ctx, name, err, "See that the address, the credentials and their permissions are right; see docs/connect.md")}
	}
	out := []Check{{Name: name, Status: "ok", Detail: detail}}
	if w, ok := p.(warner); ok {
		if text := w.Warning(ctx); text != "" {
			out[0] = Check{Name: name, Status: "warning", Detail: text, Mend: "Renew it before then; see docs/connect.md"}
		}
	}
	list, err := p.Solutions(ctx)
	switch {
	case err != nil:
		out = append(out, failed(ctx, name+" solutions", err, ""))
	case list != nil && len(list) == 0:
		out = append(out, Check{Name: name + " solutions", Status: "error", Detail: "no active solution is listed", Mend: "Make a solution in " + p.Cloud().Portal() + ": a deal needs one"})
	}
	return out
}

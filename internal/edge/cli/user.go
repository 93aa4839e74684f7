package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

type userCmd struct {
	Add      userAddCmd      `cmd:"" help:"Make a user and print the password once."`
	List     userListCmd     `cmd:"" help:"List the users."`
	Password userPasswordCmd `cmd:"" help:"Give a user a new password."`
	Level    userLevelCmd    `cmd:"" help:"Move a user to another level."`
	Disable  userDisableCmd  `cmd:"" help:"Take a user's access away."`
}

// Help gives an example.
func (userCmd) Help() string {
	return "Levels: reader, associate, abdm, senior, director, senior_director.\n\nExample:\n  tandem user add --email ana@example.com --name \"Ana Example\" --level director"
}

// withApp builds the app without jobs, runs fn and closes it.
func withApp(r *run, cfg app.Config, fn func(ctx context.Context, a *app.App) error) (err error) {
	log, err := r.log(&cfg)
	if err != nil {
		return err
	}
	cfg.Version = r.version
	a, err := app.New(r.ctx, cfg, log, app.NoJobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return fn(r.ctx, a)
}

type userAddCmd struct {
	app.Config
	Email         string `required:"" help:"E-mail address, with which the user signs in."`
	Name          string `required:"" help:"Name."`
	Level         string `default:"reader" help:"Level of the job family."`
	PasswordStdin bool   `name:"password-stdin" help:"Read the password from standard input instead of making one."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (userAddCmd) Help() string {
	return `Example:
  tandem user add --email ana@example.com --name "Ana Example" --level director`
}

// Run makes a user.
func (c *userAddCmd) Run(r *run) error {
	password, err := readPassword(r, c.PasswordStdin)
	if err != nil {
		return err
	}
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		p, made, err := a.Team.CreateUser(ctx, team.NewUser{Name: c.Name, Email: c.Email, Level: authz.Level(c.Level), Password: password})
		if err != nil {
			return err
		}
		if c.JSON {
			return r.print(map[string]string{"id": p.ID, "email": p.Email, "level": string(p.Level), "password": made})
		}
		r.printf("Made %s (%s)\n", p.Email, p.Level.Label())
		if made != "" {
			r.printf("Password, shown only now: %s\n", made)
		}
		return nil
	})
}

func readPassword(r *run, fromStdin bool) (string, error) {
	if !fromStdin {
		return "", nil
	}
	line, err := bufio.NewReader(r.in).ReadString('\n')
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", problem.Invalid("password-stdin", "required", fmt.Sprintf("Standard input holds no password (%v)", err))
	}
	return password, nil
}

type userListCmd struct {
	app.Config
	JSON bool `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (userListCmd) Help() string {
	return `Example:
  tandem user list --json`
}

// Run lists the users.
func (c *userListCmd) Run(r *run) error {
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		users, err := a.Team.Users(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return r.print(map[string]any{"users": users})
		}
		for _, p := range users {
			r.printf("%-40s %-18s %s\n", p.Email, p.Level, p.Name)
		}
		return nil
	})
}

type userPasswordCmd struct {
	app.Config
	Email         string `arg:"" help:"E-mail address."`
	PasswordStdin bool   `name:"password-stdin" help:"Read the password from standard input instead of making one."`
}

// Help gives an example.
func (userPasswordCmd) Help() string {
	return `Example:
  tandem user password ana@example.com`
}

// Run gives a user a new password.
func (c *userPasswordCmd) Run(r *run) error {
	password, err := readPassword(r, c.PasswordStdin)
	if err != nil {
		return err
	}
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		made, err := a.Team.SetPassword(ctx, c.Email, password)
		if err != nil {
			return err
		}
		if made != "" {
			r.printf("Password, shown only now: %s\n", made)
		}
		return nil
	})
}

type userLevelCmd struct {
	app.Config
	Email string `arg:"" help:"E-mail address."`
	Level string `arg:"" help:"The new level."`
}

// Help gives an example.
func (userLevelCmd) Help() string {
	return `Example:
  tandem user level ana@example.com senior_director`
}

// Run moves a user to another level.
func (c *userLevelCmd) Run(r *run) error {
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		return a.Team.SetLevel(ctx, c.Email, authz.Level(c.Level))
	})
}

type userDisableCmd struct {
	app.Config
	Email string `arg:"" help:"E-mail address."`
}

// Help gives an example.
func (userDisableCmd) Help() string {
	return `Example:
  tandem user disable ana@example.com`
}

// Run takes a user's access away.
func (c *userDisableCmd) Run(r *run) error {
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error { return a.Team.Disable(ctx, c.Email) })
}

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Walk the chain of hashes."`
}

type auditVerifyCmd struct {
	app.Config
	JSON bool `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (auditVerifyCmd) Help() string { return "Example:\n  tandem audit verify" }

// Run proves that the audit log is whole.
func (c *auditVerifyCmd) Run(r *run) error {
	return withApp(r, c.Config, func(ctx context.Context, a *app.App) error {
		n, err := audit.Verify(ctx, a.DB)
		if err != nil {
			return problem.Conflict("audit_broken", "The audit log is not whole: "+err.Error())
		}
		if c.JSON {
			return r.print(map[string]any{"entries": n, "whole": true})
		}
		r.printf("The audit log is whole: %d entries\n", n)
		return nil
	})
}

// Package cli is the command line of Tandem: it reads flags, environment and
// file into one configuration, runs a command, and turns every error into a clear
// message and an exit code.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/telemetry"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailure     = 1 // something broke
	ExitUsage       = 2 // the command line, the configuration or the input is wrong
	ExitUnavailable = 3 // an outside system or the database does not answer
	ExitFindings    = 4 // doctor or sync found something that a person has to mend
	ExitInterrupted = 130
)

type root struct {
	Config kong.ConfigFlag `help:"YAML file with the same names as the flags." placeholder:"FILE" env:"TANDEM_CONFIG"`

	Serve      serveCmd      `cmd:"" help:"Serve pages and API, and run jobs."`
	Demo       demoCmd       `cmd:"" help:"Run the main job on the demo organisation, against local sandboxes."`
	Sandbox    sandboxCmd    `cmd:"" help:"Serve the sandboxes of Salesforce, AWS Partner Central and Google Cloud."`
	Sync       syncCmd       `cmd:"" help:"Read Salesforce, register what is due, and write back, once."`
	Doctor     doctorCmd     `cmd:"" help:"Check the configuration, the database and the outside systems."`
	User       userCmd       `cmd:"" help:"Make and change the users of Tandem."`
	Match      matchCmd      `cmd:"" help:"Find the companies of one list in another."`
	Audit      auditCmd      `cmd:"" help:"Prove that the audit log is whole."`
	Salesforce salesforceCmd `cmd:"" help:"What a Salesforce organisation needs for Tandem."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// run is what every command gets.
type run struct {
	ctx     context.Context
	in      io.Reader
	out     io.Writer
	err     io.Writer
	version string
	tty     bool // standard error is a terminal
}

func (r *run) printf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

// say tells a person, on standard error, so that standard output stays for
// programs.
func (r *run) say(format string, args ...any) { fmt.Fprintf(r.err, format, args...) }

// print writes v as one line of JSON.
func (r *run) print(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(r.out, string(b))
	return err
}

// log gives the logger a configuration asks for.
func (r *run) log(cfg *app.Config) (*slog.Logger, error) {
	log, err := telemetry.NewLogger(r.err, cfg.LogFormat, cfg.LogLevel, r.tty)
	if err != nil {
		return nil, problem.Invalid("log-level", "unknown", err.Error())
	}
	return log, nil
}

// Main runs the command line and gives the exit code.
func Main(args []string, version, commit string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Whoever runs commands on the machine has its database: they act as Tandem.
	ctx = authz.With(ctx, authz.Actor{Kind: authz.KindSystem, ID: "cli", Name: "Command line"})
	return Run(ctx, args, version+" ("+commit+")", os.Stdin, os.Stdout, os.Stderr)
}

// exit carries kong's wish to end (after --help) out of its parser.
type exit int

// Run is Main with everything given, for tests.
func Run(ctx context.Context, args []string, version string, in io.Reader, out, errw io.Writer) (code int) {
	r := &run{ctx: ctx, in: in, out: out, err: errw, version: version}
	if f, ok := errw.(*os.File); ok {
		r.tty = term.IsTerminal(int(f.Fd()))
	}
	var cli root
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(exit)
			if !ok {
				panic(v)
			}
			code = int(e)
		}
	}()
	parser, err := kong.New(&cli,
		kong.Name("tandem"),
		kong.Description("Sell together with AWS, Microsoft Azure and Google Cloud: every joint opportunity registered once and kept true."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.Configuration(loadFile, defaultConfigFiles()...),
		kong.Writers(out, errw),
		kong.Exit(func(c int) { panic(exit(c)) }),
		kong.Vars{"version": version},
	)
	if err != nil { // of the configuration file
		r.say("tandem: %v\n", err)
		return ExitUsage
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		r.say("tandem: %v\nSee tandem --help.\n", err)
		return ExitUsage
	}
	return r.report(parsed.Run(r))
}

func defaultConfigFiles() []string {
	files := []string{"tandem.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "tandem", "tandem.yaml"))
	}
	return files
}

// errFindings is what doctor and sync give when there is something to mend.
var errFindings = errors.New("there is something to mend")

// report says an error in a person's words and gives its exit code.
func (r *run) report(err error) int {
	if err == nil {
		return ExitOK
	}
	if errors.Is(err, errFindings) {
		return ExitFindings
	}
	if r.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		r.say("tandem: interrupted\n")
		return ExitInterrupted
	}
	var p *problem.Error
	if !errors.As(err, &p) {
		r.say("tandem: %v\n", err)
		return ExitFailure
	}
	r.say("tandem: %s\n", p.Message)
	for _, f := range p.Fields {
		r.say("  %s: %s\n", f.Field, f.Message)
	}
	if p.Remote != nil {
		r.say("  %s answered %s to %s", p.Remote.System, p.Remote.Code, p.Remote.Operation)
		if p.Remote.Status != 0 {
			r.say(" (HTTP %d)", p.Remote.Status)
		}
		r.say("\n")
	}
	if p.Err != nil {
		r.say("  cause: %v\n", p.Err)
	}
	switch p.Kind {
	case problem.KindInvalid, problem.KindConflict, problem.KindNotFound, problem.KindForbidden, problem.KindPrecondition:
		return ExitUsage
	case problem.KindRemote, problem.KindUnavailable, problem.KindTooMany:
		return ExitUnavailable
	}
	return ExitFailure
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Help gives an example.
func (versionCmd) Help() string { return "Example:\n  tandem version --json" }

// Run prints the version.
func (c *versionCmd) Run(r *run) error {
	if c.JSON {
		return r.print(map[string]string{"version": r.version})
	}
	r.printf("tandem %s\n", r.version)
	return nil
}

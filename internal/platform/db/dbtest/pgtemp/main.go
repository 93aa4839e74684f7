// Command pgtemp starts a throw-away PostgreSQL server, runs a command with
// TANDEM_TEST_POSTGRES set to its URL, stops the server and ends with the
// command's exit code:
//
//	go run ./internal/platform/db/dbtest/pgtemp -- go test ./...
//
// When TANDEM_TEST_POSTGRES is set already, it only runs the command.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: pgtemp -- command [argument…]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtemp:", err)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if os.Getenv(dbtest.EnvURL) == "" {
		server, err := dbtest.Start(context.Background())
		if err != nil {
			return 1, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		if err := os.Setenv(dbtest.EnvURL, server.URL()); err != nil {
			return 1, err
		}
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // signals are passed on below
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended already
		}
	}()
	if err := cmd.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return max(cmd.ProcessState.ExitCode(), 1), nil
		}
		return 1, err
	}
	return 0, nil
}

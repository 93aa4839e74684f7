package app

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// CodeAlreadyRunning is the code of New's problem when another process runs
// jobs on the same embedded database.
const CodeAlreadyRunning = "already_running"

// takeLock makes sure that no other process runs jobs on this data folder. The
// lock is the kernel's and ends with the process, however that ends.
func (a *App) takeLock() error {
	f, err := os.OpenFile(a.lockPath(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return problem.Unavailable("data_dir", fmt.Sprintf("The folder %s cannot be written", a.Config.DataDir), err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		cerr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return problem.Conflict(CodeAlreadyRunning, fmt.Sprintf("Another tandem runs on the folder %s: use that one, stop it, or give another --data-dir", a.Config.DataDir))
		}
		return errors.Join(problem.Unavailable("data_dir", fmt.Sprintf("The folder %s cannot be locked", a.Config.DataDir), err), cerr)
	}
	a.lock = f
	return nil
}

func listenProblem(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return problem.Conflict("port_in_use", fmt.Sprintf("The address %s is in use by another program: stop that one, or give another --listen", address))
	case errors.Is(err, syscall.EACCES):
		return problem.Conflict("port_forbidden", fmt.Sprintf("This user may not listen on %s: take a port above 1023", address))
	}
	return problem.Unavailable("listen", fmt.Sprintf("Cannot listen on %s", address), err)
}

// CheckLock says whether New could run jobs on the data folder now.
func CheckLock(cfg Config) error {
	if cfg.ServerDatabase() {
		return nil
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return problem.Unavailable("data_dir", fmt.Sprintf("The folder %s cannot be made", cfg.DataDir), err)
	}
	a := &App{Config: cfg}
	if err := a.takeLock(); err != nil {
		return err
	}
	return a.lock.Close()
}

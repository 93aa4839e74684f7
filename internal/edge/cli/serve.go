package cli

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/edge/server"
)

type serveCmd struct {
	app.Config
}

// Help gives an example.
func (serveCmd) Help() string {
	return `Everything can be set by flag, by TANDEM_* variable or in tandem.yaml; secrets belong in variables or in the file, not on the command line.

Examples:
  tandem serve
  tandem serve --listen 0.0.0.0:8080 --database postgres://tandem@db/tandem --role web`
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(r *run) error {
	log, err := r.log(&c.Config)
	if err != nil {
		return err
	}
	c.Version = r.version
	a, err := app.New(r.ctx, c.Config, log, c.Role != "web")
	if err != nil {
		return err
	}
	return serve(r, a, c.Role != "worker", func(address string) {
		log.Info("tandem serves", "address", address, "role", c.Role, "version", r.version)
	})
}

// serve starts a built app, serves it until the context ends, and stops it.
func serve(r *run, a *app.App, pages bool, ready func(address string)) (err error) {
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 15*time.Second)
		defer cancel()
		if serr := a.Stop(stop); err == nil {
			err = serr
		}
	}()
	if !pages {
		if err := a.Start(r.ctx); err != nil {
			return err
		}
		ready("")
		<-r.ctx.Done()
		return nil
	}
	h, err := server.New(a)
	if err != nil {
		return err
	}
	ln, err := a.Listen(r.ctx)
	if err != nil {
		return err
	}
	started := make(chan error, 1)
	go func() { started <- a.Start(r.ctx) }()
	ready("http://" + ln.Addr().String())
	if err := a.Serve(r.ctx, ln, h); err != nil {
		return err
	}
	return <-started
}

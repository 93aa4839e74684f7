package db

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Migrate brings the schema up to the newest of the migrations at the root of
// migrations (goose files, 00001_name.sql, one directory for both databases). On
// PostgreSQL copies that start together wait for each other. A schema that is
// newer than the migrations is KindPrecondition and left alone.
func (d *DB) Migrate(ctx context.Context, migrations fs.FS) error {
	p, err := d.provider(migrations)
	if err != nil {
		return err
	}
	if err := d.refuseNewer(ctx, p); err != nil {
		return err
	}
	// A migration may change an index that a killed Load has set aside.
	if err := d.Restore(ctx); err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("db: migrate: %w", classify(err, ""))
	}
	for _, m := range done {
		d.log.InfoContext(ctx, "database migrated", "migration", m.Source.Path, "took", m.Duration)
	}
	return nil
}

// Version gives the schema's version and the one that migrations lead to.
func (d *DB) Version(ctx context.Context, migrations fs.FS) (current, target int64, err error) {
	p, err := d.provider(migrations)
	if err != nil {
		return 0, 0, err
	}
	current, target, err = p.GetVersions(ctx)
	return current, target, classify(err, "")
}

func (d *DB) provider(migrations fs.FS) (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger())}
	if d.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("db: migrate: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, d.writer, migrations, options...)
	if err != nil {
		return nil, fmt.Errorf("db: migrations: %w", err)
	}
	return p, nil
}

func (d *DB) refuseNewer(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("db: migrate: %w", classify(err, ""))
	}
	if current <= target {
		return nil
	}
	where := "The PostgreSQL database"
	if d.path != "" {
		where = "The database " + d.path
	}
	return &problem.Error{Kind: problem.KindPrecondition, Code: "schema_newer", Message: fmt.Sprintf("%s was written by a newer Tandem (schema %d, this program knows %d): use that Tandem or a newer one, or restore the backup made before the upgrade", where, current, target)}
}

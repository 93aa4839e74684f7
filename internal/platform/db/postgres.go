package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func (d *DB) openPostgres(ctx context.Context, cfg Config) error {
	d.dialect = PostgreSQL
	pg, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx leaves the password out of this message.
		return &problem.Error{Kind: problem.KindInvalid, Code: "bad_database_url", Message: "The PostgreSQL URL can't be read: write postgres://user:password@host:5432/name", Err: err}
	}
	if pg.ConnectTimeout == 0 {
		pg.ConnectTimeout = 10 * time.Second
	}
	pg.RuntimeParams["timezone"] = "UTC"
	if pg.RuntimeParams["application_name"] == "" {
		pg.RuntimeParams["application_name"] = "tandem"
	}
	conns := cfg.MaxConns
	if conns <= 0 {
		conns = 16
	}
	d.writer = stdlib.OpenDB(*pg)
	d.writer.SetMaxOpenConns(conns)
	d.writer.SetMaxIdleConns(max(conns/2, 1))
	d.writer.SetConnMaxIdleTime(5 * time.Minute)
	d.writer.SetConnMaxLifetime(time.Hour)
	d.reader = d.writer
	if err := d.writer.PingContext(ctx); err != nil {
		mend := "check that it runs and can be reached"
		if e, ok := errors.AsType[*pgconn.PgError](err); ok {
			switch e.Code {
			case "28P01", "28000":
				mend = "check the user and the password"
			case "3D000":
				mend = "make the database first: createdb " + pg.Database
			}
		}
		return problem.Unavailable("database_down", fmt.Sprintf("The PostgreSQL database %s on %s:%d doesn't let us in: %s", pg.Database, pg.Host, pg.Port, mend), err)
	}
	return nil
}

func postgresProblem(e *pgconn.PgError, err error) *problem.Error {
	switch e.Code {
	case "23505":
		return broken(CodeUnique, e.ConstraintName, err)
	case "23503":
		return broken(CodeForeignKey, e.ConstraintName, err)
	case "23502":
		return broken(CodeNotNull, e.TableName+"."+e.ColumnName, err)
	case "23514":
		return broken(CodeCheck, e.ConstraintName, err)
	case "22021", "22P05":
		return unstorable(err)
	case "40001", "40P01", "55P03":
		return problem.Unavailable(CodeBusy, "The database is busy", err)
	case "57P01", "57P02", "57P03":
		return problem.Unavailable("database_down", "The database is stopping or starting", err)
	case "53100":
		return problem.Unavailable("database_full", "The disk of the database is full", err)
	case "25006":
		return problem.Unavailable("database_readonly", "The database can't be written", err)
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53":
		return problem.Unavailable("database_down", "The database can't serve us", err)
	}
	return nil
}

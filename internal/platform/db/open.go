package db

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Dialect says which database is behind a DB.
type Dialect string

// The two databases.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Config says which database to open and how.
type Config struct {
	// URL is "sqlite:///abs/path.db", "sqlite://rel/path.db", a plain path,
	// "sqlite::memory:" (a temporary file that Close removes) or
	// "postgres://user:password@host/name?…". It may hold a password: never log it.
	URL string
	// Logger receives slow statements and retries; nil keeps silent.
	Logger *slog.Logger
	// SlowQuery is from when on a statement is logged; 0 means 200 ms.
	SlowQuery time.Duration
	// MaxConns bounds the PostgreSQL pool, and SQLite's readers (at least 2);
	// 0 means 16, and 4 to 8 by the number of processors.
	MaxConns int
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	dialect Dialect
	url     string
	path    string // SQLite's file; "" on PostgreSQL
	temp    string // folder to remove on Close; "" when none
	writer  *sql.DB
	reader  *sql.DB
	log     *slog.Logger
	slow    time.Duration
	wait    time.Duration // how long InTx waits for the writer
}

// Open opens the database that cfg names, creating a SQLite file and its folder
// when they are missing, and checks that it answers. It doesn't migrate: see
// Migrate. A URL that can't be read, a path that is a folder and a file that is
// no SQLite database are KindInvalid; a folder that can't be written and a server
// that doesn't answer are KindUnavailable. The messages name the path or the
// server, never the password.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	d := &DB{url: cfg.URL, log: cfg.Logger, slow: cfg.SlowQuery, wait: writerWait}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.slow <= 0 {
		d.slow = 200 * time.Millisecond
	}
	var err error
	switch scheme, rest, isURL := strings.Cut(cfg.URL, ":"); {
	case cfg.URL == "":
		return nil, problem.Invalid("database", "missing", "name a database: a file path, sqlite:///path/file.db or postgres://user@host/name")
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		err = d.openPostgres(ctx, cfg)
	case isURL && scheme == "sqlite" && rest == ":memory:":
		if d.temp, err = os.MkdirTemp("", "tandem-db-"); err == nil {
			err = d.openSQLite(ctx, d.temp+"/memory.db", readers(cfg.MaxConns))
		}
	case isURL && scheme == "sqlite":
		err = d.openSQLite(ctx, strings.TrimPrefix(rest, "//"), readers(cfg.MaxConns))
	case isURL && strings.HasPrefix(rest, "//"):
		return nil, problem.Invalid("database", "unknown_scheme", "the database URL starts with "+scheme+"://: only sqlite:// and postgres:// are known")
	default:
		err = d.openSQLite(ctx, cfg.URL, readers(cfg.MaxConns))
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func readers(n int) int {
	if n > 0 {
		return max(n, 2)
	}
	return min(max(runtime.GOMAXPROCS(0), 4), 8)
}

// Writer is the pool that may write: one connection on SQLite. River shares it.
// Never use it while holding a Tx: on SQLite that waits for itself.
func (d *DB) Writer() *sql.DB { return d.writer }

// Reader is the pool for reads; on SQLite its connections refuse to write, on
// PostgreSQL it is the same pool as Writer.
func (d *DB) Reader() *sql.DB { return d.reader }

// Dialect says which database this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Path is SQLite's file, "" on PostgreSQL.
func (d *DB) Path() string { return d.path }

// URL is what Open was given; it may hold a password.
func (d *DB) URL() string { return d.url }

// Ping checks that both pools answer.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.writer.PingContext(ctx); err != nil {
		return classify(err, "")
	}
	return classify(d.reader.PingContext(ctx), "")
}

// Close waits for running statements, writes SQLite's log back into the file and
// closes. It may be called twice.
func (d *DB) Close() error {
	var errs []error
	if d.reader != nil && d.reader != d.writer {
		errs = append(errs, d.reader.Close())
	}
	if d.writer != nil {
		if d.dialect == SQLite {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			// A failure here loses nothing: the next Open replays the log.
			if _, err := d.writer.ExecContext(ctx, "PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				d.log.Debug("database log not written back on close", "path", d.path, "error", err)
			}
			cancel()
		}
		errs = append(errs, d.writer.Close())
	}
	if d.temp != "" {
		errs = append(errs, os.RemoveAll(d.temp))
	}
	return errors.Join(errs...)
}

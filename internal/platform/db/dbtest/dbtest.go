// Package dbtest answers "does this store work on both databases": it gives a
// test a fresh, migrated database, on SQLite and on a real PostgreSQL server that
// the tests start themselves. It never skips: when PostgreSQL can't be had the
// test fails and says what to install.
package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Each runs test as two parallel subtests, "sqlite" and "postgres", each with its
// own database, migrated by migrations (goose files at its root).
func Each(t *testing.T, migrations fs.FS, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t, migrations))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t, migrations))
	})
}

// SQLite gives a migrated SQLite database in a temporary file.
func SQLite(tb testing.TB, migrations fs.FS) *db.DB {
	tb.Helper()
	return open(tb, SQLiteURL(tb, migrations))
}

// Postgres gives a migrated PostgreSQL database, dropped when the test ends.
func Postgres(tb testing.TB, migrations fs.FS) *db.DB {
	tb.Helper()
	return open(tb, PostgresURL(tb, migrations))
}

// SQLiteURL is the URL of a migrated SQLite file, for a test that starts a
// program.
func SQLiteURL(tb testing.TB, migrations fs.FS) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "test.db")
	image, err := sqliteImage(migrations)
	if err == nil {
		err = os.WriteFile(path, image, 0o600)
	}
	if err != nil {
		tb.Fatalf("dbtest: make a SQLite database: %v", err)
	}
	return "sqlite://" + path
}

// PostgresURL is the URL of a migrated PostgreSQL database, dropped when the test
// ends, for a test that starts a program.
func PostgresURL(tb testing.TB, migrations fs.FS) string {
	tb.Helper()
	server, err := shared()
	if err != nil {
		tb.Fatal(err)
	}
	name, err := server.clone(tb.Context(), migrations)
	if err != nil {
		tb.Fatalf("dbtest: make a PostgreSQL database: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.admin(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("dbtest: drop %s: %v", name, err)
		}
	})
	return server.url(name)
}

func open(tb testing.TB, url string) *db.DB {
	tb.Helper()
	d, err := db.Open(tb.Context(), db.Config{URL: url, MaxConns: 4, Logger: slog.New(slog.NewTextHandler(logTo{tb}, nil))})
	if err != nil {
		tb.Fatalf("dbtest: %v", err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Errorf("dbtest: close: %v", err)
		}
	})
	return d
}

// logTo sends warnings into the test's log until the test has ended.
type logTo struct{ tb testing.TB }

// Write logs one line.
func (l logTo) Write(p []byte) (int, error) {
	if l.tb.Context().Err() == nil {
		l.tb.Logf("%s", p)
	}
	return len(p), nil
}

var images sync.Map // fingerprint → func() ([]byte, error)

// sqliteImage is the migrated file, made once in a process.
func sqliteImage(migrations fs.FS) ([]byte, error) {
	key, err := fingerprint(migrations)
	if err != nil {
		return nil, err
	}
	made, _ := images.LoadOrStore(key, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "tandem-dbtest-")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		path := filepath.Join(dir, "template.db")
		if err := migrate(context.Background(), path, migrations); err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	}))
	return made.(func() ([]byte, error))()
}

func migrate(ctx context.Context, url string, migrations fs.FS) error {
	d, err := db.Open(ctx, db.Config{URL: url, MaxConns: 2})
	if err != nil {
		return err
	}
	err = d.Migrate(ctx, migrations)
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// fingerprint names the content of the migrations.
func fingerprint(migrations fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := migrations.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		fmt.Fprintf(h, "%s\x00", path)
		_, err = io.Copy(h, f)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("dbtest: read migrations: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

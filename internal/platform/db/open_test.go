package db_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

func openAt(t *testing.T, url string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpenMakesTheFileInAnyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, url := range []string{
		filepath.Join(dir, "plain.db"),
		"sqlite://" + filepath.Join(dir, "new folder", "a?b#c%20d.db"),
		"sqlite:" + filepath.Join(dir, "short.db"),
		"sqlite::memory:",
	} {
		d := openAt(t, url)
		if err := d.Migrate(t.Context(), migrations); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if err := d.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(d.Path()); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if err := errors.Join(d.Close(), d.Close()); err != nil {
			t.Errorf("%s: close: %v", url, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*-wal")); err != nil || len(left) > 0 {
			t.Errorf("%s: Close left %v, %v", url, left, err)
		}
		if _, err := os.Stat(d.Path()); err == nil && url == "sqlite::memory:" {
			t.Error("the temporary file stays")
		}
	}
}

func TestOpenSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	letter, zeros := filepath.Join(dir, "letter.txt"), filepath.Join(dir, "zeros.db")
	for path, content := range map[string]string{letter: strings.Repeat("Dear Sir, ", 500), zeros: string(make([]byte, 4096))} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url string
		kind      problem.Kind
		says      []string
	}{
		{"no URL", "", problem.KindInvalid, []string{"name a database"}},
		{"other database", "mysql://root@host/x", problem.KindInvalid, []string{"mysql", "postgres://"}},
		{"a text file", letter, problem.KindInvalid, []string{letter, "not a SQLite database"}},
		{"a folder", dir, problem.KindInvalid, []string{dir, "is a folder"}},
		{"a file for a folder", letter + "/x.db", problem.KindUnavailable, []string{letter, "can't be made"}},
		{"a folder nobody writes", "/proc/self/x.db", problem.KindUnavailable, []string{"/proc/self", "right to write"}},
		{"nobody listens", "postgres://u:secret@" + address + "/tandem", problem.KindUnavailable, []string{"tandem on 127.0.0.1", "check that it runs"}},
		{"bad URL", "postgres://u:secret@host:port/x", problem.KindInvalid, []string{"postgres://user:password@host"}},
	} {
		d, err := db.Open(t.Context(), db.Config{URL: c.url})
		if err == nil {
			t.Errorf("%s: opened", c.name)
			_ = d.Close()
			continue
		}
		if problem.KindOf(err) != c.kind {
			t.Errorf("%s: kind %s", c.name, problem.KindOf(err))
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q doesn't say %q", c.name, err, want)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the message holds the password: %v", c.name, err)
		}
	}
	before := strings.Repeat("Dear Sir, ", 500)
	if after, err := os.ReadFile(letter); err != nil || string(after) != before {
		t.Error("the refused file was changed")
	}
}

func TestMissingPostgresDatabaseIsNamed(t *testing.T) {
	t.Parallel()
	url := strings.Replace(dbtest.PostgresURL(t, migrations), "/tandem_test_", "/no_such_", 1)
	_, err := db.Open(t.Context(), db.Config{URL: url})
	if problem.KindOf(err) != problem.KindUnavailable || !strings.Contains(err.Error(), "createdb no_such_") {
		t.Error(err)
	}
}

func TestMigrateIsRepeatableAndRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	newer := fstest.MapFS{"00002_more.sql": {Data: []byte("-- +goose Up\nALTER TABLE thing ADD COLUMN more text;\n")}}
	for name, file := range migrations {
		newer[name] = file
	}
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for range 2 {
			if err := d.Migrate(ctx, newer); err != nil {
				t.Fatal(err)
			}
		}
		if current, target, err := d.Version(ctx, migrations); current != 2 || target != 1 || err != nil {
			t.Errorf("version %d of %d, %v", current, target, err)
		}
		err := d.Migrate(ctx, migrations)
		if problem.KindOf(err) != problem.KindPrecondition || !strings.Contains(err.Error(), "newer Tandem (schema 2, this program knows 1)") || !strings.Contains(err.Error(), d.Path()) {
			t.Error(err)
		}
		broken := fstest.MapFS{"00003_broken.sql": {Data: []byte("-- +goose Up\nCREATE TABLE half (id text);\nCREATE NONSENSE;\n")}}
		for name, file := range newer {
			broken[name] = file
		}
		if err := d.Migrate(ctx, broken); err == nil {
			t.Error("a broken migration passed")
		}
		if _, err := db.Get[int](ctx, d, "SELECT count(*) FROM half"); err == nil {
			t.Error("half a migration stayed")
		}
	})
}

func TestCopiesThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	url := dbtest.PostgresURL(t, fstest.MapFS{"00001_x.sql": {Data: []byte("-- +goose Up\nCREATE TABLE x (id text);\n")}})
	more := fstest.MapFS{
		"00001_x.sql": {Data: []byte("-- +goose Up\nCREATE TABLE x (id text);\n")},
		"00002_y.sql": {Data: []byte("-- +goose Up\nCREATE TABLE y (id text);\n")},
	}
	errs := make(chan error, 3)
	for range cap(errs) {
		d := openAt(t, url)
		defer func() { _ = d.Close() }()
		go func() { errs <- d.Migrate(context.WithoutCancel(t.Context()), more) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestSlowStatementIsLoggedWithoutArguments(t *testing.T) {
	t.Parallel()
	for _, url := range []string{dbtest.SQLiteURL(t, migrations), dbtest.PostgresURL(t, migrations)} {
		var log strings.Builder
		d, err := db.Open(t.Context(), db.Config{URL: url, Logger: slog.New(slog.NewTextHandler(&log, nil)), SlowQuery: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Select[string](t.Context(), d, "SELECT id\n  FROM thing WHERE name = ?", "confidential"); err != nil {
			t.Error(err)
		}
		if got := log.String(); !strings.Contains(got, "SELECT id FROM thing WHERE name = ?") || strings.Contains(got, "confidential") {
			t.Errorf("log: %s", got)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

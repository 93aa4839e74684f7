package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// busy_timeout comes first: the later pragmas already may have to wait.
var sqlitePragmas = []string{
	"busy_timeout(5000)",
	"journal_mode(WAL)",
	"synchronous(NORMAL)",
	"foreign_keys(1)",
	"temp_store(MEMORY)",
	"journal_size_limit(67108864)",
}

// What the two pools have of their own. A first import writes into a dozen
// indexes at random places: with the writer's 32 MB cache and a checkpoint each
// 32 MB instead of each 4 MB it writes a page once where it wrote it many times.
// A reader's cache is emptied by every commit of the writer, and filling it again
// cost more than the queries did: the readers map up to 1 GB of the file instead.
const (
	writerOptions = "_txlock=immediate&_pragma=cache_size(-32000)&_pragma=wal_autocheckpoint(8000)"
	readerOptions = "_pragma=query_only(1)&_pragma=cache_size(-16000)&_pragma=mmap_size(1073741824)"
)

func (d *DB) openSQLite(ctx context.Context, path string, readers int) error {
	d.dialect = SQLite
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("db: %w", err)
	}
	d.path = path
	if err := touch(path); err != nil {
		return err
	}
	if d.writer, err = openPool(path, 1, writerOptions); err != nil {
		return err
	}
	if _, err := d.writer.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return openFailure(path, err)
	}
	if d.reader, err = openPool(path, readers, readerOptions); err != nil {
		return err
	}
	if err := d.reader.PingContext(ctx); err != nil {
		return openFailure(path, err)
	}
	return nil
}

// touch makes sure that the file and its folder are there and can be written,
// so that the message can say which of the two is wrong.
func touch(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return problem.Unavailable("database_folder", fmt.Sprintf("The folder %s of the database can't be made: choose another place, or make it and give this user the right to write there", dir), err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return problem.Invalid("database", "is_a_folder", path+" is a folder: name the database file in it, such as "+filepath.Join(path, "tandem.db"))
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		return f.Close()
	}
	mend := "choose another place, or give this user the right to write there"
	if errors.Is(err, fs.ErrPermission) {
		mend = "give this user the right to write the file and its folder " + dir
	}
	return problem.Unavailable("database_file", fmt.Sprintf("The database file %s can't be opened for writing: %s", path, mend), err)
}

func openPool(path string, conns int, extra string) (*sql.DB, error) {
	// A URI filename, so that a path may hold ?, # and %.
	dsn := (&url.URL{Scheme: "file", Path: path}).String() + "?" + extra
	for _, p := range sqlitePragmas {
		dsn += "&_pragma=" + p
	}
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("db: open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

func openFailure(path string, err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			return &problem.Error{Kind: problem.KindInvalid, Code: "not_a_database", Message: fmt.Sprintf("The file %s is not a SQLite database: name another file, or move this one away and Tandem makes a new one", path), Err: err}
		case sqlite3.SQLITE_CORRUPT:
			return &problem.Error{Kind: problem.KindUnavailable, Code: "database_damaged", Message: fmt.Sprintf("The database file %s is damaged: restore it from a backup", path), Err: err}
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return problem.Unavailable("database_folder", fmt.Sprintf("SQLite can't write beside %s: give this user the right to write the folder %s", path, filepath.Dir(path)), err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			return problem.Unavailable(CodeBusy, fmt.Sprintf("The database file %s is locked by another program: stop it and try again", path), err)
		}
	}
	return fmt.Errorf("db: open %s: %w", path, err)
}

func sqliteProblem(e *sqlite.Error, err error) *problem.Error {
	switch code := e.Code(); code & 0xff {
	case sqlite3.SQLITE_CONSTRAINT:
		switch code {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
			return broken(CodeUnique, afterColon(e.Error()), err)
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return broken(CodeForeignKey, "", err)
		case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			return broken(CodeNotNull, afterColon(e.Error()), err)
		default:
			return broken(CodeCheck, afterColon(e.Error()), err)
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return problem.Unavailable(CodeBusy, "The database is busy", err)
	case sqlite3.SQLITE_FULL:
		return problem.Unavailable("database_full", "The disk of the database is full", err)
	case sqlite3.SQLITE_READONLY:
		return problem.Unavailable("database_readonly", "The database can't be written", err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return problem.Unavailable("database_damaged", "The database file can't be read", err)
	}
	return nil
}

// afterColon cuts "constraint failed: UNIQUE constraint failed: t.c (2067)" to "t.c".
func afterColon(msg string) string {
	if i := strings.LastIndex(msg, ": "); i >= 0 {
		msg = msg[i+2:]
	}
	name, _, _ := strings.Cut(msg, " (")
	return name
}

package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// The codes of the problems that this package makes from the database's errors.
const (
	CodeUnique     = "unique"        // KindConflict: such a row is there already
	CodeForeignKey = "foreign_key"   // KindConflict: the row referred to isn't there, or is still referred to
	CodeCheck      = "check"         // KindInvalid: a CHECK rule is broken
	CodeNotNull    = "not_null"      // KindInvalid: a needed value is missing
	CodeText       = "bad_text"      // KindInvalid: NUL or invalid UTF-8 in text
	CodeBusy       = "database_busy" // KindUnavailable: locked, deadlock or serialization failure; try again
)

// ErrNoRows is what Get, One and Update give when no row matches. Its kind is
// KindNotFound; a store turns it into problem.NotFound with the noun and the id.
var ErrNoRows error = &problem.Error{Kind: problem.KindNotFound, Code: "no_rows", Message: "There is no such record", Err: sql.ErrNoRows}

// HasCode reports whether err is a problem with this code, such as CodeUnique.
func HasCode(err error, code string) bool {
	e, ok := errors.AsType[*problem.Error](err)
	return ok && e.Code == code
}

func broken(code, where string, err error) *problem.Error {
	p := &problem.Error{Kind: problem.KindInvalid, Code: code, Err: err}
	switch code {
	case CodeUnique:
		p.Kind, p.Message = problem.KindConflict, "Such a record is there already"
	case CodeForeignKey:
		p.Kind, p.Message = problem.KindConflict, "A record that this one belongs to is missing, or others still belong to it"
	case CodeNotNull:
		p.Message = "A needed value is missing"
	default:
		p.Message = "A value is not allowed"
	}
	if where != "" {
		p.Message += " (" + where + ")"
	}
	return p
}

func unstorable(err error) *problem.Error {
	return &problem.Error{Kind: problem.KindInvalid, Code: CodeText, Message: "A text holds a NUL or bytes that aren't UTF-8, which can't be stored", Err: err}
}

// classify turns what a driver says into a problem; context errors and unknown
// ones are only wrapped, with the statement.
func classify(err error, query string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*problem.Error](err); ok {
		return err
	}
	var p *problem.Error
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		p = sqliteProblem(e, err)
	} else if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		p = postgresProblem(e, err)
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("db: %w", err)
	} else if isDown(err) {
		p = problem.Unavailable("database_down", "The database can't be reached", err)
	}
	if p != nil {
		return p
	}
	if query == "" {
		return fmt.Errorf("db: %w", err)
	}
	return fmt.Errorf("db: %w, in: %s", err, oneLine(query))
}

func isDown(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// oneLine gives the statement on one line, at most 300 bytes, for logs.
func oneLine(query string) string {
	s := strings.Join(strings.Fields(query), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

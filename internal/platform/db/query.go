package db

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"reflect"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Queryer is where a read goes: a *DB (the reader pool, each statement sees what
// is committed) or a *Tx (sees its own writes).
type Queryer interface {
	source() (runner, *DB)
}

type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (d *DB) source() (runner, *DB) { return d.reader, d }

// Select gives all rows. T is a struct with db tags, or a type that one column
// fits into (string, int64, time.Time, *string, any sql.Scanner). A column
// without a field is an error; a field without a column stays zero. No row gives
// an empty slice, never nil.
func Select[T any](ctx context.Context, q Queryer, query string, args ...any) ([]T, error) {
	out := []T{}
	for v, err := range Each[T](ctx, q, query, args...) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Get gives the first row, or ErrNoRows. T is as in Select.
func Get[T any](ctx context.Context, q Queryer, query string, args ...any) (T, error) {
	for v, err := range Each[T](ctx, q, query, args...) {
		return v, err
	}
	var zero T
	return zero, ErrNoRows
}

// Each gives the rows one by one, without holding them all; an error ends the
// sequence. T is as in Select. While the loop runs it holds a connection: on a
// *DB don't wait long inside it, on a *Tx run no other statement inside it.
func Each[T any](ctx context.Context, q Queryer, query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var row, zero T
		run, d := q.source()
		plan, err := planOf(reflect.TypeFor[T]())
		if err != nil {
			yield(zero, err)
			return
		}
		text, bound, err := bind(d.dialect, query, args)
		if err != nil {
			yield(zero, err)
			return
		}
		began := time.Now()
		rows, err := run.QueryContext(ctx, text, bound...)
		d.logSlow(ctx, began, query, err)
		if err != nil {
			yield(zero, classify(err, query))
			return
		}
		defer func() { _ = rows.Close() }() // what went wrong is in rows.Err
		columns, err := rows.Columns()
		if err != nil {
			yield(zero, classify(err, query))
			return
		}
		targets, err := plan.targets(reflect.ValueOf(&row).Elem(), columns)
		if err != nil {
			yield(zero, err)
			return
		}
		for rows.Next() {
			row = zero
			if err := rows.Scan(targets...); err != nil {
				yield(zero, classify(err, query))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, classify(err, query))
		}
	}
}

// logSlow notes a statement that took long, with its text but never its arguments.
func (d *DB) logSlow(ctx context.Context, began time.Time, query string, err error) {
	took := time.Since(began)
	if took < d.slow {
		return
	}
	d.log.WarnContext(ctx, "slow database statement", "took", took.Round(time.Millisecond), "sql", oneLine(query), "failed", err != nil)
}

// Exec runs a statement and gives the number of rows that it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	text, bound, err := bind(tx.db.dialect, query, args)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := tx.tx.ExecContext(ctx, text, bound...)
	tx.db.logSlow(ctx, began, query, err)
	if err != nil {
		return 0, tx.failed(classify(err, query))
	}
	n, err := res.RowsAffected()
	return n, classify(err, query)
}

// One runs a statement that must change exactly one row: none is ErrNoRows, more
// is an error. With "WHERE id = ? AND version = ?" it is the optimistic lock.
func (tx *Tx) One(ctx context.Context, query string, args ...any) error {
	n, err := tx.Exec(ctx, query, args...)
	switch {
	case err != nil:
		return err
	case n == 0:
		return ErrNoRows
	case n > 1:
		return &problem.Error{Kind: problem.KindInternal, Code: "too_many_rows", Message: "A statement for one row changed more", Err: errors.New(oneLine(query))}
	}
	return nil
}

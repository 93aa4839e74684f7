package db

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const (
	txAttempts = 4
	writerWait = 30 * time.Second
)

// Tx is a running transaction with one fixed time. It is not safe for concurrent
// use and must not outlive the function that InTx gave it to.
type Tx struct {
	db   *DB
	tx   *sql.Tx
	now  time.Time
	busy bool // a statement failed in a way that a new attempt may mend
}

// Now is the time of the transaction: the same for every row that it writes.
func (tx *Tx) Now() time.Time { return tx.now }

// SQL is the transaction of database/sql, for River's InsertTx.
func (tx *Tx) SQL() *sql.Tx { return tx.tx }

// Dialect says which database this is.
func (tx *Tx) Dialect() Dialect { return tx.db.dialect }

func (tx *Tx) source() (runner, *DB) { return tx.tx, tx.db }

func (tx *Tx) failed(err error) error {
	tx.busy = tx.busy || HasCode(err, CodeBusy)
	return err
}

// InTx runs fn in a transaction whose Now is clk's time. It commits when fn gives
// nil and rolls back when fn gives an error or panics. On a busy database, a
// deadlock or a serialization failure it runs fn again, at most 4 times in all:
// fn must do nothing outside the transaction that may not happen twice. SQLite
// runs one InTx at a time; waiting over 30 s for it is KindUnavailable (most
// likely an InTx inside another).
func (d *DB) InTx(ctx context.Context, clk clock.Clock, fn func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		again, err := d.attempt(ctx, clk, fn)
		if err == nil || !again || attempt == txAttempts {
			return err
		}
		d.log.DebugContext(ctx, "transaction runs again", "attempt", attempt, "error", err)
		pause := time.Duration(1<<attempt) * (2*time.Millisecond + rand.N(3*time.Millisecond))
		select {
		case <-ctx.Done():
			return fmt.Errorf("db: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

func (d *DB) attempt(ctx context.Context, clk clock.Clock, fn func(tx *Tx) error) (again bool, err error) {
	conn, err := d.writeConn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // only gives it back to the pool
	inner, err := conn.BeginTx(ctx, nil)
	if err != nil {
		err = classify(err, "BEGIN")
		return HasCode(err, CodeBusy), err
	}
	tx := &Tx{db: d, tx: inner, now: clk.Now().UTC().Truncate(time.Microsecond)}
	done := false
	defer func() {
		if !done { // fn gave an error or panicked; what it said matters more
			_ = inner.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return tx.busy || HasCode(err, CodeBusy), err
	}
	done = true
	began := time.Now()
	if err := inner.Commit(); err != nil {
		if ctx.Err() != nil {
			return false, fmt.Errorf("db: %w", context.Cause(ctx))
		}
		err = classify(err, "COMMIT")
		if HasCode(err, CodeBusy) {
			// SQLite keeps the transaction open after a busy commit.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			return true, err
		}
		return false, err
	}
	d.logSlow(ctx, began, "COMMIT", nil)
	return false, nil
}

func (d *DB) writeConn(ctx context.Context) (*sql.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	conn, err := d.writer.Conn(waiting)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		return nil, problem.Unavailable(CodeBusy, fmt.Sprintf("Another write has held the database for %s", d.wait), err)
	default:
		return nil, classify(err, "")
	}
}

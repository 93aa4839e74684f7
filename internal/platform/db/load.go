package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Load runs fn, which writes a great many rows into a table. Meanwhile SQLite
// keeps none of the table's indexes but those that hold a rule (keys and UNIQUE);
// afterwards they are made anew, whatever fn gave. A new row has its place
// anywhere in a dozen indexes, and each costs reading and writing a page: to store
// 200,000 opportunities takes a quarter of the time so, and of more still less. Who
// searches by such an index meanwhile reads the whole table. When the process or
// ctx ends before its time, the next Migrate or Restore makes the indexes.
// PostgreSQL keeps its indexes.
func (d *DB) Load(ctx context.Context, table string, fn func() error) error {
	if d.dialect != SQLite {
		return fn()
	}
	if err := d.onWriter(ctx, func(tx *sql.Tx) error { return setAside(ctx, tx, table) }); err != nil {
		return fmt.Errorf("db: set the indexes of %s aside: %w", table, classify(err, ""))
	}
	err := fn()
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(err, d.restore(ctx, table))
}

// Restore makes the indexes that a Load did not come to make.
func (d *DB) Restore(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}
	return d.restore(ctx, "")
}

// aside is an index that Load set aside.
type aside struct{ name, definition string }

// setAside drops a table's indexes and keeps how they are made.
func setAside(ctx context.Context, tx *sql.Tx, table string) error {
	list, err := indexes(ctx, tx, `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql NOT LIKE 'CREATE UNIQUE %'`, table)
	if err != nil || len(list) == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS index_aside (name text PRIMARY KEY, of_table text NOT NULL, definition text NOT NULL)`); err != nil {
		return err
	}
	for _, x := range list {
		if _, err := tx.ExecContext(ctx, `INSERT INTO index_aside VALUES (?, ?, ?)`, x.name, table, x.definition); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DROP INDEX "`+x.name+`"`); err != nil {
			return err
		}
	}
	return nil
}

func indexes(ctx context.Context, tx *sql.Tx, query string, args ...any) (list []aside, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var x aside
		if err := rows.Scan(&x.name, &x.definition); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, rows.Err()
}

// restore makes the indexes of a table, "" of all, each in a transaction of its
// own, so that other writers come in between.
func (d *DB) restore(ctx context.Context, table string) error {
	var list []aside
	err := d.onWriter(ctx, func(tx *sql.Tx) error {
		var kept int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'index_aside'`).Scan(&kept); err != nil || kept == 0 {
			return err
		}
		var err error
		list, err = indexes(ctx, tx, `SELECT name, definition FROM index_aside WHERE of_table = ? OR ? = '' ORDER BY name`, table, table)
		return err
	})
	for i := 0; err == nil && i < len(list); i++ {
		err = d.onWriter(ctx, func(tx *sql.Tx) error { return remake(ctx, tx, list[i]) })
	}
	if err != nil {
		return fmt.Errorf("db: make the indexes that were set aside: %w", classify(err, ""))
	}
	return nil
}

// remake makes one index; with the last one goes the list of them.
func remake(ctx context.Context, tx *sql.Tx, x aside) error {
	if _, err := tx.ExecContext(ctx, x.definition); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM index_aside WHERE name = ?`, x.name); err != nil {
		return err
	}
	var left int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM index_aside`).Scan(&left); err != nil || left > 0 {
		return err
	}
	_, err := tx.ExecContext(ctx, `DROP TABLE index_aside`)
	return err
}

// onWriter runs fn in a transaction of SQLite's writer that sorts in files, as
// much as its cache does not hold: an index of a million rows sorted in memory
// takes 300 MB, and is no faster.
func (d *DB) onWriter(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	conn, err := d.writeConn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return err
	}
	defer func() {
		_, back := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA temp_store = MEMORY")
		err = errors.Join(err, back)
	}()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Insert writes one row. Every tagged field that isn't readonly is a column.
func Insert[T any](ctx context.Context, tx *Tx, table string, row *T) error {
	_, err := writeMany(ctx, tx, table, []T{*row}, "", false, nil)
	return err
}

// InsertMany writes rows in large statements. One bad row fails all.
func InsertMany[T any](ctx context.Context, tx *Tx, table string, rows []T) error {
	_, err := writeMany(ctx, tx, table, rows, "", false, nil)
	return err
}

// UpsertMany writes rows, and where a row with the same conflict columns is there
// already (they need a unique index) it sets the update columns to the new
// values. Without update columns it leaves the row that is there alone. Columns
// gives "all others". Of two rows in one call with the same conflict columns the
// last one counts, or the first when nothing is updated. It gives how many rows
// were inserted or updated.
func UpsertMany[T any](ctx context.Context, tx *Tx, table string, rows []T, conflict, update []string) (int64, error) {
	for _, name := range slices.Concat(conflict, update) {
		if !isName(name) {
			return 0, fmt.Errorf("db: %q is no column name", name)
		}
	}
	if len(conflict) == 0 {
		return 0, errors.New("db: UpsertMany without conflict columns")
	}
	tail := ` ON CONFLICT ("` + strings.Join(conflict, `", "`) + `") DO NOTHING`
	if len(update) > 0 {
		var set []string
		for _, name := range update {
			set = append(set, `"`+name+`" = excluded."`+name+`"`)
		}
		tail = strings.TrimSuffix(tail, "NOTHING") + "UPDATE SET " + strings.Join(set, ", ")
	}
	return writeMany(ctx, tx, table, rows, tail, len(update) > 0, conflict)
}

// Columns gives the names of T's columns that may be updated (no insert and no
// readonly ones), without those named.
func Columns[T any](except ...string) ([]string, error) {
	plan, err := planOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range plan.columns {
		if !c.readonly && !c.insert && !slices.Contains(except, c.name) {
			out = append(out, c.name)
		}
	}
	return out, nil
}

// Update sets every column of row (no insert and no readonly ones) in the one row
// that where names, such as "id = ? AND version = ?": none is ErrNoRows.
func Update[T any](ctx context.Context, tx *Tx, table string, row *T, where string, args ...any) error {
	plan, err := planOf(reflect.TypeFor[T]())
	if err != nil {
		return err
	}
	if !isName(table) || strings.TrimSpace(where) == "" {
		return fmt.Errorf("db: update of %q where %q", table, where)
	}
	v := reflect.ValueOf(row).Elem()
	var set []string
	var all []any
	for _, c := range plan.columns {
		if c.readonly || c.insert {
			continue
		}
		bound, err := reflected(tx.db.dialect, v.FieldByIndex(c.index))
		if err != nil {
			return fmt.Errorf("db: %s.%s: %w", table, c.name, err)
		}
		set = append(set, `"`+c.name+`" = ?`)
		all = append(all, bound)
	}
	return tx.One(ctx, `UPDATE "`+table+`" SET `+strings.Join(set, ", ")+" WHERE "+where, append(all, args...)...)
}

// chunkArgs is how many arguments one statement of writeMany has at most: more
// gains nothing, and PostgreSQL takes 65,535, SQLite 32,766.
const chunkArgs = 1500

func writeMany[T any](ctx context.Context, tx *Tx, table string, rows []T, tail string, updates bool, conflict []string) (int64, error) {
	plan, err := planOf(reflect.TypeFor[T]())
	if err != nil {
		return 0, err
	}
	if !isName(table) || plan.scalar {
		return 0, fmt.Errorf("db: insert of %T into %q", *new(T), table)
	}
	var columns []column
	var names []string
	for _, c := range plan.columns {
		if !c.readonly {
			columns, names = append(columns, c), append(names, c.name)
		}
	}
	if updates {
		if rows, err = lastOfEach(plan, rows, conflict); err != nil {
			return 0, err
		}
	}
	w := bulk{tx: tx, columns: columns, head: `INSERT INTO "` + table + `" ("` + strings.Join(names, `", "`) + `") VALUES `, tail: tail}
	defer w.close()
	size := min(max(chunkArgs/len(columns), 1), 500)
	args := make([]any, 0, min(size, len(rows))*len(columns))
	var total int64
	for chunk := range slices.Chunk(rows, size) {
		args = args[:0]
		for i := range chunk {
			v := reflect.ValueOf(&chunk[i]).Elem()
			for _, c := range columns {
				bound, err := fieldValue(tx.db.dialect, v, c)
				if err != nil {
					return total, fmt.Errorf("db: %s.%s: %w", table, c.name, err)
				}
				args = append(args, bound)
			}
		}
		n, err := w.exec(ctx, len(chunk), args)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func fieldValue(d Dialect, row reflect.Value, c column) (any, error) {
	f := row.Field(c.index[0])
	for _, i := range c.index[1:] {
		f = f.Field(i)
	}
	switch p := f.Addr().Interface().(type) {
	case *string:
		return text(*p)
	case *time.Time:
		return instant(d, *p)
	case *int64:
		return *p, nil
	}
	return reflected(d, f)
}

// lastOfEach leaves the last row of those with the same key: PostgreSQL refuses
// to update one row twice in a statement, and both databases shall do the same.
func lastOfEach[T any](plan *rowPlan, rows []T, key []string) ([]T, error) {
	var columns []column
	for _, name := range key {
		i, ok := plan.byName[name]
		if !ok {
			return nil, fmt.Errorf("db: %T has no column %s", *new(T), name)
		}
		columns = append(columns, plan.columns[i])
	}
	last := make(map[string]int, len(rows))
	keys := make([]string, len(rows))
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		for _, c := range columns {
			bound, err := fieldValue(SQLite, v, c)
			if err != nil {
				return nil, fmt.Errorf("db: %s: %w", c.name, err)
			}
			if s, ok := bound.(string); ok && len(columns) == 1 {
				keys[i] = s
			} else {
				keys[i] += fmt.Sprint(bound) + "\x00" // no text holds a NUL
			}
		}
		last[keys[i]] = i
	}
	if len(last) == len(rows) {
		return rows, nil
	}
	out := make([]T, 0, len(last))
	for i := range rows {
		if last[keys[i]] == i {
			out = append(out, rows[i])
		}
	}
	return out, nil
}

// bulk keeps the prepared statement of the last chunk size.
type bulk struct {
	tx         *Tx
	columns    []column
	head, tail string
	rows       int
	query      string
	stmt       *sql.Stmt
}

func (w *bulk) exec(ctx context.Context, rows int, args []any) (int64, error) {
	if w.rows != rows {
		w.close()
		var b strings.Builder
		b.WriteString(w.head)
		n := 0
		for i := range rows {
			if i > 0 {
				b.WriteString(", ")
			}
			for j := range w.columns {
				if j == 0 {
					b.WriteByte('(')
				} else {
					b.WriteByte(',')
				}
				n++
				placeholder(w.tx.db.dialect, &b, n)
			}
			b.WriteByte(')')
		}
		b.WriteString(w.tail)
		w.query, w.rows = b.String(), rows
	}
	if w.stmt == nil && rows > 1 {
		stmt, err := w.tx.tx.PrepareContext(ctx, w.query)
		if err != nil {
			return 0, w.tx.failed(classify(err, w.head))
		}
		w.stmt = stmt
	}
	began := time.Now()
	var res sql.Result
	var err error
	if w.stmt != nil {
		res, err = w.stmt.ExecContext(ctx, args...)
	} else {
		res, err = w.tx.tx.ExecContext(ctx, w.query, args...)
	}
	w.tx.db.logSlow(ctx, began, w.head, err)
	if err != nil {
		return 0, w.tx.failed(classify(err, w.head))
	}
	n, err := res.RowsAffected()
	return n, classify(err, w.head)
}

func (w *bulk) close() {
	if w.stmt != nil {
		_ = w.stmt.Close() // the transaction's end frees it in any case
		w.stmt = nil
	}
}

// Without leaves out the columns of fields ("account.website") that nothing is known of,
// so that an upsert keeps what stands in them. named gives those whose column is not
// named as the field is.
func Without(columns, fields []string, named map[string]string) []string {
	gone := map[string]bool{}
	for _, f := range fields {
		column, ok := named[f]
		if !ok {
			_, column, _ = strings.Cut(f, ".")
		}
		gone[column] = true
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return gone[c] })
}

// Package db answers "where is the data kept, and how is it read and written":
// one thin layer over database/sql that runs the same SQL text on SQLite (the
// default, no server) and on PostgreSQL.
//
// # The rules of the layer
//
// SQL stands as constant text in store.go files, in the subset that both
// databases take, with ? for every argument. Arguments are always bound, never
// written into the text. A slice expands inside IN (?) and NOT IN (?).
//
// An instant is UTC and cut to microseconds; SQLite keeps it as fixed-width text
// (TimeLayout), which sorts as time does, PostgreSQL as timestamptz. A zero
// time.Time is stored as NULL, and NULL is read as a zero time.Time. NULL is read
// as "" into a string field. Any other NULL needs a pointer or a sql.Null type.
// Text must be valid UTF-8 without NUL on both databases, because PostgreSQL can
// hold nothing else. Money is bigint minor units; no numeric and no real columns.
//
// Reads go to *DB (the reader pool) or, inside a transaction, to *Tx. Writes go
// through DB.InTx only. SQLite has one writer: never call InTx, or anything else
// that uses Writer, while holding a Tx; pass the Tx on instead.
//
// # Errors
//
// What the database says comes back as problem kinds: a uniqueness or foreign-key
// rule broken is KindConflict (CodeUnique, CodeForeignKey), a CHECK or NOT NULL
// rule broken or text that can't be stored is KindInvalid (CodeCheck,
// CodeNotNull, CodeText), no row is ErrNoRows (KindNotFound), and a database that
// is busy, full, read-only or gone is KindUnavailable. SQLite doesn't name the
// constraint reliably, so a service checks its rule first, inside the
// transaction, to give the precise message, and keeps the constraint as backstop.
package db

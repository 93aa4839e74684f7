// Package audit answers "who did what, when?" with an append-only log whose
// entries are chained: each carries the hash of the one before it, so that a
// change, a gap or a reordering shows.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Entry is one line of the log. Subject is the id of the record it is about;
// Detail is a JSON object without secrets.
type Entry struct {
	Seq       int64      `db:"seq" json:"seq"`
	ID        string     `db:"id" json:"id"`
	At        time.Time  `db:"at" json:"at"`
	ActorKind authz.Kind `db:"actor_kind" json:"actor_kind"`
	ActorID   string     `db:"actor_id" json:"actor_id"`
	ActorName string     `db:"actor_name" json:"actor_name"`
	Action    string     `db:"action" json:"action"`
	Subject   string     `db:"subject" json:"subject"`
	Detail    string     `db:"detail" json:"detail"`
	PrevHash  string     `db:"prev_hash" json:"prev_hash"`
	Hash      string     `db:"hash" json:"hash"`
}

// Record appends an entry in the caller's transaction; the actor is that of
// ctx, Tandem itself when there is none. detail may be nil.
func Record(ctx context.Context, tx *db.Tx, action, subject string, detail any) error {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	text := []byte("{}")
	if detail != nil {
		var err error
		if text, err = json.Marshal(detail); err != nil {
			return fmt.Errorf("audit %s: %w", action, err)
		}
	}
	seq, prev, err := lockHead(ctx, tx)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	e := Entry{
		Seq: seq + 1, ID: id.New("aud"), At: tx.Now(), ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name,
		Action: action, Subject: subject, Detail: string(text), PrevHash: prev,
	}
	e.Hash = e.digest()
	if err := insert(ctx, tx, &e); err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}

// digest gives the hash over every column but itself, each preceded by its
// length so that no two entries read alike.
func (e *Entry) digest() string {
	h := sha256.New()
	for _, s := range []string{
		strconv.FormatInt(e.Seq, 10), e.ID, e.At.UTC().Format(time.RFC3339Nano), string(e.ActorKind), e.ActorID,
		e.ActorName, e.Action, e.Subject, e.Detail, e.PrevHash,
	} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Verify walks the whole log and gives the number of entries, or an error that
// names the first entry that does not fit. The log may grow meanwhile.
func Verify(ctx context.Context, d *db.DB) (int64, error) {
	begun, hash, err := head(ctx, d)
	if err != nil {
		return 0, err
	}
	var n int64
	prev := ""
	for e, err := range each(ctx, d) {
		if err != nil {
			return n, err
		}
		n++
		switch {
		case e.Seq != n:
			return n, fmt.Errorf("entry %d is missing: the log goes on with %d", n, e.Seq)
		case e.PrevHash != prev:
			return n, fmt.Errorf("entry %d does not follow on the entry before it", e.Seq)
		case e.Hash != e.digest() || e.Seq == begun && e.Hash != hash:
			return n, fmt.Errorf("entry %d was changed after it was written", e.Seq)
		}
		prev = e.Hash
	}
	end, _, err := head(ctx, d)
	switch {
	case err != nil:
		return n, err
	case n < begun:
		return n, fmt.Errorf("the log ends at entry %d, but %d were written", n, begun)
	case n > end:
		return n, fmt.Errorf("entry %d was not written by Tandem", end+1)
	}
	return n, nil
}

// Of gives the latest entries about a subject, newest first.
func Of(ctx context.Context, q db.Queryer, subject string, limit int) ([]Entry, error) {
	return bySubject(ctx, q, subject, limit)
}

// Read gives the latest entries about a subject, newest first, to a person.
// Needs read_operations, and manage_people when the subject is a user or a token
// of somebody.
func Read(ctx context.Context, q db.Queryer, subject string, limit int) ([]Entry, error) {
	action := authz.ActionReadOperations
	if strings.HasPrefix(subject, "usr_") || strings.HasPrefix(subject, "tok_") {
		action = authz.ActionManagePeople
	}
	if err := authz.Require(ctx, action); err != nil {
		return nil, err
	}
	return Of(ctx, q, subject, min(max(limit, 1), 200))
}

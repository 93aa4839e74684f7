package team

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Sessions keeps browser sessions in the database, in the three methods that
// the scs library asks for. Only the SHA-256 of a token is kept, so a copy of the
// database lets nobody in.
type Sessions struct {
	db    *db.DB
	clock clock.Clock
}

// NewSessions gives the store of sessions.
func NewSessions(d *db.DB, c clock.Clock) *Sessions { return &Sessions{db: d, clock: c} }

// FindCtx gives the data of a session that has not expired.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	b, err := session(ctx, s.db, sessionKey(token), s.clock.Now())
	if problem.Is(err, problem.KindNotFound) {
		return nil, false, nil
	}
	return b, err == nil, err
}

// CommitCtx keeps the data of a session until it expires.
// A session that only lives a little longer is not written anew: a page that is
// read must not cost a write.
func (s *Sessions) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	old, err := sessionAt(ctx, s.db, sessionKey(token))
	switch {
	case err == nil && bytes.Equal(old.Data, b) && expiry.Sub(old.ExpiresAt).Abs() < time.Minute:
		return nil
	case err != nil && !problem.Is(err, problem.KindNotFound):
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return saveSession(ctx, tx, sessionRow{Token: sessionKey(token), Data: b, ExpiresAt: expiry})
	})
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return deleteSession(ctx, tx, sessionKey(token)) })
}

// Find is FindCtx for callers without a context.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for callers without a context.
func (s *Sessions) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete is DeleteCtx for callers without a context.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

func sessionKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

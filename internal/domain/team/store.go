package team

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func byEmail(ctx context.Context, q db.Queryer, key string) (Person, error) {
	if key == "" {
		return Person{}, db.ErrNoRows
	}
	// Two people can share an address in Salesforce; the one who signs in counts first.
	return db.Get[Person](ctx, q, `SELECT * FROM person WHERE email_key = ? ORDER BY CASE WHEN password_hash <> '' THEN 0 ELSE 1 END, active DESC, id LIMIT 1`, key)
}

func byID(ctx context.Context, q db.Queryer, id string) (Person, error) {
	p, err := db.Get[Person](ctx, q, `SELECT * FROM person WHERE id = ?`, id)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("user", id)
	}
	return p, err
}

func byCRMIDs(ctx context.Context, q db.Queryer, ids []string) (map[string]Person, error) {
	out := map[string]Person{}
	rows, err := db.Select[Person](ctx, q, `SELECT * FROM person WHERE crm_id IN (?)`, ids)
	for _, p := range rows {
		out[*p.CRMID] = p
	}
	return out, err
}

func users(ctx context.Context, q db.Queryer) ([]Person, error) {
	return db.Select[Person](ctx, q, `SELECT * FROM person WHERE password_hash <> '' ORDER BY name_key, id`)
}

func usersOf(ctx context.Context, q db.Queryer, levels []authz.Level) ([]Person, error) {
	return db.Select[Person](ctx, q, `SELECT * FROM person WHERE password_hash <> '' AND active AND level IN (?) ORDER BY name_key, id`, levels)
}

func countUsers(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM person WHERE password_hash <> ''`)
}

const directors = `password_hash <> '' AND active AND level IN ('director', 'senior_director')`

// holdDirectors makes other transactions that change a Director wait for this one.
func holdDirectors(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE person SET version = version WHERE `+directors)
	return err
}

func countOtherDirectors(ctx context.Context, tx *db.Tx, id string) (int64, error) {
	return db.Get[int64](ctx, tx, `SELECT count(*) FROM person WHERE `+directors+` AND id <> ?`, id)
}

func people(ctx context.Context, q db.Queryer) ([]Person, error) {
	return db.Select[Person](ctx, q, `SELECT * FROM person WHERE crm_id IS NOT NULL ORDER BY name_key, id`)
}

// ActiveInCRM reports whether somebody is active in the CRM.
func ActiveInCRM(ctx context.Context, q db.Queryer, crmID string) (bool, error) {
	n, err := db.Get[int64](ctx, q, `SELECT count(*) FROM person WHERE crm_id = ? AND active`, crmID)
	return n > 0, err
}

func save(ctx context.Context, tx *db.Tx, p *Person) error {
	if p.Version == 0 {
		p.Version = 1
		return db.Insert(ctx, tx, "person", p)
	}
	p.Version++
	return db.Update(ctx, tx, "person", p, `id = ? AND version = ?`, p.ID, p.Version-1)
}

type failureRow struct {
	Subject  string    `db:"subject"`
	Failures int64     `db:"failures"`
	LastAt   time.Time `db:"last_at"`
}

func failures(ctx context.Context, q db.Queryer, subject string) (failureRow, error) {
	return db.Get[failureRow](ctx, q, `SELECT * FROM login_failure WHERE subject = ?`, subject)
}

func countFailure(ctx context.Context, tx *db.Tx, subject string) error {
	_, err := tx.Exec(ctx, `INSERT INTO login_failure (subject, failures, last_at) VALUES (?, 1, ?)
		ON CONFLICT (subject) DO UPDATE SET failures = login_failure.failures + 1, last_at = excluded.last_at`, subject, tx.Now())
	return err
}

func forget(ctx context.Context, tx *db.Tx, subjects []string) error {
	_, err := tx.Exec(ctx, `DELETE FROM login_failure WHERE subject IN (?)`, subjects)
	return err
}

func forgetOld(ctx context.Context, tx *db.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM login_failure WHERE last_at < ?`, before)
	return err
}

func insertToken(ctx context.Context, tx *db.Tx, t *Token) error {
	return db.Insert(ctx, tx, "api_token", t)
}

func tokensOf(ctx context.Context, q db.Queryer, personID string, now time.Time) ([]Token, error) {
	return db.Select[Token](ctx, q, `SELECT * FROM api_token WHERE person_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
		ORDER BY created_at DESC, id`, personID, now)
}

func tokenByHash(ctx context.Context, q db.Queryer, hash string) (Token, error) {
	return db.Get[Token](ctx, q, `SELECT * FROM api_token WHERE hash = ?`, hash)
}

func touchToken(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE api_token SET last_used_at = ? WHERE id = ?`, tx.Now(), id)
	return err
}

func revoke(ctx context.Context, tx *db.Tx, id, personID string) error {
	return tx.One(ctx, `UPDATE api_token SET revoked_at = ? WHERE id = ? AND person_id = ? AND revoked_at IS NULL`, tx.Now(), id, personID)
}

func revokeAll(ctx context.Context, tx *db.Tx, personID string) error {
	_, err := tx.Exec(ctx, `UPDATE api_token SET revoked_at = ? WHERE person_id = ? AND revoked_at IS NULL`, tx.Now(), personID)
	return err
}

type sessionRow struct {
	Token     string    `db:"token"`
	Data      []byte    `db:"data"`
	ExpiresAt time.Time `db:"expires_at"`
}

func session(ctx context.Context, q db.Queryer, key string, now time.Time) ([]byte, error) {
	row, err := db.Get[sessionRow](ctx, q, `SELECT token, data, expires_at FROM session WHERE token = ? AND expires_at > ?`, key, now)
	return row.Data, err
}

func sessionAt(ctx context.Context, q db.Queryer, key string) (sessionRow, error) {
	return db.Get[sessionRow](ctx, q, `SELECT token, data, expires_at FROM session WHERE token = ?`, key)
}

func saveSession(ctx context.Context, tx *db.Tx, row sessionRow) error {
	if _, err := tx.Exec(ctx, `DELETE FROM session WHERE expires_at <= ?`, tx.Now()); err != nil {
		return err
	}
	_, err := db.UpsertMany(ctx, tx, "session", []sessionRow{row}, []string{"token"}, []string{"data", "expires_at"})
	return err
}

func deleteSession(ctx context.Context, tx *db.Tx, key string) error {
	_, err := tx.Exec(ctx, `DELETE FROM session WHERE token = ?`, key)
	return err
}

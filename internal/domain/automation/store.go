package automation

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func lastRuns(ctx context.Context, q db.Queryer) ([]Last, error) {
	return db.Select[Last](ctx, q, `SELECT * FROM automation_flow`)
}

func saveLast(ctx context.Context, tx *db.Tx, l *Last) error {
	_, err := db.UpsertMany(ctx, tx, "automation_flow", []Last{*l}, []string{"flow"},
		[]string{"began_at", "ended_at", "looked", "changed", "unchanged", "refused", "failures", "message"})
	return err
}

// addDay adds to the sums of a day, and forgets the days that are too old when a
// day begins.
func addDay(ctx context.Context, tx *db.Tx, flow FlowID, on date.Date, runs int64, c Counts) error {
	made, err := db.UpsertMany(ctx, tx, "automation_day", []Day{{Flow: flow, On: on}}, []string{"flow", "day"}, nil)
	if err != nil {
		return err
	}
	if made > 0 {
		if _, err := tx.Exec(ctx, `DELETE FROM automation_day WHERE day < ?`, on.AddDays(-KeepDays)); err != nil {
			return err
		}
	}
	return tx.One(ctx, `UPDATE automation_day SET runs = runs + ?, looked = looked + ?, changed = changed + ?, unchanged = unchanged + ?, refused = refused + ?, failures = failures + ?
		WHERE flow = ? AND day = ?`, runs, c.Looked, c.Changed, c.Unchanged, c.Refused, c.Failures, flow, on)
}

func days(ctx context.Context, q db.Queryer, flow FlowID) ([]Day, error) {
	return db.Select[Day](ctx, q, `SELECT * FROM automation_day WHERE flow = ? ORDER BY day DESC`, flow)
}

// sums gives the sums of each flow from one day to before another.
func sums(ctx context.Context, q db.Queryer, from, to date.Date) ([]Day, error) {
	return db.Select[Day](ctx, q, `SELECT flow, CAST(sum(runs) AS bigint) AS runs, CAST(sum(looked) AS bigint) AS looked, CAST(sum(changed) AS bigint) AS changed,
		CAST(sum(unchanged) AS bigint) AS unchanged, CAST(sum(refused) AS bigint) AS refused, CAST(sum(failures) AS bigint) AS failures
		FROM automation_day WHERE day >= ? AND day < ? GROUP BY flow`, from, to)
}

// firstDay gives the first day of which anything is kept, "" for none.
func firstDay(ctx context.Context, q db.Queryer) (date.Date, error) {
	return db.Get[date.Date](ctx, q, `SELECT coalesce(min(day), '') FROM automation_day`)
}

func addTrouble(ctx context.Context, tx *db.Tx, t *Trouble) error {
	times := t.Times
	t.FirstAt, t.LastAt, t.Times = tx.Now(), tx.Now(), 0
	if _, err := db.UpsertMany(ctx, tx, "automation_error", []Trouble{*t}, []string{"flow", "subject", "message"}, nil); err != nil {
		return err
	}
	t.Times = times
	return tx.One(ctx, `UPDATE automation_error SET times = times + ?, last_at = ? WHERE flow = ? AND subject = ? AND message = ?`, times, tx.Now(), t.Flow, t.Subject, t.Message)
}

func pruneTroubles(ctx context.Context, tx *db.Tx, flow FlowID) error {
	_, err := tx.Exec(ctx, `DELETE FROM automation_error WHERE flow = ? AND last_at <
		(SELECT min(last_at) FROM (SELECT last_at FROM automation_error WHERE flow = ? ORDER BY last_at DESC LIMIT ?) AS kept)`, flow, flow, keepTroubles)
	return err
}

// troubles gives the errors of a flow since then, the latest first.
func troubles(ctx context.Context, q db.Queryer, flow FlowID, since time.Time, limit int) ([]Trouble, error) {
	return db.Select[Trouble](ctx, q, `SELECT * FROM automation_error WHERE flow = ? AND last_at >= ? ORDER BY last_at DESC, subject LIMIT ?`, flow, since, limit)
}

func switchEntries(ctx context.Context, q db.Queryer, subject, all string, limit int) ([]audit.Entry, error) {
	return db.Select[audit.Entry](ctx, q, `SELECT * FROM audit_entry WHERE subject IN (?, ?) AND action LIKE 'automation.%' ORDER BY seq DESC LIMIT ?`, subject, all, limit)
}

func switchedOf(e *audit.Entry) Switched {
	var d struct {
		Why string `json:"why"`
	}
	if json.Unmarshal([]byte(e.Detail), &d) != nil {
		d.Why = ""
	}
	return Switched{
		At: e.At, By: e.ActorName, On: e.Action == "automation.switch_on" || e.Action == "automation.resume",
		All: e.Action == "automation.pause" || e.Action == "automation.resume", Why: d.Why,
	}
}

// changesBetween gives the entries about rules and settings, oldest first.
func changesBetween(ctx context.Context, q db.Queryer, from, to time.Time, limit int) ([]audit.Entry, error) {
	return db.Select[audit.Entry](ctx, q, `SELECT * FROM audit_entry WHERE at >= ? AND at < ? AND (action LIKE 'setting.%' OR action LIKE 'automation.%' OR action LIKE 'mapping.%')
		ORDER BY seq LIMIT ?`, from, to, limit)
}

// insertDigest stores a digest unless its week has one.
func insertDigest(ctx context.Context, tx *db.Tx, d *Digest) (bool, error) {
	n, err := db.UpsertMany(ctx, tx, "automation_digest", []Digest{*d}, []string{"week"}, nil)
	return n > 0, err
}

const digestColumns = `week, from_on, to_on, made_at, content`

func latestDigest(ctx context.Context, q db.Queryer) (Digest, error) {
	return db.Get[Digest](ctx, q, `SELECT `+digestColumns+` FROM automation_digest ORDER BY to_on DESC LIMIT 1`)
}

func digestOf(ctx context.Context, q db.Queryer, week string) (Digest, error) {
	d, err := db.Get[Digest](ctx, q, `SELECT `+digestColumns+` FROM automation_digest WHERE week = ?`, week)
	if problem.Is(err, problem.KindNotFound) {
		return d, problem.NotFound("digest", week)
	}
	return d, err
}

func digests(ctx context.Context, q db.Queryer, limit int) ([]Digest, error) {
	return db.Select[Digest](ctx, q, `SELECT `+digestColumns+` FROM automation_digest ORDER BY to_on DESC LIMIT ?`, limit)
}

type readRow struct {
	Week   string    `db:"week"`
	UserID string    `db:"user_id"`
	ReadAt time.Time `db:"read_at"`
}

func markRead(ctx context.Context, tx *db.Tx, week, userID string) error {
	_, err := db.UpsertMany(ctx, tx, "automation_digest_read", []readRow{{week, userID, tx.Now()}}, []string{"week", "user_id"}, nil)
	return err
}

func hasRead(ctx context.Context, q db.Queryer, week, userID string) (bool, error) {
	n, err := db.Get[int64](ctx, q, `SELECT count(*) FROM automation_digest_read WHERE week = ? AND user_id = ?`, week, userID)
	return n > 0, err
}

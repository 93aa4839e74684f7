package approval

import (
	"context"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// columns gives a request with its deal as it is now, where the deal is ours.
const columns = `a.id, a.wish, a.action, a.subject, a.part, a.opportunity_id, a.cloud, a.title, a.details, a.arguments, a.why,
	coalesce(o.name, a.deal_name) AS deal_name, coalesce(o.account_name, a.account_name) AS account_name,
	CASE WHEN o.id IS NULL THEN a.currency ELSE o.currency END AS currency,
	CASE WHEN o.id IS NULL THEN a.amount_minor ELSE o.amount_minor END AS amount_minor,
	a.state, a.requested_by, a.requested_by_name, a.requested_kind, a.requested_at, a.decided_by, a.decided_by_name, a.decided_at,
	a.note, a.outcome, a.seen_at, a.created_at, a.updated_at, a.version
	FROM approval a LEFT JOIN opportunity o ON o.id = a.opportunity_id`

func byID(ctx context.Context, q db.Queryer, id string) (Request, error) {
	r, err := db.Get[Request](ctx, q, `SELECT `+columns+` WHERE a.id = ?`, id)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("approval", id)
	}
	return r, err
}

func pendingLike(ctx context.Context, q db.Queryer, r *Request) (Request, error) {
	return db.Get[Request](ctx, q, `SELECT `+columns+` WHERE a.state = 'pending' AND a.wish = ? AND a.action = ? AND a.subject = ? AND a.part = ? AND a.requested_by = ?`,
		r.Wish, r.Action, r.Subject, r.Part, r.RequestedBy)
}

func insert(ctx context.Context, tx *db.Tx, r *Request) error {
	r.Version, r.CreatedAt, r.UpdatedAt = 1, tx.Now(), tx.Now()
	return db.Insert(ctx, tx, "approval", r)
}

// update stores r if it is still pending and as it was read.
func update(ctx context.Context, tx *db.Tx, r *Request) error {
	r.Version, r.UpdatedAt = r.Version+1, tx.Now()
	err := db.Update(ctx, tx, "approval", r, `id = ? AND version = ? AND state = 'pending'`, r.ID, r.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("approval", r.ID)
	}
	return err
}

func see(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE approval SET seen_at = ?, version = version + 1 WHERE id = ? AND seen_at IS NULL`, tx.Now(), id)
	return err
}

// filter gives the conditions of a query on a, and their arguments.
func (by *Query) filter() (string, []any) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(s string, v ...any) { where, args = append(where, s), append(args, v...) }
	if len(by.States) > 0 {
		add("a.state IN (?)", by.States)
	}
	if by.RequestedBy != "" {
		add("a.requested_by = ?", by.RequestedBy)
	}
	if by.NotBy != "" {
		add("a.requested_by <> ?", by.NotBy)
	}
	if len(by.Subjects) > 0 {
		add("a.subject IN (?)", by.Subjects)
	}
	if by.OpportunityID != "" {
		add("a.opportunity_id = ?", by.OpportunityID)
	}
	if by.Unseen {
		add("a.seen_at IS NULL")
	}
	if by.After != "" && by.OldestFirst {
		add("a.id > ?", by.After)
	} else if by.After != "" {
		add("a.id < ?", by.After)
	}
	return strings.Join(where, " AND "), args
}

func list(ctx context.Context, q db.Queryer, by Query, limit int) ([]Request, error) {
	order := "a.id DESC"
	if by.OldestFirst {
		order = "a.id"
	}
	where, args := by.filter()
	return db.Select[Request](ctx, q, `SELECT `+columns+` WHERE `+where+` ORDER BY `+order+` LIMIT ?`, append(args, limit)...)
}

func count(ctx context.Context, q db.Queryer, by Query) (int64, error) {
	where, args := by.filter()
	return db.Get[int64](ctx, q, `SELECT count(*) FROM approval a WHERE `+where, args...)
}

// rivals counts the other open opportunities of an account that a cloud's portal
// has a registration of.
func rivals(ctx context.Context, q db.Queryer, opportunityID, accountCRMID string, c any) (int64, error) {
	if accountCRMID == "" {
		return 0, nil
	}
	return db.Get[int64](ctx, q, `SELECT count(*) FROM opportunity o JOIN registration r ON r.opportunity_id = o.id
		WHERE o.account_crm_id = ? AND o.id <> ? AND NOT o.closed AND NOT o.deleted AND r.cloud = ? AND r.remote_id <> ''
		AND r.state NOT IN ('rejected', 'launched', 'closed_lost')`, accountCRMID, opportunityID, c)
}

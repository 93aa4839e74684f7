package route

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func byID(ctx context.Context, q db.Queryer, conflictID string) (Conflict, error) {
	c, err := db.Get[Conflict](ctx, q, `SELECT * FROM route_conflict WHERE id = ?`, conflictID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("route conflict", conflictID)
	}
	return c, err
}

// lock gives a conflict that nobody else changes until the transaction ends.
func lock(ctx context.Context, tx *db.Tx, conflictID string) (Conflict, error) {
	if _, err := tx.Exec(ctx, `UPDATE route_conflict SET version = version WHERE id = ?`, conflictID); err != nil {
		return Conflict{}, err
	}
	return byID(ctx, tx, conflictID)
}

// lockOf gives the conflicts of opportunities, which nobody else changes until the
// transaction ends.
func lockOf(ctx context.Context, tx *db.Tx, ids []string) ([]Conflict, error) {
	n, err := tx.Exec(ctx, `UPDATE route_conflict SET version = version WHERE opportunity_id IN (?)`, ids)
	if err != nil || n == 0 {
		return nil, err
	}
	return ofDeals(ctx, tx, ids)
}

func ofDeals(ctx context.Context, q db.Queryer, ids []string) ([]Conflict, error) {
	return db.Select[Conflict](ctx, q, `SELECT * FROM route_conflict WHERE opportunity_id IN (?) ORDER BY opportunity_id, due_on, id`, ids)
}

// insert stores a conflict; made false says that the deal has one of the rule.
func insert(ctx context.Context, tx *db.Tx, c *Conflict) (made bool, err error) {
	c.Version, c.CreatedAt, c.UpdatedAt = 1, tx.Now(), tx.Now()
	n, err := db.UpsertMany(ctx, tx, "route_conflict", []Conflict{*c}, []string{"opportunity_id", "rule"}, nil)
	return n > 0, err
}

// update stores c if nobody changed the row since c was read.
func update(ctx context.Context, tx *db.Tx, c *Conflict) error {
	c.Version, c.UpdatedAt = c.Version+1, tx.Now()
	err := db.Update(ctx, tx, "route_conflict", c, `id = ? AND version = ?`, c.ID, c.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("route_conflict", c.ID)
	}
	return err
}

const ranked = `CASE c.state WHEN 'decided' THEN 1 WHEN 'ended' THEN 2 ELSE 0 END`

// page gives conflicts: those that wait first, by deadline.
func page(ctx context.Context, q db.Queryer, x Query, limit int) ([]Conflict, error) {
	text := `SELECT c.* FROM route_conflict c JOIN opportunity o ON o.id = c.opportunity_id WHERE NOT o.deleted`
	var args []any
	if len(x.States) > 0 {
		text, args = text+` AND c.state IN (?)`, append(args, x.States)
	}
	if len(x.Kinds) > 0 {
		text, args = text+` AND c.kind IN (?)`, append(args, x.Kinds)
	}
	if len(x.Owners) > 0 {
		text, args = text+` AND o.owner_crm_id IN (?)`, append(args, x.Owners)
	}
	for i, cl := range x.Clouds {
		text += map[bool]string{true: ` AND (`, false: ` OR `}[i == 0] + `c.clouds LIKE ?`
		args = append(args, "%,"+string(cl)+",%")
	}
	if len(x.Clouds) > 0 {
		text += `)`
	}
	if x.after.id != "" {
		text, args = text+` AND (`+ranked+`, c.due_on, c.id) > (?, ?, ?)`, append(args, x.after.rank, x.after.dueOn, x.after.id)
	}
	return db.Select[Conflict](ctx, q, text+` ORDER BY `+ranked+`, c.due_on, c.id LIMIT ?`, append(args, limit)...)
}

// Count is how many conflicts of a kind are in a state, and how many of these are
// past their deadline.
type Count struct {
	Kind  Kind  `db:"kind"`
	State State `db:"state"`
	Count int64 `db:"n"`
	Late  int64 `db:"late"`
}

func counts(ctx context.Context, q db.Queryer, today date.Date) ([]Count, error) {
	return db.Select[Count](ctx, q, `SELECT c.kind, c.state, count(*) AS n, sum(CASE WHEN c.state IN ('open', 'reopened') AND c.due_on < ? THEN 1 ELSE 0 END) AS late
		FROM route_conflict c JOIN opportunity o ON o.id = c.opportunity_id WHERE NOT o.deleted GROUP BY c.kind, c.state ORDER BY c.kind, c.state`, today)
}

// CountOpen says how many conflicts of the deals of one owner, "" for all, wait for a
// decision.
func CountOpen(ctx context.Context, q db.Queryer, ownerCRMID string) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM route_conflict c JOIN opportunity o ON o.id = c.opportunity_id
		WHERE NOT o.deleted AND c.state IN ('open', 'reopened') AND (? = '' OR o.owner_crm_id = ?)`, ownerCRMID, ownerCRMID)
}

// Undecided gives the conflicts of the deals of one owner, "" for all, that wait for
// a decision, by deadline.
func Undecided(ctx context.Context, q db.Queryer, ownerCRMID string, limit int) ([]Row, error) {
	list, err := db.Select[Conflict](ctx, q, `SELECT c.* FROM route_conflict c JOIN opportunity o ON o.id = c.opportunity_id
		WHERE NOT o.deleted AND c.state IN ('open', 'reopened') AND (? = '' OR o.owner_crm_id = ?) ORDER BY c.due_on, c.id LIMIT ?`, ownerCRMID, ownerCRMID, limit)
	if err != nil {
		return nil, err
	}
	return withDeals(ctx, q, list)
}

func addLine(ctx context.Context, tx *db.Tx, l *Line) error {
	return db.Insert(ctx, tx, "route_line", l)
}

// linesOf gives the history of a conflict, the newest first.
func linesOf(ctx context.Context, q db.Queryer, conflictID string) ([]Line, error) {
	return db.Select[Line](ctx, q, `SELECT * FROM route_line WHERE conflict_id = ? ORDER BY id DESC LIMIT 200`, conflictID)
}

type wonRow struct {
	ID           string    `db:"id"`
	AccountCRMID string    `db:"account_crm_id"`
	Name         string    `db:"name"`
	Partner      string    `db:"fulfillment_partner"`
	CloseOn      date.Date `db:"close_on"`
}

// wonDeals gives the won deals of accounts, the last won first.
func wonDeals(ctx context.Context, q db.Queryer, accounts []string) ([]wonRow, error) {
	return db.Select[wonRow](ctx, q, `SELECT id, account_crm_id, name, fulfillment_partner, close_on FROM opportunity
		WHERE account_crm_id IN (?) AND won AND NOT deleted ORDER BY close_on DESC, id DESC`, accounts)
}

func openDealsOf(ctx context.Context, q db.Queryer, accounts []string) ([]opportunity.Opportunity, error) {
	return db.Select[opportunity.Opportunity](ctx, q, `SELECT * FROM opportunity WHERE account_crm_id IN (?) AND NOT closed AND NOT deleted ORDER BY id`, accounts)
}

func dealsOf(ctx context.Context, q db.Queryer, ids []string) ([]opportunity.Opportunity, error) {
	return db.Select[opportunity.Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id IN (?)`, ids)
}

func dealsAfter(ctx context.Context, q db.Queryer, after string, limit int) ([]opportunity.Opportunity, error) {
	return db.Select[opportunity.Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
}

// crmIDOf gives the Salesforce id of a person, "" when there is none.
func crmIDOf(ctx context.Context, q db.Queryer, personID string) (string, error) {
	got, err := db.Get[string](ctx, q, `SELECT coalesce(crm_id, '') FROM person WHERE id = ?`, personID)
	if problem.Is(err, problem.KindNotFound) {
		return "", nil
	}
	return got, err
}

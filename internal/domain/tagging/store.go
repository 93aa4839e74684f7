package tagging

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type findingRow struct {
	OpportunityID string    `db:"opportunity_id"`
	Rule          string    `db:"rule"`
	FoundAt       time.Time `db:"found_at"`
}

// findingsOf gives what stands about opportunities, at most db.MaxIn of them.
func findingsOf(ctx context.Context, q db.Queryer, ids []string) ([]findingRow, error) {
	return db.Select[findingRow](ctx, q, `SELECT opportunity_id, rule, found_at FROM tagging_finding WHERE opportunity_id IN (?) ORDER BY opportunity_id, rule`, ids)
}

func addFinding(ctx context.Context, tx *db.Tx, opportunityID, rule string) error {
	_, err := tx.Exec(ctx, `INSERT INTO tagging_finding (opportunity_id, rule, found_at) VALUES (?, ?, ?)`, opportunityID, rule, tx.Now())
	return err
}

func removeFinding(ctx context.Context, tx *db.Tx, opportunityID, rule string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tagging_finding WHERE opportunity_id = ? AND rule = ?`, opportunityID, rule)
	return err
}

// page gives findings, the oldest first.
func page(ctx context.Context, q db.Queryer, x Query, limit int) ([]findingRow, error) {
	text := `SELECT f.opportunity_id, f.rule, f.found_at FROM tagging_finding f JOIN opportunity o ON o.id = f.opportunity_id WHERE NOT o.deleted`
	var args []any
	if len(x.Rules) > 0 {
		text, args = text+` AND f.rule IN (?)`, append(args, x.Rules)
	}
	if len(x.Owners) > 0 {
		text, args = text+` AND o.owner_crm_id IN (?)`, append(args, x.Owners)
	}
	if x.Open {
		text += ` AND NOT o.closed`
	}
	if !x.after.FoundAt.IsZero() {
		text, args = text+` AND (f.found_at, f.opportunity_id, f.rule) > (?, ?, ?)`, append(args, x.after.FoundAt, x.after.OpportunityID, x.after.Rule)
	}
	return db.Select[findingRow](ctx, q, text+` ORDER BY f.found_at, f.opportunity_id, f.rule LIMIT ?`, append(args, limit)...)
}

// RuleCount is how many deals a rule finds wrong.
type RuleCount struct {
	Rule  string `db:"rule"`
	Count int64  `db:"n"`
}

func countByRule(ctx context.Context, q db.Queryer) ([]RuleCount, error) {
	return db.Select[RuleCount](ctx, q, `SELECT f.rule, count(*) AS n FROM tagging_finding f JOIN opportunity o ON o.id = f.opportunity_id WHERE NOT o.deleted GROUP BY f.rule ORDER BY f.rule`)
}

func opportunitiesOf(ctx context.Context, q db.Queryer, ids []string) ([]opportunity.Opportunity, error) {
	return db.Select[opportunity.Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id IN (?)`, ids)
}

func opportunitiesAfter(ctx context.Context, q db.Queryer, after string, limit int) ([]opportunity.Opportunity, error) {
	return db.Select[opportunity.Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
}

type acceptedRow struct {
	OpportunityID string    `db:"opportunity_id"`
	Rule          string    `db:"rule"`
	Tags          string    `db:"tags"`
	Reason        string    `db:"reason"`
	By            string    `db:"accepted_by"`
	At            time.Time `db:"accepted_at"`
}

func acceptedOf(ctx context.Context, q db.Queryer, ids []string) ([]acceptedRow, error) {
	return db.Select[acceptedRow](ctx, q, `SELECT * FROM tagging_accepted WHERE opportunity_id IN (?)`, ids)
}

func saveAccepted(ctx context.Context, tx *db.Tx, a acceptedRow) error {
	_, err := tx.Exec(ctx, `INSERT INTO tagging_accepted (opportunity_id, rule, tags, reason, accepted_by, accepted_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (opportunity_id, rule) DO UPDATE SET tags = excluded.tags, reason = excluded.reason, accepted_by = excluded.accepted_by, accepted_at = excluded.accepted_at`,
		a.OpportunityID, a.Rule, a.Tags, a.Reason, a.By, a.At)
	return err
}

func deleteAccepted(ctx context.Context, tx *db.Tx, opportunityID, rule string) (bool, error) {
	n, err := tx.Exec(ctx, `DELETE FROM tagging_accepted WHERE opportunity_id = ? AND rule = ?`, opportunityID, rule)
	return n > 0, err
}

func saveCorrection(ctx context.Context, tx *db.Tx, c *Correction) error {
	_, err := tx.Exec(ctx, `INSERT INTO tagging_correction (id, opportunity_id, rule, title, steps, state, error, asked_by, asked_at, done_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.OpportunityID, c.Rule, c.Title, c.Steps, c.State, c.Error, c.AskedBy, c.AskedAt, c.DoneAt)
	return err
}

// endCorrection moves a pending correction on; done false says that it was none.
func endCorrection(ctx context.Context, tx *db.Tx, id string, s CorrectionState, message string) (done bool, err error) {
	n, err := tx.Exec(ctx, `UPDATE tagging_correction SET state = ?, error = ?, done_at = ? WHERE id = ? AND state = 'pending'`, s, message, tx.Now(), id)
	return n > 0, err
}

func pendingCorrections(ctx context.Context, q db.Queryer, limit int) ([]Correction, error) {
	return db.Select[Correction](ctx, q, `SELECT c.* FROM tagging_correction c JOIN opportunity o ON o.id = c.opportunity_id
		WHERE c.state = 'pending' AND NOT o.deleted ORDER BY c.asked_at, c.id LIMIT ?`, limit)
}

// CountPending says how many corrections Salesforce has not got yet. Those of deleted
// opportunities wait until these are back.
func CountPending(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM tagging_correction c JOIN opportunity o ON o.id = c.opportunity_id WHERE c.state = 'pending' AND NOT o.deleted`)
}

// latestCorrections gives the last correction of each rule of opportunities.
func latestCorrections(ctx context.Context, q db.Queryer, ids []string) ([]Correction, error) {
	return db.Select[Correction](ctx, q, `SELECT c.* FROM tagging_correction c WHERE c.opportunity_id IN (?)
		AND NOT EXISTS (SELECT 1 FROM tagging_correction n WHERE n.opportunity_id = c.opportunity_id AND n.rule = c.rule AND n.id > c.id) ORDER BY c.opportunity_id, c.rule`, ids)
}

func correctionByID(ctx context.Context, q db.Queryer, id string) (Correction, error) {
	return db.Get[Correction](ctx, q, `SELECT * FROM tagging_correction WHERE id = ?`, id)
}

type namedAccount struct {
	CRMID string `db:"crm_id"`
	Name  string `db:"name"`
}

// partnerAccounts gives the accounts that stand as partners, the most used first.
func partnerAccounts(ctx context.Context, q db.Queryer) ([]namedAccount, error) {
	return db.Select[namedAccount](ctx, q, `SELECT crm_id, name FROM (
		SELECT fulfillment_partner_crm_id AS crm_id, fulfillment_partner AS name FROM opportunity WHERE fulfillment_partner_crm_id <> '' AND NOT deleted
		UNION ALL SELECT dr_partner_crm_id, dr_partner FROM opportunity WHERE dr_partner_crm_id <> '' AND NOT deleted
		UNION ALL SELECT influence_partner_crm_id, influence_partner FROM opportunity WHERE influence_partner_crm_id <> '' AND NOT deleted) p
		GROUP BY crm_id, name ORDER BY count(*) DESC, crm_id LIMIT 200`)
}

// jointOf gives the clouds that opportunities are joint with.
func jointOf(ctx context.Context, q db.Queryer, ids []string) (map[string][]cloud.Cloud, error) {
	standing, err := opportunity.JointOf(ctx, q, ids)
	out := make(map[string][]cloud.Cloud, len(standing))
	for id, list := range standing {
		out[id] = opportunity.JointWith(list)
	}
	return out, err
}

// CountFindings counts what the rules find wrong.
func CountFindings(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM tagging_finding f JOIN opportunity o ON o.id = f.opportunity_id WHERE NOT o.deleted`)
}

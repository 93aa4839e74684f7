package attention

import (
	"context"
	"strings"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// parts are the refusals of each kind, each read through an index that holds
// nothing but refusals.
const parts = `SELECT 'registration' AS kind, r.id AS ref, '' AS path, r.id AS registration_id, r.opportunity_id, r.cloud, r.remote_id, r.error_code AS code, r.error AS text, 0 AS checked, r.state_at AS since, '' AS what, '' AS account_id
		FROM registration r WHERE r.state = 'failed'
	UNION ALL SELECT 'field', f.registration_id, f.path, r.id, r.opportunity_id, r.cloud, r.remote_id, CASE WHEN f.by_portal THEN r.error_code ELSE 'check' END, f.reason, CASE WHEN f.by_portal THEN 0 ELSE 1 END, f.since, '', ''
		FROM registration_field f JOIN registration r ON r.id = f.registration_id WHERE f.status = 'refused' AND NOT f.final
	UNION ALL SELECT 'record', r.id, '', r.id, r.opportunity_id, r.cloud, r.remote_id, '', r.crm_error, 0, r.updated_at, '', ''
		FROM registration r WHERE r.crm_error <> ''
	UNION ALL SELECT 'edit', e.registration_id, e.path, r.id, r.opportunity_id, r.cloud, r.remote_id, '', e.crm_error, 0, e.edited_at, '', ''
		FROM registration_edit e JOIN registration r ON r.id = e.registration_id WHERE e.crm_state = 'refused'
	UNION ALL SELECT 'activity', a.id, '', '', a.opportunity_id, a.cloud, '', '', a.crm_error, 0, coalesce(a.updated_at, a.happened_at), a.subject, a.account_id
		FROM activity a WHERE a.crm_state = 'failed'
	UNION ALL SELECT 'claim', r.id, '', r.id, r.opportunity_id, r.cloud, r.remote_id, 'elsewhere', r.reason, 0, r.state_at, '', ''
		FROM registration r WHERE r.state = 'elsewhere'
	UNION ALL SELECT 'claim', r.id, c.crm_id, r.id, r.opportunity_id, r.cloud, r.remote_id, 'registered_twice', c.tool || ' says that the deal is ' || c.remote_id || ', and Tandem follows ' || r.remote_id, 0, c.crm_modstamp, '', ''
		FROM registration_claim c JOIN opportunity d ON d.crm_id = c.opportunity_crm_id JOIN registration r ON r.opportunity_id = d.id AND r.cloud = c.cloud
		WHERE NOT c.deleted AND c.remote_id <> '' AND r.remote_id <> '' AND c.remote_id <> r.remote_id AND r.claim_choice <> 'ours' AND r.claim_choice <> r.remote_id
	UNION ALL SELECT 'deleted', r.id, '', r.id, r.opportunity_id, r.cloud, r.remote_id, CASE WHEN d.purged THEN 'purged' ELSE 'deleted' END, '', 0, d.updated_at, '', ''
		FROM opportunity d JOIN registration r ON r.opportunity_id = d.id WHERE d.deleted AND r.remote_id <> '' AND r.state NOT IN ('launched', 'closed_lost')
	UNION ALL SELECT 'activity', a.id, '', '', a.opportunity_id, a.cloud, '', 'changed_on_both_sides', a.crm_error, 0, coalesce(a.updated_at, a.happened_at), a.subject, a.account_id
		FROM activity a WHERE a.crm_state = 'conflict'
	UNION ALL SELECT 'tags', t.id, '', '', t.opportunity_id, '', '', '', t.error, 0, coalesce(t.done_at, t.asked_at), t.title, ''
		FROM tagging_correction t JOIN tagging_finding f ON f.opportunity_id = t.opportunity_id AND f.rule = t.rule WHERE t.state = 'refused'
		AND NOT EXISTS (SELECT 1 FROM tagging_correction n WHERE n.opportunity_id = t.opportunity_id AND n.rule = t.rule AND n.id > t.id)`

// places are the deals of refusals, or the accounts where there is no deal.
const places = ` LEFT JOIN opportunity o ON o.id = x.opportunity_id LEFT JOIN account c ON c.id = x.account_id`

// placed leaves out what belongs to a deleted record: that waits until it is back.
const placed = `(x.kind = 'deleted' OR NOT coalesce(o.deleted, c.deleted, true))`

const itemColumns = `x.kind, x.ref, x.path, x.registration_id, x.opportunity_id, x.account_id, x.what, coalesce(o.name, c.name) AS name, coalesce(o.account_name, '') AS account_name,
	coalesce(o.owner_name, c.owner_name) AS owner_name, x.cloud, x.remote_id, x.code, x.text, x.checked = 1 AS by_check, x.since`

func inbox(ctx context.Context, q db.Queryer, query Query, after *place, limit int) ([]Item, error) {
	cond, args := []string{placed}, []any{}
	add := func(n int, text string, list ...any) {
		if n > 0 {
			cond, args = append(cond, text), append(args, list...)
		}
	}
	add(len(query.Clouds), `x.cloud IN (?)`, query.Clouds)
	add(len(query.Kinds), `x.kind IN (?)`, query.Kinds)
	add(len(query.Opportunities), `o.id IN (?)`, query.Opportunities)
	add(len(query.Owners), `coalesce(o.owner_crm_id, c.owner_crm_id) IN (?)`, query.Owners)
	if len(query.Codes) > 0 {
		// Salesforce's codes stand in its text.
		text, list := []string{`x.code IN (?)`}, []any{query.Codes}
		for _, c := range query.Codes {
			text, list = append(text, `x.code = '' AND x.text LIKE ? ESCAPE '\'`), append(list, db.Contains(c))
		}
		add(1, `(`+strings.Join(text, ` OR `)+`)`, list...)
	}
	if after != nil {
		add(1, `(x.since, x.kind, x.ref, x.path) > (?, ?, ?, ?)`, after.since, after.kind, after.ref, after.path)
	}
	return db.Select[Item](ctx, q, `SELECT `+itemColumns+` FROM (`+parts+`) x`+places+`
		WHERE `+strings.Join(cond, ` AND `)+` ORDER BY x.since, x.kind, x.ref, x.path LIMIT ?`, append(args, limit)...)
}

func one(ctx context.Context, q db.Queryer, k Kind, ref, path string) (Item, error) {
	return db.Get[Item](ctx, q, `SELECT `+itemColumns+` FROM (`+parts+`) x`+places+`
		WHERE `+placed+` AND x.kind = ? AND x.ref = ? AND x.path = ?`, k, ref, path)
}

func count(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM (`+parts+`) x`+places+` WHERE `+placed)
}

func groups(ctx context.Context, q db.Queryer) ([]Group, error) {
	return db.Select[Group](ctx, q, `SELECT x.kind, x.code, count(*) AS n FROM (`+parts+`) x`+places+`
		WHERE `+placed+` GROUP BY x.kind, x.code ORDER BY 3 DESC, 1, 2`)
}

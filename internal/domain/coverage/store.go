package coverage

import (
	"context"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// openStages gives the stages that open deals are in.
func openStages(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT DISTINCT stage FROM opportunity WHERE closed = false AND deleted = false ORDER BY stage LIMIT 500`)
}

// fresh says which set of the registered ones a registration is in.
const fresh = `CASE WHEN r.conflicts > 0 THEN 'conflict' WHEN r.refused > 0 THEN 'refused' WHEN r.held > 0 THEN 'locked' WHEN r.outgoing > 0 THEN 'outgoing' ELSE 'current' END`

// deals gives the statement's part FROM … WHERE … over aliases j (joint since when),
// o and r (NULL when there is none), with its arguments: the open deals that are
// joint and to be registered, and those that are registered all the same. The rows
// of registrations are long, and SQLite would look each up by its key: the LIMIT
// keeps it from that, so that it reads them all from the index registration_standing.
func (a *asked) deals() (string, []any) {
	states := registeredStates()
	args := []any{states, states}
	var rule []string
	for _, c := range cloud.All() {
		rule = append(rule, `j.cloud = ? AND o.stage NOT IN (?)`)
		args = append(args, c, a.excluded[c])
	}
	text := ` FROM (SELECT opportunity_id, cloud, decided_at FROM opportunity_cloud WHERE joint
			UNION ALL SELECT x.opportunity_id, x.cloud, x.created_at FROM registration x WHERE x.state IN (?)
				AND NOT EXISTS (SELECT 1 FROM opportunity_cloud y WHERE y.opportunity_id = x.opportunity_id AND y.cloud = x.cloud AND y.joint)) j
		JOIN opportunity o ON o.id = j.opportunity_id
		LEFT JOIN (SELECT opportunity_id, cloud, state, conflicts, refused, held, outgoing, stale_since, remote_read_at FROM registration LIMIT 1000000000) r ON r.opportunity_id = j.opportunity_id AND r.cloud = j.cloud
		WHERE o.closed = false AND o.deleted = false AND (coalesce(r.state, '') IN (?) OR ` + strings.Join(rule, ` OR `) + `)`
	add := func(column string, n int, list any) {
		if n > 0 {
			text, args = text+` AND `+column+` IN (?)`, append(args, list)
		}
	}
	add(`j.cloud`, len(a.scope.Clouds), a.scope.Clouds)
	add(`o.region`, len(a.scope.Regions), a.scope.Regions)
	add(`o.owner_crm_id`, len(a.scope.Owners), a.scope.Owners)
	return text, args
}

// groupRow is deals that are alike in all that counts.
type groupRow struct {
	Cloud      cloud.Cloud        `db:"cloud"`
	Region     string             `db:"region"`
	OwnerCRMID string             `db:"owner_crm_id"`
	State      registration.State `db:"state"`
	Fresh      What               `db:"fresh"`
	LateJoint  bool               `db:"late_joint"`
	LateChange bool               `db:"late_change"`
	OwnerName  string             `db:"owner_name"`
	Count      int64              `db:"n"`
	OldestRead time.Time          `db:"oldest_read"`
}

// groups counts the deals, those together that are alike: thousands of rows, where
// there are a hundred thousand deals.
func groups(ctx context.Context, q db.Queryer, a *asked) ([]groupRow, error) {
	from, args := a.deals()
	return db.Select[groupRow](ctx, q, `SELECT j.cloud, o.region, o.owner_crm_id, coalesce(r.state, '') AS state, `+fresh+` AS fresh,
		j.decided_at < ? AS late_joint, coalesce(r.stale_since < ?, false) AS late_change, max(o.owner_name) AS owner_name, count(*) AS n,
		min(r.remote_read_at) AS oldest_read`+from+`
		GROUP BY 1, 2, 3, 4, 5, 6, 7`, append([]any{a.jointBefore, a.changedBefore}, args...)...)
}

// within gives the condition that a deal is in a set, with its arguments.
func (a *asked) within(w What) (string, []any) {
	states := registeredStates()
	const in, out = `coalesce(r.state, '') IN (?)`, `coalesce(r.state, '') NOT IN (?)`
	switch w {
	case WhatJoint:
		return `1 = 1`, nil
	case WhatRegistered:
		return in, []any{states}
	case WhatBlocked:
		return `r.state IN (?)`, []any{[]registration.State{registration.StateBlocked, registration.StateOffRoute}}
	case WhatFailed:
		return `r.state = ?`, []any{registration.StateFailed}
	case WhatWaiting:
		return out, []any{append(states, registration.StateBlocked, registration.StateOffRoute, registration.StateFailed)}
	case WhatUnregistered:
		return out, []any{states}
	case WhatLateRegister:
		return out + ` AND j.decided_at < ?`, []any{states, a.jointBefore}
	case WhatCurrent, WhatOutgoing, WhatLocked, WhatConflict, WhatRefused:
		return in + ` AND ` + fresh + ` = ?`, []any{states, string(w)}
	case WhatLateUpdate:
		return in + ` AND r.stale_since < ?`, []any{states, a.changedBefore}
	}
	return `r.state IN ('blocked', 'off_route', 'failed') OR ` + out + ` AND j.decided_at < ? OR ` + in + ` AND (r.conflicts > 0 OR r.refused > 0 OR r.stale_since < ?)`,
		[]any{states, a.jointBefore, states, a.changedBefore}
}

// since is from when on a deal is as it is: joint and not registered, not up to
// date, or when it was read last.
const since = `CASE WHEN coalesce(r.state, '') NOT IN (?) THEN j.decided_at ELSE coalesce(r.stale_since, r.remote_read_at, j.decided_at) END`

// page lists the deals of a set, those that are so for longest first, after the
// place given.
func page(ctx context.Context, q db.Queryer, a *asked, w What, after *place, limit int) ([]Deal, error) {
	from, args := a.deals()
	condition, more := a.within(w)
	states := registeredStates()
	args = append(append([]any{states}, args...), more...)
	from += ` AND (` + condition + `)`
	if after != nil {
		from += ` AND (` + since + `, j.opportunity_id, j.cloud) > (?, ?, ?)`
		args = append(args, states, after.since, after.id, after.cloud)
	}
	// The ids of the page first, from the index; then what is shown of them.
	rows, err := db.Select[Deal](ctx, q, `SELECT k.since, k.joint_at, k.cloud, o.id, o.crm_id, o.name, o.account_name, o.stage, o.region, o.owner_crm_id, o.owner_name,
			o.crm_created_at, o.close_on, o.currency, o.amount_minor, coalesce(g.id, '') AS registration_id, coalesce(g.state, '') AS state,
			coalesce(g.remote_id, '') AS remote_id, coalesce(g.reason, '') AS reason, coalesce(g.error, '') AS error, coalesce(g.error_code, '') AS error_code,
			coalesce(g.findings, '[]') AS findings, coalesce(g.conflicts, 0) AS conflicts, coalesce(g.refused, 0) AS refused, coalesce(g.held, 0) AS held,
			coalesce(g.outgoing, 0) AS outgoing, g.stale_since, g.remote_read_at
		FROM (SELECT j.opportunity_id, j.cloud, j.decided_at AS joint_at, `+since+` AS since`+from+` ORDER BY 4, 1, 2 LIMIT ?) k
		JOIN opportunity o ON o.id = k.opportunity_id
		LEFT JOIN registration g ON g.opportunity_id = k.opportunity_id AND g.cloud = k.cloud
		ORDER BY k.since, k.opportunity_id, k.cloud`, append(args, limit)...)
	return rows, err
}

// openField is a field that keeps a registration from being up to date.
type openField struct {
	RegistrationID string                   `db:"registration_id"`
	Path           string                   `db:"path"`
	Status         registration.FieldStatus `db:"status"`
	Reason         string                   `db:"reason"`
	Until          string                   `db:"until"`
}

func fieldsOf(ctx context.Context, q db.Queryer, ids []string) (map[string][]openField, error) {
	out := map[string][]openField{}
	rows, err := db.Select[openField](ctx, q, `SELECT registration_id, path, status, reason, until FROM registration_field
		WHERE registration_id IN (?) AND NOT final ORDER BY registration_id, since, path`, ids)
	for _, f := range rows {
		out[f.RegistrationID] = append(out[f.RegistrationID], f)
	}
	return out, err
}

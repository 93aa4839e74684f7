package workspace

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

const rowColumns = `o.id, o.crm_id, o.name, o.name_key, o.account_id, o.account_name, o.stage, o.closed, o.won, o.close_on, o.currency, o.amount_minor,
	o.order_type, o.segment, o.geo, o.region, o.owner_crm_id, o.owner_name, o.crm_modstamp`

// where gathers conditions and their arguments.
type where struct {
	cond []string
	args []any
}

func (w *where) add(cond string, args ...any) {
	w.cond, w.args = append(w.cond, cond), append(w.args, args...)
}

func (w *where) in(column string, values []string) {
	if len(values) > 0 {
		w.add(column+` IN (?)`, values)
	}
}

// oneOf is for more values than one IN takes; none of none.
func (w *where) oneOf(cond string, values []string) {
	conds, args := []string{cond}, []any{[]string{}}
	for some := range slices.Chunk(values, db.MaxIn) {
		conds, args = append(conds, cond), append(args, some)
	}
	w.add(`(`+strings.Join(conds, ` OR `)+`)`, args...)
}

func (w *where) sql() string { return ` WHERE ` + strings.Join(w.cond, ` AND `) }

// way is how the opportunities of a query are found.
type way int

const (
	// anyWay leaves it to the database.
	anyWay way = iota
	// walk reads in the order of the sort until the page is full: right when many
	// match, because then the next ones are near.
	walk
	// gather collects the few that match, from the smallest set that is known.
	gather
)

// filter turns the query into conditions on opportunity o.
func filter(q Query, by way) *where {
	w := &where{}
	w.add(`NOT o.deleted`)
	if q.named {
		w.oneOf(`o.id IN (?)`, q.ids)
	} else if key := textkey.Of(q.Text); key != "" {
		w.add(`(o.name_key LIKE ? ESCAPE '\' OR o.account_crm_id IN (SELECT a.crm_id FROM account a WHERE a.name_key LIKE ? ESCAPE '\'))`, db.Contains(key), db.Contains(key))
	}
	if by != gather { // from says it
		standingFilter(w, q, by)
	}
	w.facet(`o.stage`, q.Stages, by == walk && q.Sort != SortStage)
	w.facet(`o.owner_crm_id`, q.Owners, by == walk)
	w.in(`o.geo`, q.Geos)
	w.in(`o.region`, q.Regions)
	w.in(`o.segment`, q.Segments)
	w.in(`o.order_type`, q.Orders)
	if len(q.Accounts) > 0 {
		w.add(`(o.account_id IN (?) OR o.account_crm_id IN (?))`, q.Accounts, q.Accounts)
	}
	// Deals that close first are closed ones: an open one is found only by the
	// index that has them apart.
	byClose := by == walk && (q.Sort == SortClose || q.Sort == "")
	switch q.Open {
	case "open":
		w.either(byClose, `o.closed = false`, `NOT o.closed`)
	case "closed":
		w.either(byClose, `o.closed = true`, `o.closed`)
	case "won": // and closed, as the CRM has it
		w.either(byClose, `o.closed = true AND o.won`, `o.won`)
	}
	aside := ``
	if by == walk && !byClose {
		aside = orNever
	}
	if !q.CloseFrom.IsZero() {
		w.add(`(o.close_on >= ?`+aside+`)`, q.CloseFrom)
	}
	if !q.CloseTo.IsZero() {
		w.add(`(o.close_on <= ?`+aside+`)`, q.CloseTo)
	}
	return w
}

// named finds what the query's text names, when that is few by name and few by account: then the rest of the
// query looks at these alone. The names are read from their own index, which is a
// fifth of the table, in place of once for the count and once for the page.
func named(ctx context.Context, d *db.DB, q Query, few int64) (Query, error) {
	key := textkey.Of(q.Text)
	if key == "" || q.named {
		return q, nil
	}
	ids, err := db.Select[string](ctx, d, `SELECT o.id FROM opportunity o WHERE NOT o.deleted AND o.name_key LIKE ? ESCAPE '\' ORDER BY o.name_key, o.id LIMIT ?`, db.Contains(key), few+1)
	if err != nil || int64(len(ids)) > few {
		return q, err
	}
	of, err := db.Select[string](ctx, d, `SELECT o.id FROM account a CROSS JOIN opportunity o WHERE o.account_crm_id = a.crm_id AND NOT o.deleted AND a.name_key LIKE ? ESCAPE '\' LIMIT ?`, db.Contains(key), few+1)
	if err != nil || int64(len(of)) > few {
		return q, err
	}
	q.ids, q.named = append(ids, of...), true
	return q, nil
}

// orNever makes a condition one that no index answers, so that the planner walks
// in the order of the sort: it knows nothing of how near the next match is, and
// would sort ten thousand deals of a stage to give fifty. A deleted opportunity
// is in no list.
const orNever = ` OR o.deleted`

func (w *where) facet(column string, values []string, aside bool) {
	switch {
	case len(values) == 0:
	case aside:
		w.add(`(`+column+` IN (?)`+orNever+`)`, values)
	default:
		w.in(column, values)
	}
}

func (w *where) either(first bool, one, other string) {
	if first {
		w.add(one)
		return
	}
	w.add(other)
}

// standingFilter asks of each opportunity how it stands with the clouds: by a
// look at its own rows on a walk, else by the set of all that stand so.
func standingFilter(w *where, q Query, by way) {
	registrations := len(q.States) > 0
	switch {
	case !registrations && len(q.Clouds) == 0:
	case slices.Contains(q.States, StateNone):
		w.states(q)
	case registrations && by == walk && len(q.Clouds) > 0:
		w.add(`(SELECT count(*) FROM registration r WHERE r.opportunity_id = o.id AND r.state IN (?) AND r.cloud IN (?)) > 0`, q.States, q.Clouds)
	case registrations && by == walk:
		w.add(`(SELECT count(*) FROM registration r WHERE r.opportunity_id = o.id AND r.state IN (?)) > 0`, q.States)
	case registrations && len(q.Clouds) > 0:
		w.add(`o.id IN (SELECT r.opportunity_id FROM registration r WHERE r.state IN (?) AND r.cloud IN (?))`, q.States, q.Clouds)
	case registrations:
		w.add(`o.id IN (SELECT r.opportunity_id FROM registration r WHERE r.state IN (?))`, q.States)
	case by == walk:
		w.add(`(SELECT count(*) FROM opportunity_cloud c WHERE c.opportunity_id = o.id AND c.joint AND c.cloud IN (?)) > 0`, q.Clouds)
	default:
		w.add(`o.id IN (SELECT c.opportunity_id FROM opportunity_cloud c WHERE c.joint AND c.cloud IN (?))`, q.Clouds)
	}
}

// gathered gives FROM and WHERE that find the query's opportunities as o, each of
// them once. Of one cloud an opportunity has one row at most; of several it may
// have more, so that the set has to be made first.
func gathered(q Query) (text string, args []any) {
	w := filter(q, gather)
	from := `opportunity o`
	switch {
	case slices.Contains(q.States, StateNone):
		standingFilter(w, q, gather)
	case len(q.States) > 0 && len(q.Clouds) == 1:
		from = `registration r CROSS JOIN opportunity o`
		w.add(`o.id = r.opportunity_id AND r.state IN (?) AND r.cloud = ?`, q.States, q.Clouds[0])
	case len(q.Clouds) == 1:
		from = `opportunity_cloud c CROSS JOIN opportunity o`
		w.add(`o.id = c.opportunity_id AND c.joint AND c.cloud = ?`, q.Clouds[0])
	default:
		standingFilter(w, q, gather)
	}
	return ` FROM ` + from + w.sql(), w.args
}

// states adds the filter on the states of registrations; StateNone finds what is
// joint with a cloud and has no registration there.
func (w *where) states(q Query) {
	clouds := q.Clouds
	if len(clouds) == 0 {
		clouds = cloud.All()
	}
	var cond []string
	var args []any
	if real := slices.DeleteFunc(slices.Clone(q.States), func(s registration.State) bool { return s == StateNone }); len(real) > 0 {
		cond = append(cond, `o.id IN (SELECT r.opportunity_id FROM registration r WHERE r.state IN (?) AND r.cloud IN (?))`)
		args = append(args, real, clouds)
	}
	if slices.Contains(q.States, StateNone) {
		cond = append(cond, `o.id IN (SELECT c.opportunity_id FROM opportunity_cloud c WHERE c.joint AND c.cloud IN (?)
			AND NOT EXISTS (SELECT 1 FROM registration r WHERE r.opportunity_id = c.opportunity_id AND r.cloud = c.cloud))`)
		args = append(args, clouds)
	}
	w.add(`(`+strings.Join(cond, ` OR `)+`)`, args...)
}

// order gives the columns of a sort, each of them text but for the amount.
func order(s Sort) []string {
	switch s {
	case SortName:
		return []string{`o.name_key`}
	case SortAccount:
		return []string{`o.account_name`}
	case SortStage:
		return []string{`o.stage`, `o.close_on`}
	case SortOwner:
		return []string{`o.owner_name`}
	case SortAmount:
		return []string{`o.currency`, `coalesce(o.amount_minor, 0)`}
	case SortUpdated:
		return []string{`o.crm_modstamp`}
	}
	return []string{`o.close_on`}
}

const cursorTime = time.RFC3339Nano

func sortValue(s Sort, r *Row) string {
	switch s {
	case SortName:
		return r.NameKey
	case SortAccount:
		return r.AccountName
	case SortStage:
		return r.Stage + "\n" + string(r.CloseOn)
	case SortOwner:
		return r.OwnerName
	case SortAmount:
		var minor int64
		if r.AmountMinor != nil {
			minor = *r.AmountMinor
		}
		return r.Currency + "\n" + strconv.FormatInt(minor, 10)
	case SortUpdated:
		return r.CRMModstamp.UTC().Format(cursorTime)
	}
	return string(r.CloseOn)
}

// sortArgs reads what sortValue wrote, as arguments for the sort's columns.
func sortArgs(s Sort, value string) ([]any, error) {
	// The CRM's words can hold a line break, the second value can't.
	i := strings.LastIndexByte(value, '\n')
	first, second := value[:max(i, 0)], value[i+1:]
	switch s {
	case SortStage:
		d, err := date.Parse(second)
		return []any{first, d}, err
	case SortAmount:
		minor, err := strconv.ParseInt(second, 10, 64)
		return []any{first, minor}, err
	case SortUpdated:
		t, err := time.Parse(cursorTime, value)
		return []any{t}, err
	case SortClose:
		d, err := date.Parse(value)
		return []any{d}, err
	}
	return []any{value}, nil
}

// ordered adds the place where the page begins to w and gives the order.
func ordered(w *where, q Query) (string, error) {
	columns := append(order(q.Sort), `o.id`)
	if q.After != "" {
		args, err := parseCursor(q.Sort, q.After)
		if err != nil {
			return "", err
		}
		op := ` > `
		if q.Desc {
			op = ` < `
		}
		w.add(`(`+strings.Join(columns, `, `)+`)`+op+`(?`+strings.Repeat(`, ?`, len(args)-1)+`)`, args...)
	}
	way := ``
	if q.Desc {
		way = ` DESC`
	}
	return ` ORDER BY ` + strings.Join(columns, way+`, `) + way, nil
}

// CountedTo is how far List counts. Up to so many opportunities are gathered and
// sorted. Where more match, a walk of a hundred thousand finds a page of fifty
// among some 2,500.
const CountedTo = 2_000

// page gives the rows of a page: by a walk, or by gathering what is found, which
// must be CountedTo at most.
func page(ctx context.Context, d *db.DB, q Query, limit int, by way) ([]Row, error) {
	if by == walk {
		w := filter(q, walk)
		tail, err := ordered(w, q)
		if err != nil {
			return nil, err
		}
		return db.Select[Row](ctx, d, `SELECT `+rowColumns+` FROM opportunity o`+w.sql()+tail+` LIMIT ?`, append(w.args, limit)...)
	}
	set, args := gathered(q)
	w := &where{}
	w.add(`o.id IN (SELECT n.id FROM (SELECT o.id`+set+` LIMIT ?) n)`, append(args, CountedTo+1)...)
	tail, err := ordered(w, q)
	if err != nil {
		return nil, err
	}
	return db.Select[Row](ctx, d, `SELECT `+rowColumns+` FROM opportunity o`+w.sql()+tail+` LIMIT ?`, append(w.args, limit)...)
}

func count(ctx context.Context, d *db.DB, q Query, limit int) (int64, error) {
	set, args := gathered(q)
	return db.Get[int64](ctx, d, `SELECT count(*) FROM (SELECT 1`+set+` LIMIT ?) n`, append(args, limit)...)
}

type standing struct {
	OpportunityID string             `db:"opportunity_id"`
	Cloud         cloud.Cloud        `db:"cloud"`
	State         registration.State `db:"state"`
	Blocking      int64              `db:"blocking"`
	RemoteID      string             `db:"remote_id"`
}

func standings(ctx context.Context, d *db.DB, ids []string) (map[string][]standing, error) {
	rows, err := db.Select[standing](ctx, d, `SELECT opportunity_id, cloud, state, blocking, remote_id FROM registration WHERE opportunity_id IN (?)`, ids)
	out := map[string][]standing{}
	for _, r := range rows {
		out[r.OpportunityID] = append(out[r.OpportunityID], r)
	}
	return out, err
}

type laneSum struct {
	Lane     string `db:"lane"`
	Currency string `db:"currency"`
	Count    int64  `db:"n"`
	Minor    int64  `db:"minor"`
}

func laneSums(ctx context.Context, d *db.DB, q Query, by Group, c cloud.Cloud) ([]laneSum, error) {
	w := filter(q, anyWay)
	if by == GroupStage {
		return db.Select[laneSum](ctx, d, `SELECT o.stage AS lane, o.currency, count(*) AS n, cast(coalesce(sum(o.amount_minor), 0) AS bigint) AS minor
			FROM opportunity o`+w.sql()+` GROUP BY o.stage, o.currency ORDER BY o.stage, o.currency`, w.args...)
	}
	return db.Select[laneSum](ctx, d, `SELECT coalesce(g.state, '') AS lane, o.currency, count(*) AS n, cast(coalesce(sum(o.amount_minor), 0) AS bigint) AS minor
		FROM opportunity o LEFT JOIN registration g ON g.opportunity_id = o.id AND g.cloud = ?`+w.sql()+`
		GROUP BY coalesce(g.state, ''), o.currency ORDER BY 1, 2`, append([]any{c}, w.args...)...)
}

func laneRows(ctx context.Context, d *db.DB, q Query, by Group, c cloud.Cloud, lane string, limit int) ([]Row, error) {
	w := filter(q, anyWay)
	q.After = ""
	tail, err := ordered(w, q)
	if err != nil {
		return nil, err
	}
	if by == GroupStage {
		w.add(`o.stage = ?`, lane)
		return db.Select[Row](ctx, d, `SELECT `+rowColumns+` FROM opportunity o`+w.sql()+tail+` LIMIT ?`, append(w.args, limit)...)
	}
	w.add(`coalesce(g.state, '') = ?`, lane)
	return db.Select[Row](ctx, d, `SELECT `+rowColumns+` FROM opportunity o LEFT JOIN registration g ON g.opportunity_id = o.id AND g.cloud = ?`+w.sql()+tail+` LIMIT ?`,
		append(append([]any{c}, w.args...), limit)...)
}

func choices(ctx context.Context, d *db.DB) (Choices, error) {
	var c Choices
	for _, x := range []struct {
		query string
		dst   *[]string
	}{
		{`SELECT DISTINCT stage FROM opportunity WHERE stage <> '' ORDER BY stage LIMIT 100`, &c.Stages},
		{`SELECT DISTINCT geo FROM opportunity WHERE geo <> '' ORDER BY geo LIMIT 100`, &c.Geos},
		{`SELECT DISTINCT region FROM opportunity WHERE region <> '' ORDER BY region LIMIT 100`, &c.Regions},
		{`SELECT DISTINCT segment FROM opportunity WHERE segment <> '' ORDER BY segment LIMIT 100`, &c.Segments},
		{`SELECT DISTINCT order_type FROM opportunity WHERE order_type <> '' ORDER BY order_type LIMIT 100`, &c.Orders},
	} {
		list, err := db.Select[string](ctx, d, x.query)
		if err != nil {
			return c, err
		}
		*x.dst = list
	}
	owners, err := db.Select[Choice](ctx, d, `SELECT p.crm_id AS value, p.name AS label FROM person p WHERE p.crm_id IS NOT NULL
		AND p.crm_id IN (SELECT o.owner_crm_id FROM opportunity o) ORDER BY p.name_key LIMIT 500`)
	c.Owners = owners
	return c, err
}

func search(ctx context.Context, d *db.DB, text string, limit int) ([]Hit, error) {
	key := textkey.Of(text)
	if key == "" { // nothing but accents and control characters
		return []Hit{}, nil
	}
	like := db.Contains(key)
	return db.Select[Hit](ctx, d, `SELECT * FROM (
		SELECT 'opportunity' AS kind, o.id, o.name AS title, o.account_name AS detail FROM opportunity o
			WHERE NOT o.deleted AND (o.crm_id = ? OR o.id = ? OR o.id IN (SELECT r.opportunity_id FROM registration r WHERE r.remote_id = ?)) LIMIT ?) a
		UNION ALL SELECT * FROM (
		SELECT 'opportunity' AS kind, o.id, o.name AS title, o.account_name AS detail FROM opportunity o
			WHERE NOT o.deleted AND o.name_key LIKE ? ESCAPE '\' ORDER BY o.name_key LIMIT ?) b
		UNION ALL SELECT * FROM (
		SELECT 'account' AS kind, a.id, a.name AS title, a.country AS detail FROM account a
			WHERE NOT a.deleted AND a.name_key LIKE ? ESCAPE '\' ORDER BY a.name_key LIMIT ?) c LIMIT ?`,
		text, text, text, limit, like, limit, like, limit, limit)
}

// needy gives the registrations that need a person: refused, blocked, asked to
// change, with fields in conflict or refused, rejected since a day, or under review
// since before another. What differs in a rejected deal needs nobody.
func needy(ctx context.Context, d *db.DB, owner string, waitingSince, rejectedSince time.Time) ([]needyRow, error) {
	return db.Select[needyRow](ctx, d, `SELECT r.id AS registration_id, r.opportunity_id, o.name, o.account_name, o.owner_name, r.cloud, r.state, r.blocking,
			r.reason, r.error, r.crm_error, r.review_comment, r.remote_id, r.conflicts, r.refused, r.stale_since, r.state_at, o.currency, o.amount_minor, o.close_on
		FROM registration r JOIN opportunity o ON o.id = r.opportunity_id
		WHERE NOT o.deleted AND (? = '' OR o.owner_crm_id = ?)
		AND (r.state IN ('failed', 'action_required', 'blocked') OR r.crm_error <> '' OR (r.conflicts > 0 OR r.refused > 0) AND r.state <> 'rejected'
			OR r.state = 'rejected' AND r.state_at >= ? OR r.state IN ('submitted', 'in_review') AND r.state_at < ?)`,
		owner, owner, rejectedSince, waitingSince)
}

// offersToDo gives invitations in some states about which no Director is asked, the
// most urgent first.
func offersToDo(ctx context.Context, d *db.DB, states []invitation.State, limit int) ([]invitation.Invitation, error) {
	return db.Select[invitation.Invitation](ctx, d, `SELECT i.* FROM invitation i WHERE i.state IN (?)
		AND NOT EXISTS (SELECT 1 FROM approval a WHERE a.subject = i.id AND a.state = 'pending') ORDER BY i.order_key LIMIT ?`, states, limit)
}

func countOffersToDo(ctx context.Context, d *db.DB, states []invitation.State) (int64, error) {
	return db.Get[int64](ctx, d, `SELECT count(*) FROM invitation i WHERE i.state IN (?)
		AND NOT EXISTS (SELECT 1 FROM approval a WHERE a.subject = i.id AND a.state = 'pending')`, states)
}

func unhealthy(ctx context.Context, d *db.DB) ([]connection.Connection, error) {
	return db.Select[connection.Connection](ctx, d, `SELECT * FROM connection WHERE status IN ('down', 'degraded') ORDER BY id`)
}

func summary(ctx context.Context, d *db.DB) (Summary, error) {
	var s Summary
	var err error
	if s.Accounts, err = account.Count(ctx, d); err != nil {
		return s, err
	}
	states, err := registration.CountStates(ctx, d)
	if err != nil {
		return s, err
	}
	for _, c := range cloud.All() {
		n, err := opportunity.Count(ctx, d, c)
		if err != nil {
			return s, err
		}
		s.Opportunities = n.Opportunities
		cov := Coverage{Cloud: c, Joint: n.Joint, ByState: map[registration.State]int64{}}
		for _, x := range states {
			if x.Cloud != c {
				continue
			}
			cov.ByState[x.State] = x.Count
			if x.State.InPortal() {
				cov.Register += x.Count
			}
		}
		s.Clouds = append(s.Clouds, cov)
	}
	return s, nil
}

type findingsRow struct {
	ID       string                `db:"id"`
	Findings registration.Findings `db:"findings"`
}

// findingsOf gives the findings of registrations by id.
func findingsOf(ctx context.Context, d *db.DB, ids []string) (map[string]registration.Findings, error) {
	rows, err := db.Select[findingsRow](ctx, d, `SELECT id, findings FROM registration WHERE id IN (?)`, ids)
	out := make(map[string]registration.Findings, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Findings
	}
	return out, err
}

type openField struct {
	RegistrationID string                   `db:"registration_id"`
	Label          string                   `db:"label"`
	Status         registration.FieldStatus `db:"status"`
	Reason         string                   `db:"reason"`
}

// openFields gives the fields in conflict or refused of registrations by id.
func openFields(ctx context.Context, d *db.DB, ids []string) (map[string][]openField, error) {
	rows, err := db.Select[openField](ctx, d, `SELECT registration_id, label, status, reason FROM registration_field
		WHERE registration_id IN (?) AND status IN ('conflict', 'refused') AND NOT final ORDER BY path`, ids)
	out := map[string][]openField{}
	for _, r := range rows {
		out[r.RegistrationID] = append(out[r.RegistrationID], r)
	}
	return out, err
}

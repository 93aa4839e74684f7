package opportunity

import (
	"context"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type ref struct {
	ID          string    `db:"id"`
	CRMID       string    `db:"crm_id"`
	CRMModstamp time.Time `db:"crm_modstamp"`
	Purged      bool      `db:"purged"`
	Version     int64     `db:"version"`
}

// Import takes opportunities from the CRM, at most 500 at a time, and gives
// those that were new or changed, with their ids. A row that is no newer than
// the stored one is left alone.
func Import(ctx context.Context, tx *db.Tx, list []Opportunity) ([]Opportunity, error) {
	var ids []string
	for i := range list {
		ids = append(ids, list[i].CRMID)
	}
	rows, err := db.Select[ref](ctx, tx, `SELECT id, crm_id, crm_modstamp, purged, version FROM opportunity WHERE crm_id IN (?)`, ids)
	if err != nil {
		return nil, err
	}
	known := make(map[string]ref, len(rows))
	for _, r := range rows {
		known[r.CRMID] = r
	}
	var changed []Opportunity
	at := map[string]int{}
	for _, o := range list {
		old, ok := known[o.CRMID]
		if ok && !o.CRMModstamp.After(old.CRMModstamp) && !old.Purged {
			continue
		}
		o.ID = old.ID
		if !ok {
			o.ID = id.New("opp")
		}
		o.CreatedAt, o.UpdatedAt, o.Version = tx.Now(), tx.Now(), old.Version+1
		o.Key()
		if i, twice := at[o.CRMID]; twice {
			o.Version = changed[i].Version
			changed[i] = o
		} else {
			at[o.CRMID] = len(changed)
			changed = append(changed, o)
		}
		known[o.CRMID] = ref{ID: o.ID, CRMID: o.CRMID, CRMModstamp: o.CRMModstamp, Version: o.Version}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	columns, err := db.Columns[Opportunity]("id", "crm_id")
	if err != nil {
		return nil, err
	}
	columns = db.Without(columns, changed[0].Absent, map[string]string{
		"opportunity.account": "account_crm_id", "opportunity.owner": "owner_crm_id", "opportunity.amount": "amount_minor", "opportunity.arr_net": "arr_net_minor",
		"opportunity.arr_basis": "arr_basis_minor", "opportunity.created_at": "crm_created_at",
		"opportunity.fulfillment_partner": "fulfillment_partner_crm_id", "opportunity.fulfillment_partner_name": "fulfillment_partner",
		"opportunity.influence_partner": "influence_partner_crm_id", "opportunity.influence_partner_name": "influence_partner",
		"opportunity.dr_partner": "dr_partner_crm_id", "opportunity.dr_partner_name": "dr_partner",
	})
	_, err = db.UpsertMany(ctx, tx, "opportunity", changed, []string{"crm_id"}, columns)
	return changed, err
}

// ImportMembers takes team members from the CRM and bumps the version of the
// opportunities they belong to, so that those are checked again. It gives the
// CRM ids of these opportunities.
func ImportMembers(ctx context.Context, tx *db.Tx, list []Member) ([]string, error) {
	stamps, err := stampsOf(ctx, tx, "opportunity_member", list, func(m *Member) string { return m.CRMID })
	if err != nil {
		return nil, err
	}
	var changed []Member
	var parents []string
	for _, m := range list {
		if old, ok := stamps[m.CRMID]; ok && !m.CRMModstamp.After(old) {
			continue
		}
		stamps[m.CRMID] = m.CRMModstamp
		changed, parents = append(changed, m), append(parents, m.OpportunityCRMID)
	}
	return parents, saveChildren(ctx, tx, "opportunity_member", changed, parents)
}

// ImportContacts takes contact roles from the CRM, as ImportMembers does.
func ImportContacts(ctx context.Context, tx *db.Tx, list []Contact) ([]string, error) {
	stamps, err := stampsOf(ctx, tx, "opportunity_contact", list, func(c *Contact) string { return c.CRMID })
	if err != nil {
		return nil, err
	}
	var changed []Contact
	var parents []string
	for _, c := range list {
		if old, ok := stamps[c.CRMID]; ok && !c.CRMModstamp.After(old) {
			continue
		}
		stamps[c.CRMID] = c.CRMModstamp
		changed, parents = append(changed, c), append(parents, c.OpportunityCRMID)
	}
	return parents, saveChildren(ctx, tx, "opportunity_contact", changed, parents)
}

func stampsOf[T any](ctx context.Context, tx *db.Tx, table string, list []T, key func(*T) string) (map[string]time.Time, error) {
	var ids []string
	for i := range list {
		ids = append(ids, key(&list[i]))
	}
	type stamp struct {
		CRMID       string    `db:"crm_id"`
		CRMModstamp time.Time `db:"crm_modstamp"`
	}
	query := `SELECT crm_id, crm_modstamp FROM opportunity_member WHERE crm_id IN (?)`
	if table == "opportunity_contact" {
		query = `SELECT crm_id, crm_modstamp FROM opportunity_contact WHERE crm_id IN (?)`
	}
	rows, err := db.Select[stamp](ctx, tx, query, ids)
	out := make(map[string]time.Time, len(rows))
	for _, r := range rows {
		out[r.CRMID] = r.CRMModstamp
	}
	return out, err
}

func saveChildren[T any](ctx context.Context, tx *db.Tx, table string, rows []T, parents []string) error {
	if len(rows) == 0 {
		return nil
	}
	columns, err := db.Columns[T]("crm_id")
	if err != nil {
		return err
	}
	if _, err := db.UpsertMany(ctx, tx, table, rows, []string{"crm_id"}, columns); err != nil {
		return err
	}
	return Touch(ctx, tx, parents)
}

// Touch raises the version of opportunities (by CRM id) because something that
// belongs to them changed.
func Touch(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	for chunk := range chunks(crmIDs, 500) {
		if _, err := tx.Exec(ctx, `UPDATE opportunity SET version = version + 1, updated_at = ? WHERE crm_id IN (?)`, tx.Now(), chunk); err != nil {
			return err
		}
	}
	return nil
}

func chunks(list []string, n int) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(list) > 0 {
			k := min(n, len(list))
			if !yield(list[:k]) {
				return
			}
			list = list[k:]
		}
	}
}

// ByID gives one opportunity; none is a problem of kind not_found.
func ByID(ctx context.Context, q db.Queryer, opportunityID string) (Opportunity, error) {
	o, err := db.Get[Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id = ?`, opportunityID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("opportunity", opportunityID)
	}
	return o, err
}

// VersionOf gives the version of an opportunity, which any change of it or of what
// belongs to it raises.
func VersionOf(ctx context.Context, q db.Queryer, opportunityID string) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT version FROM opportunity WHERE id = ?`, opportunityID)
}

// ByCRMIDs gives the opportunities with these CRM ids, at most 500.
func ByCRMIDs(ctx context.Context, q db.Queryer, crmIDs []string) ([]Opportunity, error) {
	return db.Select[Opportunity](ctx, q, `SELECT * FROM opportunity WHERE crm_id IN (?)`, crmIDs)
}

// ByAccounts gives the joint opportunities of accounts by their CRM ids, at most 500.
func ByAccounts(ctx context.Context, q db.Queryer, accountCRMIDs []string) ([]Opportunity, error) {
	return db.Select[Opportunity](ctx, q, `SELECT * FROM opportunity WHERE account_crm_id IN (?)
		AND id IN (SELECT opportunity_id FROM opportunity_cloud WHERE joint)`, accountCRMIDs)
}

// MembersOf gives the team of an opportunity.
func MembersOf(ctx context.Context, q db.Queryer, crmID string) ([]Member, error) {
	return db.Select[Member](ctx, q, `SELECT * FROM opportunity_member WHERE opportunity_crm_id = ? AND NOT deleted ORDER BY name, crm_id`, crmID)
}

// ContactsOf gives the customer's people on an opportunity, the primary first.
func ContactsOf(ctx context.Context, q db.Queryer, crmID string) ([]Contact, error) {
	rows, err := db.Select[Contact](ctx, q, `SELECT * FROM opportunity_contact WHERE opportunity_crm_id = ? AND NOT deleted ORDER BY is_primary DESC, last_name, crm_id`, crmID)
	seen := map[string]bool{}
	return slices.DeleteFunc(rows, func(c Contact) bool { // two that were merged may both have had a role
		again := c.ContactCRMID != "" && seen[c.ContactCRMID]
		seen[c.ContactCRMID] = true
		return again
	}), err
}

// JointOf gives the joint decisions about opportunities by id, at most 500.
func JointOf(ctx context.Context, q db.Queryer, ids []string) (map[string][]Joint, error) {
	rows, err := db.Select[Joint](ctx, q, `SELECT * FROM opportunity_cloud WHERE opportunity_id IN (?) ORDER BY opportunity_id, cloud`, ids)
	out := map[string][]Joint{}
	for _, j := range rows {
		out[j.OpportunityID] = append(out[j.OpportunityID], j)
	}
	return out, err
}

func saveJoint(ctx context.Context, tx *db.Tx, rows []Joint) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := db.UpsertMany(ctx, tx, "opportunity_cloud", rows, []string{"opportunity_id", "cloud"}, []string{"joint", "source", "why", "decided_by", "decided_at"})
	return err
}

func deleteJoint(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud) error {
	_, err := tx.Exec(ctx, `DELETE FROM opportunity_cloud WHERE opportunity_id = ? AND cloud = ?`, opportunityID, c)
	return err
}

// Counts is the size of the mirror.
type Counts struct {
	Opportunities int64 `db:"opportunities"`
	Joint         int64 `db:"joint"`
}

// Count counts the opportunities that are not deleted, and those that are joint
// with a cloud ("" for any).
func Count(ctx context.Context, q db.Queryer, c cloud.Cloud) (Counts, error) {
	return db.Get[Counts](ctx, q, `SELECT count(*) AS opportunities,
		(SELECT count(DISTINCT oc.opportunity_id) FROM opportunity_cloud oc JOIN opportunity p ON p.id = oc.opportunity_id
			WHERE oc.joint AND NOT p.deleted AND (oc.cloud = ? OR ? = '')) AS joint
		FROM opportunity WHERE NOT deleted`, c, c)
}

// pageAfter gives opportunities by id for a sweep over all of them.
func pageAfter(ctx context.Context, q db.Queryer, afterID string, limit int) ([]Opportunity, error) {
	return db.Select[Opportunity](ctx, q, `SELECT * FROM opportunity WHERE id > ? ORDER BY id LIMIT ?`, afterID, limit)
}

// OwnerOf gives the opportunity's owner as a team member, with the address that
// Salesforce has; the zero Member when the owner is not known.
func OwnerOf(ctx context.Context, q db.Queryer, o *Opportunity) (Member, error) {
	m, err := db.Get[Member](ctx, q, `SELECT crm_id, '' AS opportunity_crm_id, crm_id AS person_crm_id, name, email, title, '' AS phone,
		'Owner' AS role, NOT active AS deleted, crm_modstamp FROM person WHERE crm_id = ?`, o.OwnerCRMID)
	if problem.Is(err, problem.KindNotFound) {
		return Member{PersonCRMID: o.OwnerCRMID, Name: o.OwnerName, Role: "Owner"}, nil
	}
	m.OpportunityCRMID = o.CRMID
	return m, err
}

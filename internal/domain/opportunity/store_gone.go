package opportunity

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Live gives the CRM ids of the opportunities that are not deleted.
func Live(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM opportunity WHERE NOT deleted`)
}

// LiveMembers gives the CRM ids of the members of teams that are not deleted.
func LiveMembers(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM opportunity_member WHERE NOT deleted`)
}

// LiveContacts gives the CRM ids of the contact roles that are not deleted.
func LiveContacts(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM opportunity_contact WHERE NOT deleted`)
}

// Purge notes of opportunities, at most 500, that the CRM has them no more, not even in
// its recycle bin, and gives those of which that is news.
func Purge(ctx context.Context, tx *db.Tx, crmIDs []string) ([]Opportunity, error) {
	news, err := db.Select[string](ctx, tx, `SELECT crm_id FROM opportunity WHERE crm_id IN (?) AND NOT purged`, crmIDs)
	if err != nil || len(news) == 0 {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `UPDATE opportunity SET deleted = true, purged = true, version = version + 1, updated_at = ? WHERE crm_id IN (?)`, tx.Now(), news); err != nil {
		return nil, err
	}
	return ByCRMIDs(ctx, tx, news)
}

// PurgeMembers forgets members of teams, at most 500, that the CRM has no more, and
// gives the CRM ids of their opportunities.
func PurgeMembers(ctx context.Context, tx *db.Tx, crmIDs []string) ([]string, error) {
	parents, err := db.Select[string](ctx, tx, `SELECT DISTINCT opportunity_crm_id FROM opportunity_member WHERE crm_id IN (?)`, crmIDs)
	if err != nil || len(parents) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM opportunity_member WHERE crm_id IN (?)`, crmIDs)
	return parents, err
}

// PurgeContacts forgets contact roles, as PurgeMembers does.
func PurgeContacts(ctx context.Context, tx *db.Tx, crmIDs []string) ([]string, error) {
	parents, err := db.Select[string](ctx, tx, `SELECT DISTINCT opportunity_crm_id FROM opportunity_contact WHERE crm_id IN (?)`, crmIDs)
	if err != nil || len(parents) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM opportunity_contact WHERE crm_id IN (?)`, crmIDs)
	return parents, err
}

// DeletedAmong gives which of the opportunities, by CRM id and at most 500, are deleted.
func DeletedAmong(ctx context.Context, q db.Queryer, crmIDs []string) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM opportunity WHERE crm_id IN (?) AND deleted`, crmIDs)
}

// ImportCards takes contacts from the CRM, at most 500 at a time: what they hold of
// themselves goes to their roles in opportunities, and those of one that was merged go
// to the one it was merged into. It gives the CRM ids of the opportunities that this
// changed.
func ImportCards(ctx context.Context, tx *db.Tx, list []Card) ([]string, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].CRMID
	}
	var parents []string
	known, err := contactsAt(ctx, tx, ids)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	for i := range list { // merges first: the master's own card may be in the list
		c := &list[i]
		if !c.Deleted || c.MasterCRMID == "" || len(known[c.CRMID]) == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE opportunity_contact SET contact_crm_id = ? WHERE contact_crm_id = ?`, c.MasterCRMID, c.CRMID); err != nil {
			return nil, err
		}
		for _, role := range known[c.CRMID] {
			role.ContactCRMID = c.MasterCRMID
			known[c.MasterCRMID] = append(known[c.MasterCRMID], role)
			parents = append(parents, role.OpportunityCRMID)
		}
		delete(known, c.CRMID)
	}
	for i := range list {
		c := &list[i]
		if c.Deleted {
			continue
		}
		for _, role := range known[c.CRMID] {
			if role.FirstName == c.FirstName && role.LastName == c.LastName && role.Email == c.Email && role.Title == c.Title && role.Phone == c.Phone {
				continue
			}
			if _, err := tx.Exec(ctx, `UPDATE opportunity_contact SET first_name = ?, last_name = ?, email = ?, title = ?, phone = ? WHERE crm_id = ?`,
				c.FirstName, c.LastName, c.Email, c.Title, c.Phone, role.CRMID); err != nil {
				return nil, err
			}
			parents = append(parents, role.OpportunityCRMID)
		}
	}
	return parents, Touch(ctx, tx, parents)
}

// contactsAt gives the roles of contacts by the contacts' CRM ids, at most 500.
func contactsAt(ctx context.Context, q db.Queryer, contactCRMIDs []string) (map[string][]Contact, error) {
	rows, err := db.Select[Contact](ctx, q, `SELECT * FROM opportunity_contact WHERE contact_crm_id IN (?) AND NOT deleted`, contactCRMIDs)
	out := map[string][]Contact{}
	for _, c := range rows {
		out[c.ContactCRMID] = append(out[c.ContactCRMID], c)
	}
	return out, err
}

package registration

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// claimsOf gives what other tools say of an opportunity at a cloud, the oldest first.
func claimsOf(ctx context.Context, q db.Queryer, opportunityCRMID string, c cloud.Cloud) ([]Claim, error) {
	return db.Select[Claim](ctx, q, `SELECT * FROM registration_claim WHERE opportunity_crm_id = ? AND cloud = ? AND NOT deleted ORDER BY tool, crm_id`, opportunityCRMID, c)
}

func claimsByID(ctx context.Context, q db.Queryer, crmIDs []string) ([]Claim, error) {
	return db.Select[Claim](ctx, q, `SELECT * FROM registration_claim WHERE crm_id IN (?)`, crmIDs)
}

// LiveClaims gives the CRM ids of an object's records that claim a deal.
func LiveClaims(ctx context.Context, q db.Queryer, object string) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM registration_claim WHERE object = ? AND NOT deleted`, object)
}

// saveClaims stores what is newer than what is stored, and gives the CRM ids of the
// opportunities of which that is news.
func saveClaims(ctx context.Context, tx *db.Tx, list []Claim) ([]string, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].CRMID
	}
	known, err := claimsByID(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	old := map[string]Claim{}
	for _, c := range known {
		old[c.CRMID] = c
	}
	at := map[string]int{}
	var fresh []Claim
	var changed []string
	for _, c := range list {
		was, had := old[c.CRMID]
		if had && !c.CRMModstamp.After(was.CRMModstamp) {
			continue
		}
		if i, twice := at[c.CRMID]; twice {
			fresh[i] = c
		} else {
			at[c.CRMID] = len(fresh)
			fresh = append(fresh, c)
		}
		old[c.CRMID] = c
		changed = append(changed, c.OpportunityCRMID)
		if had && was.OpportunityCRMID != c.OpportunityCRMID {
			changed = append(changed, was.OpportunityCRMID)
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	columns, err := db.Columns[Claim]("crm_id")
	if err != nil {
		return nil, err
	}
	_, err = db.UpsertMany(ctx, tx, "registration_claim", fresh, []string{"crm_id"}, columns)
	return changed, err
}

// awakenClaimed makes the registrations of opportunities due that are not with the
// partner yet, and gives their ids.
func awakenClaimed(ctx context.Context, tx *db.Tx, opportunityCRMIDs []string) ([]string, error) {
	states := []State{StateChecking, StateBlocked, StateElsewhere}
	ids, err := db.Select[string](ctx, tx, `SELECT r.id FROM registration r JOIN opportunity o ON o.id = r.opportunity_id WHERE o.crm_id IN (?) AND r.state IN (?) ORDER BY r.id`, opportunityCRMIDs, states)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE registration SET due_at = ?, version = version + 1, updated_at = ? WHERE id IN (?)`, tx.Now(), tx.Now(), ids)
	return ids, err
}

package registration

import (
	"context"
	"fmt"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// leftDeleted is what is said of a record that was written again once, and deleted again.
const leftDeleted = "Somebody deleted the record of this registration in Salesforce a second time, so it is left as it is (ENTITY_IS_DELETED)"

// SawRows takes what Salesforce says of the records of registrations, at most 500: one
// that somebody deleted is written again, once.
func (s *Service) SawRows(ctx context.Context, tx *db.Tx, rows []CRMRow) error {
	var gone []string
	for _, r := range rows {
		if r.Deleted {
			gone = append(gone, r.RowID)
		}
	}
	return s.RowsGone(ctx, tx, gone)
}

// RowsGone takes that records of registrations, by row id and at most 500, are not in
// Salesforce any more. The record of a deleted opportunity is written when that is back.
func (s *Service) RowsGone(ctx context.Context, tx *db.Tx, rowIDs []string) error {
	if len(rowIDs) == 0 {
		return nil
	}
	n, err := rowsGone(ctx, tx, rowIDs)
	if err != nil || n == 0 {
		return err
	}
	return s.Write(ctx, tx)
}

// Dirty gives registrations, at most limit, that Salesforce does not know as
// they are.
func (s *Service) Dirty(ctx context.Context, limit int) ([]CRMRecord, error) {
	rows, err := dirty(ctx, s.db, limit)
	out := make([]CRMRecord, len(rows))
	for i := range rows {
		out[i] = rows[i].record()
	}
	return out, err
}

// RecordsOf gives what Salesforce is told of the registrations of one opportunity, by
// its CRM id.
func RecordsOf(ctx context.Context, q db.Queryer, opportunityCRMID string) ([]CRMRecord, error) {
	rows, err := recordsOf(ctx, q, opportunityCRMID)
	out := make([]CRMRecord, len(rows))
	for i := range rows {
		out[i] = rows[i].record()
	}
	return out, err
}

func (r *dirtyRow) record() CRMRecord {
	c := CRMRecord{
		Key: CRMKey(r.Cloud, r.OpportunityCRMID), RegistrationID: r.ID, Version: r.Version, Cloud: r.Cloud, Offered: r.Offered,
		OpportunityCRMID: r.OpportunityCRMID, PortalID: r.RemoteID, PortalStatus: r.RemoteStatus, PortalStage: r.RemoteStage,
		PortalModified: r.RemoteVersion, State: r.State, SyncState: r.State.Label(), LastError: cut(r.Error, 4000), ChangedAt: r.UpdatedAt,
	}
	if c.LastError == "" {
		c.LastError = r.Reason
	}
	if len(r.Sellers) > 0 {
		c.SellerEmail = r.Sellers[0].Email
	}
	return c
}

// Written keeps how the writing of records to Salesforce went. A refusal that
// passes leaves the record dirty; one for a person is kept with it.
func (s *Service) Written(ctx context.Context, records []CRMRecord, results []CRMResult) error {
	if len(results) != len(records) {
		return fmt.Errorf("%d results for %d records that Salesforce was sent", len(results), len(records))
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		for i, rec := range records {
			switch res := results[i]; {
			case res.Err == nil:
				if err := clean(ctx, tx, rec.RegistrationID, rec.Version, res.RowID); err != nil {
					return err
				}
			case problem.RetryOf(res.Err) == problem.RetryHuman:
				if err := refusedByCRM(ctx, tx, rec.RegistrationID, cut(res.Err.Error(), 4000)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

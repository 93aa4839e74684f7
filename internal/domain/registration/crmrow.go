package registration

import (
	"context"

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

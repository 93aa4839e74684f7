package mapping

import (
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// FactsOf gives what a registration knows, by fact, instants as RFC 3339; "" is
// nothing.
func FactsOf(r *registration.CRMRecord) map[Fact]string {
	out := map[Fact]string{
		FactPortalID: r.PortalID, FactState: r.SyncState, FactReview: r.PortalStatus, FactStage: r.PortalStage, FactSeller: r.SellerEmail, FactError: r.LastError,
	}
	if at, err := time.Parse(time.RFC3339Nano, r.PortalModified); err == nil {
		out[FactModified] = at.UTC().Format(time.RFC3339Nano)
	}
	if !r.ChangedAt.IsZero() {
		out[FactSynced] = r.ChangedAt.UTC().Format(time.RFC3339Nano)
	}
	return out
}

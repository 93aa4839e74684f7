package workspace

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// addRoutes adds the route conflicts that wait for a decision, for those whom the
// policies let decide without asking. What is past its deadline is more urgent, and
// so is what keeps a deal from its portal.
func (s *Service) addRoutes(ctx context.Context, t *Today, ownerCRMID string, now time.Time) error {
	v, err := authz.Decide(ctx, authz.ActionDecideRoute, authz.Facts{AmountUSD: authz.Dollars(0)})
	if err != nil || v.Ruling != authz.RulingAllow {
		return err
	}
	n, err := route.CountOpen(ctx, s.db, ownerCRMID)
	if err != nil {
		return err
	}
	rows, err := route.Undecided(ctx, s.db, ownerCRMID, TodayLimit)
	if err != nil {
		return err
	}
	t.Counts[ItemRoute] = int(n)
	for i := range rows {
		c, o := &rows[i].Conflict, &rows[i].Opportunity
		item := Item{
			Kind: ItemRoute, Title: c.Claimants() + " claim this deal", Reason: c.Title + " · to decide by " + string(c.DueOn), OpportunityID: o.ID, Name: o.Name,
			AccountName: o.AccountName, OwnerName: o.OwnerName, Amount: o.Amount(), CloseOn: o.CloseOn, Since: c.OpenedAt, RouteID: c.ID, Urgency: 300,
		}
		if c.Holds {
			item.Urgency += 100
		}
		if c.Late(date.Of(now)) {
			item.Urgency += 200
			item.Reason += ", which is past"
		}
		t.Items = append(t.Items, item)
	}
	return nil
}

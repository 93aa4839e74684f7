package approval

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// RulesSetting is the name under which the rules are kept.
const RulesSetting = "approval_rules"

// Rules are what the policies take from the team: ThresholdUSD is the value, in
// whole US dollars, up to which an ABDM works alone.
type Rules struct {
	ThresholdUSD int64 `json:"threshold_usd"`
}

// DefaultRules hold until a Director sets others.
var DefaultRules = Rules{ThresholdUSD: 250_000}

// maxThreshold is the largest value that can be set, in US dollars.
const maxThreshold = 1_000_000_000_000

// Rules gives the rules and the setting's version. Needs read.
func (s *Service) Rules(ctx context.Context) (Rules, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Rules{}, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, RulesSetting, DefaultRules)
}

// SetRules changes the rules. Requests that wait keep waiting: what was asked for
// under the old rules is decided by a Director. Needs change_settings.
func (s *Service) SetRules(ctx context.Context, r Rules, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if r.ThresholdUSD < 0 || r.ThresholdUSD > maxThreshold {
		return problem.Invalid("threshold_usd", "out_of_range", "Use a whole number of US dollars from 0 to 1,000,000,000,000")
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return setting.Save(ctx, tx, RulesSetting, r, version, actor.Name)
	})
}

// dollars gives an amount in whole US dollars, rounded up; nil when it is not
// known, which it is not in any other currency.
func dollars(a money.Amount) *int64 {
	if a.Currency != "USD" {
		return nil
	}
	whole := a.Minor / 100
	if a.Minor%100 > 0 {
		whole++
	}
	return &whole
}

// facts gives what the policies look at of a wish.
func (s *Service) facts(ctx context.Context, q db.Queryer, w *Wish) (authz.Facts, error) {
	rules, _, err := setting.Load(ctx, q, RulesSetting, DefaultRules)
	f := authz.Facts{ThresholdUSD: rules.ThresholdUSD, Contested: w.Contested, Own: w.Own}
	if err != nil {
		return f, err
	}
	switch w.Action {
	case authz.ActionLaunch:
		f.Becomes = string(registration.StateLaunched)
	case authz.ActionClose:
		f.Becomes = string(registration.StateClosedLost)
	}
	if w.OpportunityID != "" {
		o, err := opportunity.ByID(ctx, q, w.OpportunityID)
		if err != nil {
			return f, err
		}
		w.DealName, w.AccountName, w.Amount = o.Name, o.AccountName, o.Amount()
		if w.Cloud != "" {
			contested, err := contested(ctx, q, &o, w.Cloud, w.Action)
			if err != nil {
				return f, err
			}
			f.Contested = f.Contested || contested
		}
	}
	f.AmountUSD = dollars(w.Amount)
	if w.Unvalued {
		f.AmountUSD = authz.Dollars(0)
	}
	return f, nil
}

// contested reports whether the two sides disagree on a registered deal, or, for
// one to be registered, whether another open deal of the account is registered
// with the same cloud.
func contested(ctx context.Context, q db.Queryer, o *opportunity.Opportunity, c cloud.Cloud, action authz.Action) (bool, error) {
	have, err := registration.ByOpportunities(ctx, q, []string{o.ID})
	if err != nil {
		return false, err
	}
	for _, r := range have[o.ID] {
		if r.Cloud == c && r.Conflicts > 0 {
			return true, nil
		}
	}
	if action != authz.ActionRegister {
		return false, nil
	}
	n, err := rivals(ctx, q, o.ID, o.AccountCRMID, c)
	return n > 0, err
}

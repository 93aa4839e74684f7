package account

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Merged is an account that was merged into another, and that one.
type Merged struct {
	Loser, Master Account
	// Opportunities are the CRM ids of those that moved to the master just now.
	Opportunities []string
}

// longestChain is how many merges lead from one account to the one that is left: each
// is a person's deed.
const longestChain = 20

// Current gives the account that is left of one: itself, or the one that it was merged
// into, as far as the mirror has it.
func Current(ctx context.Context, q db.Queryer, a Account) (Account, error) {
	for range longestChain {
		if a.MasterCRMID == "" || !a.Deleted {
			return a, nil
		}
		master, err := ByCRMID(ctx, q, a.MasterCRMID)
		if problem.Is(err, problem.KindNotFound) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		a = master
	}
	return a, nil
}

// FollowMerges moves what belongs to accounts that were merged to the account that is
// left: of the given ones by CRM id, at most 500, and of those merged into them, which
// may have come first.
func FollowMerges(ctx context.Context, tx *db.Tx, crmIDs []string) ([]Merged, error) {
	losers, err := merges(ctx, tx, crmIDs)
	if err != nil {
		return nil, err
	}
	var out []Merged
	for _, loser := range losers {
		master, err := Current(ctx, tx, loser)
		if err != nil {
			return nil, err
		}
		if master.ID == loser.ID {
			continue
		}
		moved, err := repoint(ctx, tx, loser.CRMID, &master)
		if err != nil {
			return nil, err
		}
		out = append(out, Merged{Loser: loser, Master: master, Opportunities: moved})
	}
	return out, nil
}

// Current gives the account that is left of one by Tandem's id: itself, or the one that
// it was merged into. Needs read.
func (s *Service) Current(ctx context.Context, accountID string) (Account, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Account{}, err
	}
	a, err := ByID(ctx, s.db, accountID)
	if err != nil {
		return a, err
	}
	return Current(ctx, s.db, a)
}

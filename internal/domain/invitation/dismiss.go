package invitation

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// maxDismissal is how long the reason of a dismissal may be, in characters.
const maxDismissal = 500

// Dismissible reports whether it is an accepted lead that can be dismissed now.
func (i *Invitation) Dismissible() bool {
	return i.Convertible() || i.Kind == KindLead && i.State == StateFailed && i.FailedFrom == StateConverting
}

// Dismiss puts an accepted lead aside that is not worth an opportunity, with the
// reason. The partner is told nothing, so that it needs no approval, and it can be
// taken back. Needs accept_invitation.
func (s *Service) Dismiss(ctx context.Context, a Answer, reason string) (Result, error) {
	if _, err := s.find(ctx, a.ID, authz.ActionAccept); err != nil {
		return Result{}, err
	}
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return Result{}, problem.Invalid("dismissal", "required", "Say why, so that nobody takes it up again by mistake")
	case utf8.RuneCountInString(reason) > maxDismissal:
		return Result{}, problem.Invalid("dismissal", "too_long", fmt.Sprintf("Use at most %d characters", maxDismissal))
	}
	return s.here(ctx, a, func(ctx context.Context, tx *db.Tx, i *Invitation, _ arguments) error {
		if !i.Dismissible() {
			return problem.Conflict("not_dismissible", fmt.Sprintf("Only an accepted lead that is no opportunity yet can be dismissed; it is “%s”", i.State.Label()))
		}
		i.Error, i.ErrorCode, i.Attempts, i.FailedFrom, i.DueAt, i.Draft.V = "", "", 0, "", time.Time{}, Draft{}
		i.Reason = reason
		if err := i.move(StateDismissed, tx.Now()); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, i, authz.KindPerson, "dismissed", "dismissed the lead", reason); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "invitation.dismiss", i.ID, map[string]any{"remote_id": i.RemoteID, "cloud": i.Cloud, "reason": reason})
	})
}

// Restore takes a dismissal back: the lead is accepted again, and read anew from the
// portal. Needs accept_invitation.
func (s *Service) Restore(ctx context.Context, a Answer) (Result, error) {
	if _, err := s.find(ctx, a.ID, authz.ActionAccept); err != nil {
		return Result{}, err
	}
	return s.here(ctx, a, func(ctx context.Context, tx *db.Tx, i *Invitation, _ arguments) error {
		if i.State != StateDismissed {
			return problem.Conflict("not_dismissed", fmt.Sprintf("There is no dismissal to take back; it is “%s”", i.State.Label()))
		}
		i.Reason, i.DueAt = "", tx.Now()
		if err := i.move(StateAccepted, tx.Now()); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, i, authz.KindPerson, "restored", "took the dismissal back", ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "invitation.restore", i.ID, map[string]any{"remote_id": i.RemoteID, "cloud": i.Cloud})
	})
}

// here does what stays within Tandem, at once.
func (s *Service) here(ctx context.Context, a Answer, do deed) (Result, error) {
	var r Result
	err := s.try(seen(ctx, a), a, arguments{}, do)
	if err != nil {
		return r, err
	}
	r.Invitation, err = ByID(ctx, s.db, a.ID)
	return r, err
}

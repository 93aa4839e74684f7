package invitation

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Heard takes a portal's event about an invitation: one that was not heard before
// plans a look at the list. The event's words are not believed.
func (s *Service) Heard(ctx context.Context, c cloud.Cloud, e registration.PortalEvent) (fresh bool, err error) {
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if fresh, err = registration.FirstHeard(ctx, tx, c, e); err != nil || !fresh {
			return err
		}
		return s.Look(ctx, tx, c)
	})
	return fresh, err
}

// Follow reads what a cloud's portal offers us: new invitations, and what became
// of those that wait. full looks at all that the portal lists, answered ones too.
// It gives how many were new or had changed.
func (s *Service) Follow(ctx context.Context, c cloud.Cloud, full bool) (int, error) {
	p, ok := s.portals[c]
	if !ok {
		return 0, nil
	}
	begun := s.clock.Now()
	changed := 0
	listed := map[string]bool{}
	for row, err := range p.List(ctx, !full) {
		if err != nil {
			return changed, err
		}
		listed[row.RemoteID] = true
		known, err := ByRemoteIDs(ctx, s.db, c, []string{row.RemoteID})
		if err != nil {
			return changed, err
		}
		have, ok := known[row.RemoteID]
		if ok && have.RemoteStatus == row.RemoteStatus {
			continue
		}
		remote := Remote{Summary: row}
		if ok || row.Status == StatusPending || row.Status == StatusAccepted { // what was over before we saw it is kept as it is listed
			if remote, err = p.Get(ctx, row.RemoteID); err != nil {
				if problem.Is(err, problem.KindNotFound) {
					continue // it went between the two calls
				}
				return changed, err
			}
		}
		if err := s.take(ctx, p, remote); err != nil {
			return changed, err
		}
		changed++
	}
	waiting, err := open(ctx, s.db, c)
	if err != nil {
		return changed, err
	}
	for _, i := range waiting {
		if listed[i.RemoteID] {
			continue
		}
		n, err := s.reread(ctx, p, &i)
		if err != nil {
			return changed, err
		}
		changed += n
	}
	return changed, s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return looked(ctx, tx, c, begun.Add(-lookMargin)) })
}

// lookMargin is how long before a look an event may have been stored that the look
// did not see.
const lookMargin = time.Second

// Overdue lists the clouds of which an event was heard since the last look began:
// its own look was not planned, because one was running at that moment.
func (s *Service) Overdue(ctx context.Context) ([]cloud.Cloud, error) {
	var out []cloud.Cloud
	for _, c := range s.Clouds() {
		at, err := lookedAt(ctx, s.db, c)
		if err != nil {
			return nil, err
		}
		heard, err := heardSince(ctx, s.db, c, at)
		if err != nil {
			return nil, err
		}
		if heard {
			out = append(out, c)
		}
	}
	return out, nil
}

// reread looks at an invitation that waits for us and that the portal no longer
// lists as pending.
func (s *Service) reread(ctx context.Context, p Portal, i *Invitation) (int, error) {
	remote, err := p.Get(ctx, i.RemoteID)
	switch {
	case problem.Is(err, problem.KindNotFound):
		return 1, s.lost(ctx, i)
	case err != nil:
		return 0, err
	case remote.RemoteStatus == i.RemoteStatus:
		return 0, nil
	}
	return 1, s.take(ctx, p, remote)
}

// lost notes that the portal no longer knows an invitation.
func (s *Service) lost(ctx context.Context, i *Invitation) error {
	err := s.save(ctx, i, func(tx *db.Tx) error {
		i.DueAt = time.Time{}
		i.Reason = "The portal no longer shows it to us"
		if err := i.move(StateGone, tx.Now()); err != nil {
			return err
		}
		return s.tell(ctx, tx, i, authz.KindPortal, "gone", i.Cloud.Portal()+" no longer shows it", "")
	})
	return unlessMoved(err)
}

// unlessMoved passes over that somebody else stored the row first: whoever did
// has looked at it, or the next look does.
func unlessMoved(err error) error {
	if problem.Is(err, problem.KindPrecondition) {
		return nil
	}
	return err
}

// take stores what the portal says of an invitation, a new one or one that we have.
func (s *Service) take(ctx context.Context, p Portal, r Remote) error {
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		known, err := ByRemoteIDs(ctx, tx, p.Cloud(), []string{r.RemoteID})
		if err != nil {
			return err
		}
		i, ok := known[r.RemoteID]
		if ok && i.RemoteStatus == r.RemoteStatus {
			return nil // another look stored it meanwhile: a person's version stays good
		}
		if ok {
			before := i.State
			if err := s.observe(ctx, tx, &i, r); err != nil {
				return err
			}
			if err := s.store(ctx, tx, &i, before); err != nil {
				return err
			}
			return s.wakeIfDue(ctx, tx, &i)
		}
		i = Invitation{ID: id.New("inv"), Cloud: p.Cloud(), State: StatePending, StateAt: tx.Now()}
		i.copy(r, tx.Now())
		switch r.Status {
		case StatusAccepted:
			i.State, i.DueAt = StateAccepted, tx.Now()
		case StatusRejected:
			i.State = StateRejected
		case StatusExpired:
			i.State = StateExpired
		default:
			i.DueAt = i.nextLook(tx.Now())
			i.Warned = 0
		}
		if w := i.warning(tx.Now()); i.State == StatePending && w > 0 {
			i.DueAt = tx.Now() // it is late already: warn of it at once
		}
		if err := insert(ctx, tx, &i); err != nil {
			return err
		}
		if i.State.Open() {
			if err := s.tell(ctx, tx, &i, authz.KindPortal, "received", fmt.Sprintf("%s from %s", i.Kind.Label(), cmp.Or(i.SenderName, i.SenderAccount, i.Cloud.Label())), i.Message); err != nil {
				return err
			}
		}
		return s.wakeIfDue(ctx, tx, &i)
	})
	return unlessMoved(err)
}

func (s *Service) wakeIfDue(ctx context.Context, tx *db.Tx, i *Invitation) error {
	if i.DueAt.IsZero() || i.DueAt.After(tx.Now()) {
		return nil
	}
	return s.Wake(ctx, tx, i.ID)
}

// copy takes over what the portal shows.
func (i *Invitation) copy(r Remote, now time.Time) {
	i.RemoteID, i.Kind, i.RemoteStatus = r.RemoteID, r.Kind, r.RemoteStatus
	i.Title, i.SenderName, i.SenderAccount, i.EngagementID = r.Title, r.SenderName, r.SenderAccount, r.EngagementID
	i.SentAt, i.ExpiresAt = r.SentAt, r.ExpiresAt
	if r.Rejection != "" {
		i.Rejection = r.Rejection
	}
	if len(r.Raw) == 0 {
		return // a line of the list
	}
	i.Message, i.CustomerName, i.CustomerCountry, i.ReadAt = r.Message, r.CustomerName, r.CustomerCountry, now
	i.Facts.V, i.Hidden.V, i.Payload = r.Facts, r.Hidden, string(r.Raw)
}

// observe brings an invitation to what the portal says of it. What the portal does
// not say in a word that we know leaves our state as it is.
func (s *Service) observe(ctx context.Context, tx *db.Tx, i *Invitation, r Remote) error {
	revealed := i.RemoteRecord != ""
	facts, hidden := i.Facts, i.Hidden
	i.copy(r, tx.Now())
	if revealed { // the opportunity tells more than its invitation did
		i.Facts, i.Hidden = facts, hidden
	}
	answering := i.State == StateAccepting || i.State == StateRejecting || i.answerRefused()
	if i.State != StatePending && !answering {
		return nil
	}
	var next State
	var kind, subject string
	switch r.Status {
	case StatusAccepted:
		next, kind, subject = StateAccepted, "accepted", "Accepted in "+i.Cloud.Portal()
		if i.Kind == KindOpportunity && (i.State == StateAccepting && i.TaskID != "" || i.State == StateFailed && i.FailedFrom == StateAccepting && i.AskedAt.IsZero()) {
			return nil // the task says when it is whole, or a person when it is tried again
		}
	case StatusRejected:
		next, kind, subject = StateRejected, "rejected", "Rejected in "+i.Cloud.Portal()
	case StatusExpired:
		next, kind, subject = StateExpired, "expired", "It expired unanswered"
	default:
		return nil
	}
	who := authz.KindPortal
	if i.State == StateAccepting && next == StateAccepted || i.State == StateRejecting && next == StateRejected {
		subject = i.Cloud.Portal() + " has taken our answer"
	} else if next != StateExpired {
		i.AnsweredBy, i.AnsweredAt = "", time.Time{} // somebody else answered, in the portal
	}
	i.Error, i.ErrorCode, i.Attempts, i.FailedFrom, i.Reason, i.DueAt = "", "", 0, "", "", time.Time{}
	if next == StateAccepted {
		i.DueAt = tx.Now()
	}
	if err := i.move(next, tx.Now()); err != nil {
		return err
	}
	return s.tell(ctx, tx, i, who, kind, subject, i.Rejection)
}

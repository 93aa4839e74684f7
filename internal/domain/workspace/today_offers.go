package workspace

import (
	"context"
	"fmt"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
)

// addOffers adds the invitations that wait for a person. One about which a Director
// is asked already is on the Directors' list as that request.
func (s *Service) addOffers(ctx context.Context, t *Today, now time.Time) error {
	for kind, states := range map[ItemKind][]invitation.State{
		ItemInvitation: {invitation.StatePending, invitation.StateFailed}, ItemToLink: {invitation.StateAccepted},
	} {
		offers, err := offersToDo(ctx, s.db, states, TodayLimit)
		if err != nil {
			return err
		}
		n, err := countOffersToDo(ctx, s.db, states)
		if err != nil {
			return err
		}
		t.Counts[kind] = int(n)
		for i := range offers {
			t.Items = append(t.Items, offerItem(&offers[i], now))
		}
	}
	return nil
}

// ends gives when the invitations that wait for an answer expire, of those that the
// requests are about.
func (s *Service) ends(ctx context.Context, requests []approval.Request) (map[string]time.Time, error) {
	var ids []string
	for i := range requests {
		ids = append(ids, requests[i].Subject)
	}
	offers, err := invitation.ByIDs(ctx, s.db, ids)
	out := map[string]time.Time{}
	for _, o := range offers {
		if o.State == invitation.StatePending && !o.ExpiresAt.IsZero() {
			out[o.ID] = o.ExpiresAt
		}
	}
	return out, err
}

// offerItem says what an invitation asks for. The nearer its end, the more urgent:
// what expires is lost.
func offerItem(i *invitation.Invitation, now time.Time) Item {
	out := Item{Kind: ItemInvitation, Name: i.Name(), AccountName: i.CustomerName, Cloud: i.Cloud, InvitationID: i.ID, Since: i.StateAt, Dismissible: i.Dismissible()}
	switch i.State {
	case invitation.StateFailed:
		out.Title, out.Reason, out.Urgency = i.Cloud.Portal()+" refused our answer", i.Error, 550
		if i.FailedFrom == invitation.StateCreating {
			out.Title = "Salesforce refused to make the opportunity"
		}
	case invitation.StateAccepted:
		out.Kind, out.Title, out.Urgency = ItemToLink, "Accepted: link it with an opportunity of Salesforce, or make one", 380
		if i.Convertible() {
			out.Title, out.Urgency = "Accepted lead: make it an opportunity, or dismiss it", 150
		}
		out.Reason = i.Reason
	default:
		out.Since, out.ExpiresAt = i.SentAt, i.ExpiresAt
		out.Title, out.Reason = fmt.Sprintf("%s from %s to answer", i.Kind.Label(), i.SenderName), i.Message
		left := i.ExpiresAt.Sub(now)
		switch {
		case i.ExpiresAt.IsZero() || left > 7*24*time.Hour:
			out.Urgency = 320
		case left > 3*24*time.Hour:
			out.Urgency = 430
		case left > 24*time.Hour:
			out.Urgency = 530
		default:
			out.Urgency = 700
		}
	}
	return out
}

package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func TestTodayHasTheRequestsOfOthersForADirectorTheOldestFirstAndOnesOwnUntilNoted(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		opps := opportunity.NewService(f.db, f.clock)
		s := approval.NewService(f.db, f.clock, opps, registration.NewService(f.db, f.clock, nil, registration.DefaultPace), activity.NewService(f.db, f.clock))
		s.Handle("nothing", approval.Executor{Run: func(context.Context, *db.Tx, *approval.Request) error { return nil }})
		as := func(name string, level authz.Level) context.Context {
			return authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_" + name, Name: name, Level: level})
		}
		ann, abe, dan := as("Ann", authz.LevelAssociate), as("Abe", authz.LevelABDM), as("Dan", authz.LevelDirector)
		minor := int64(30_000_000)
		f.add(t, opportunity.Opportunity{CRMID: "deal", Name: "Deal", AccountName: "Acme", Currency: "USD", AmountMinor: &minor})
		ask := func(ctx context.Context, subject string) {
			t.Helper()
			w := approval.Wish{Name: "nothing", Action: authz.ActionUpdate, Subject: subject, OpportunityID: f.id("deal"), Title: "Change " + subject, Details: []string{"A: b → c"}}
			if r, err := s.Do(ctx, w); err != nil || r == nil {
				t.Fatal(r, err)
			}
			f.clock.Set(f.clock.Now().Add(2 * time.Hour))
		}
		ask(ann, "first")
		ask(abe, "second")
		seen := func(ctx context.Context, owner string) string {
			t.Helper()
			today, err := f.Today(ctx, TodayQuery{OwnerCRMID: owner})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, i := range today.Items {
				if i.Request == nil || i.Name != "Deal" || i.AccountName != "Acme" || i.Amount.Minor != minor || i.OpportunityID == "" {
					t.Errorf("%+v", i)
				}
				out = append(out, fmt.Sprintf("%s: %s", i.Kind, i.Title))
			}
			if today.Total != len(out) || today.Counts[ItemApproval]+today.Counts[ItemAsked] != len(out) {
				t.Errorf("%+v", today.Counts)
			}
			return strings.Join(out, "|")
		}
		for _, owner := range []string{"", "005X"} {
			if got := seen(dan, owner); got != "approval: Ann asks: Change first|approval: Abe asks: Change second" {
				t.Error(got)
			}
		}
		if got := seen(ann, ""); got != "asked: Waits for approval: Change first" {
			t.Error(got)
		}
		if got := seen(as("Sue", authz.LevelSenior), ""); got != "" {
			t.Error(got)
		}
		rows, _, err := s.List(dan, approval.Query{OldestFirst: true})
		if err != nil || len(rows) != 2 || !slices.Equal(rows[1].Why.V, []string{"The deal is worth more than an ABDM decides on alone"}) {
			t.Fatalf("%+v, %v", rows, err)
		}
		if _, err := s.Refuse(dan, rows[0].ID, "Not yet", 0); err != nil {
			t.Fatal(err)
		}
		if got := seen(dan, ""); got != "approval: Abe asks: Change second" {
			t.Error(got)
		}
		if got := seen(ann, ""); got != "asked: Dan did not approve: Change first" {
			t.Error(got)
		}
		if _, err := s.Seen(ann, rows[0].ID); err != nil {
			t.Fatal(err)
		}
		if got := seen(ann, ""); got != "" {
			t.Error(got)
		}
	})
}

func TestAnInvitationThatADirectorIsAskedAboutIsOneItemWithItsClock(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		s := approval.NewService(f.db, f.clock, opportunity.NewService(f.db, f.clock), registration.NewService(f.db, f.clock, nil, registration.DefaultPace), activity.NewService(f.db, f.clock))
		s.Handle("nothing", approval.Executor{Run: func(context.Context, *db.Tx, *approval.Request) error { return nil }})
		ends := f.clock.Now().Add(3 * 24 * time.Hour)
		for n, id := range []string{"inv_a", "inv_b"} {
			f.offer(t, id, invitation.StatePending, ends.Add(time.Duration(n)*time.Hour))
		}
		as := func(name string, level authz.Level) context.Context {
			return authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_" + name, Name: name, Level: level})
		}
		ann, dan := as("Ann", authz.LevelAssociate), as("Dan", authz.LevelDirector)
		w := approval.Wish{Name: "nothing", Action: authz.ActionAccept, Subject: "inv_a", Title: "Accept it", DealName: "A", Unvalued: true}
		if r, err := s.Do(ann, w); err != nil || r == nil {
			t.Fatal(r, err)
		}
		seen := func(ctx context.Context) string {
			t.Helper()
			today, err := f.Today(ctx, TodayQuery{})
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, i := range today.Items {
				out = append(out, fmt.Sprintf("%s %s%s until %s", i.Kind, i.InvitationID, i.Title[:4], i.ExpiresAt.Sub(ends)))
			}
			return strings.Join(out, "|")
		}
		if got := seen(dan); got != "approval Ann  until 0s|invitation inv_bRefe until 1h0m0s" {
			t.Error(got)
		}
		if got := seen(ann); got != "invitation inv_bRefe until 1h0m0s|asked Wait until 0s" {
			t.Error(got)
		}
		f.clock.Set(ends.Add(-20 * time.Hour))
		today, err := f.Today(dan, TodayQuery{})
		if err != nil || today.Items[0].Urgency != 950 {
			t.Errorf("what expires undecided is lost: %+v, %v", today.Items, err)
		}
	})
}

// offer stores an invitation as the engine does.
func (f *fixture) offer(t *testing.T, id string, state invitation.State, expires time.Time) {
	t.Helper()
	now := f.clock.Now()
	i := invitation.Invitation{
		ID: id, Cloud: cloud.AWS, RemoteID: id, Kind: invitation.KindOpportunity, State: state, Title: id, SenderName: "AWS", SentAt: now, ExpiresAt: expires,
		OrderKey: "0" + expires.UTC().Format("20060102150405") + id, StateAt: now, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	f.tx(t, func(tx *db.Tx) error { return db.Insert(f.ctx, tx, "invitation", &i) })
}

package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
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
			today, err := f.Today(ctx, owner)
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

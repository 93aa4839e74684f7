package workspace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func TestTodayIsTheMostUrgentFirstWithItsReason(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		now := f.clock.Now()
		deal := func(name string, closes date.Date, owner string) {
			f.add(t, opportunity.Opportunity{CRMID: name, Name: name, CloseOn: closes, OwnerCRMID: owner})
		}
		far, soon, past := date.Of(now).AddDays(400), date.Of(now).AddDays(3), date.Of(now).AddDays(-2)
		type c struct {
			name  string
			close date.Date
			state registration.State
			more  string
			age   time.Duration
		}
		for _, x := range []c{
			{"waiting", far, registration.StateInReview, "", 6 * 24 * time.Hour},
			{"fresh review", past, registration.StateInReview, "", 4 * 24 * time.Hour},
			{"blocked far", far, registration.StateBlocked, `blocking = 3, findings = '[{"severity":"warning","message":"w"},{"severity":"error","message":"A"},{"severity":"error","message":"B"},{"severity":"error","message":"C"}]'`, 0},
			{"blocked soon", soon, registration.StateBlocked, `blocking = 1, findings = '[{"severity":"error","message":"A"}]'`, 0},
			{"blocked past", past, registration.StateBlocked, `blocking = 1, reason = 'why'`, 0},
			{"failed", far, registration.StateFailed, "error = 'AWS said no'", 0},
			{"action", far, registration.StateActionRequired, "review_comment = 'who buys?'", 0},
			{"rejected", far, registration.StateRejected, "review_comment = 'too small'", 0},
			{"rejected long ago", far, registration.StateRejected, "", 15 * 24 * time.Hour},
			{"crm", far, registration.StateApproved, "crm_error = 'FIELD_INTEGRITY'", 0},
			{"conflict", far, registration.StateApproved, "conflicts = 1, refused = 1, stale_since = state_at, crm_error = 'no'", 0},
			{"refused field", far, registration.StateLaunched, "refused = 2, stale_since = state_at", 0},
			{"conflict of a rejected one", past, registration.StateRejected, "conflicts = 1", 15 * 24 * time.Hour},
			{"approved", past, registration.StateApproved, "", 100 * 24 * time.Hour},
			{"withdrawn", past, registration.StateWithdrawn, "", 0},
		} {
			owner := "005A"
			if x.name == "failed" {
				owner = "005B"
			}
			deal(x.name, x.close, owner)
			f.clock.Set(now.Add(-x.age))
			f.stand(t, x.name, cloud.AWS, x.state, x.more)
			f.clock.Set(now)
		}
		field := func(name, path, label string, status registration.FieldStatus, reason string) {
			if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
				_, err := tx.Exec(f.ctx, `INSERT INTO registration_field (registration_id, path, label, status, reason, since)
					SELECT r.id, ?, ?, ?, ?, ? FROM registration r JOIN opportunity o ON o.id = r.opportunity_id WHERE o.crm_id = ?`, path, label, status, reason, now, name)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		field("conflict", "a", "Next steps", registration.FieldConflict, "")
		field("conflict", "b", "Title", registration.FieldRefused, "too long")
		field("refused field", "a", "City", registration.FieldRefused, "no such city")
		field("refused field", "b", "Title", registration.FieldRefused, "too long")
		f.add(t, opportunity.Opportunity{CRMID: "gone", Name: "gone", Deleted: true})
		f.stand(t, "gone", cloud.AWS, registration.StateFailed, "")
		conns := connection.NewService(f.db, f.clock)
		for id, retry := range map[string]problem.Retry{"salesforce": problem.RetryHuman, "aws": problem.RetrySoon, "gcp": ""} {
			r := connection.Report{ID: id}
			if retry != "" {
				r.Err = problem.FromRemote(problem.Remote{System: id, Retry: retry}, "no", nil)
			}
			if err := conns.Report(f.ctx, r); err != nil {
				t.Fatal(err)
			}
		}
		today, err := f.Today(f.ctx, TodayQuery{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range today.Items {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s: %s", i.Name, i.Title)))
		}
		want := []string{
			": Salesforce cannot be reached",
			"action: AWS asks for a change",
			"failed: AWS Partner Central refused a call",
			"blocked past: One field to mend before it can be registered",
			"blocked soon: One field to mend before it can be registered",
			"conflict: One field was changed in Salesforce and in AWS Partner Central",
			"refused field: AWS Partner Central takes 2 fields not as they are",
			"crm: Salesforce refused the registration record",
			"blocked far: 3 fields to mend before it can be registered",
			": AWS Partner Central answers badly",
			"rejected: AWS rejected the deal",
			"waiting: AWS has not decided yet",
		}
		if !slices.Equal(got, want) || today.Total != len(want) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		reasons := map[string]string{"conflict": "Next steps · 1 more refused", "refused field": "City: no such city · and 1 more", "blocked far": "A · B · and 1 more", "blocked soon": "A", "blocked past": "why", "failed": "AWS said no", "action": "who buys?", "rejected": "too small", "crm": "FIELD_INTEGRITY", "waiting": "In review for 6 days"}
		for _, i := range today.Items {
			if want := reasons[i.Name]; i.Name != "" && (i.Reason != want || i.OpportunityID == "" || i.RegistrationID == "") {
				t.Errorf("%s: %+v", i.Name, i)
			}
		}
		if today.Counts[ItemBlocked] != 3 || today.Counts[ItemConnection] != 2 {
			t.Errorf("%v", today.Counts)
		}
		if mine, err := f.Today(f.ctx, TodayQuery{OwnerCRMID: "005B"}); err != nil || mine.Total != 3 {
			t.Errorf("%+v, %v", mine, err)
		}
		reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Level: authz.LevelReader})
		if seen, err := f.Today(reader, TodayQuery{}); err != nil || seen.Counts[ItemConnection] != 0 || seen.Total != len(want)-2 {
			t.Errorf("a reader sees the machinery: %+v, %v", seen.Counts, err)
		}
	})
}

// A day on which hundreds of deals are blocked still shows the one conflict.
func TestManyOfOneKindDoNotHideAnother(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		closes := date.Of(f.clock.Now()).AddDays(1)
		for n := range 130 {
			name := fmt.Sprintf("blocked %03d", n)
			f.add(t, opportunity.Opportunity{CRMID: name, Name: name, CloseOn: closes.AddDays(n)})
			f.stand(t, name, cloud.AWS, registration.StateBlocked, "")
		}
		for n := range 7 {
			name := fmt.Sprintf("waiting %d", n)
			f.add(t, opportunity.Opportunity{CRMID: name, Name: name})
			f.clock.Advance(-time.Duration(6+n) * 24 * time.Hour)
			f.stand(t, name, cloud.AWS, registration.StateInReview, "")
			f.clock.Advance(time.Duration(6+n) * 24 * time.Hour)
		}
		f.add(t, opportunity.Opportunity{CRMID: "rejected", Name: "rejected"})
		f.stand(t, "rejected", cloud.AWS, registration.StateRejected, "")
		for n := range 103 {
			f.offer(t, fmt.Sprintf("inv_%03d", n), invitation.StatePending, f.clock.Now().Add(time.Duration(20+n)*24*time.Hour))
		}
		for n := range 2 {
			f.offer(t, fmt.Sprintf("inv_link%d", n), invitation.StateAccepted, f.clock.Now().Add(9999*time.Hour))
		}
		s := approval.NewService(f.db, f.clock, opportunity.NewService(f.db, f.clock), registration.NewService(f.db, f.clock, nil, registration.DefaultPace), activity.NewService(f.db, f.clock))
		s.Handle("nothing", approval.Executor{Run: func(context.Context, *db.Tx, *approval.Request) error { return nil }})
		ann := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_Ann", Name: "Ann", Level: authz.LevelAssociate})
		dan := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_Dan", Name: "Dan", Level: authz.LevelDirector})
		for n := range 101 {
			if _, err := s.Do(ann, approval.Wish{Name: "nothing", Action: authz.ActionUpdate, Subject: fmt.Sprint(n), Title: "Change it", Unvalued: true}); err != nil {
				t.Fatal(err)
			}
		}
		all, err := f.Today(dan, TodayQuery{})
		if err != nil {
			t.Fatal(err)
		}
		shown := map[ItemKind]int{}
		for n, i := range all.Items {
			if shown[i.Kind]++; n > 0 && i.Urgency > all.Items[n-1].Urgency {
				t.Errorf("%s comes after what is less urgent", i.Title)
			}
		}
		// Five of each at least; what room is left goes to the most urgent, which are the requests.
		want := map[ItemKind]int{ItemApproval: 5 + 7, ItemBlocked: 5, ItemInvitation: 5, ItemToLink: 2, ItemWaiting: 5, ItemRejected: 1}
		if !maps.Equal(shown, want) || len(all.Items) != TodayPage {
			t.Errorf("%v of %d, want %v", shown, len(all.Items), want)
		}
		if counts := (map[ItemKind]int{ItemApproval: 101, ItemBlocked: 130, ItemInvitation: 103, ItemToLink: 2, ItemWaiting: 7, ItemRejected: 1}); !maps.Equal(all.Counts, counts) || all.Total != 344 {
			t.Errorf("%v, %d", all.Counts, all.Total)
		}
		if more := (map[ItemKind]int{ItemApproval: 89, ItemBlocked: 125, ItemInvitation: 98, ItemWaiting: 2}); !maps.Equal(all.More(), more) {
			t.Errorf("%v", all.More())
		}
		for _, i := range all.Items {
			if i.Kind == ItemBlocked && i.Name > "blocked 004" {
				t.Errorf("%s closes later than others", i.Name)
			}
		}
		one, err := f.Today(dan, TodayQuery{Kind: ItemBlocked})
		if err != nil || len(one.Items) != TodayLimit || one.Items[99].Name != "blocked 099" || one.More()[ItemBlocked] != 30 || one.Total != 344 {
			t.Errorf("%d %v, %v", len(one.Items), one.More(), err)
		}
	})
}

package aws

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	sandbox "github.com/tandem-cosell/tandem/sandbox/aws"
)

func listed(ctx context.Context, t *testing.T, b *Inbox, pending bool) []invitation.Summary {
	t.Helper()
	var out []invitation.Summary
	for s, err := range b.List(ctx, pending) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func value(facts []invitation.Fact, label string) string {
	for _, f := range facts {
		if f.Label == label {
			return f.Value
		}
	}
	return ""
}

// drafted gives the values of a draft by field, each of which says where it stands.
func drafted(t *testing.T, b *Inbox, i *invitation.Invitation, stages []string) map[string]string {
	t.Helper()
	list, err := b.Draft(i, stages)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, d := range list {
		if d.From == "" || d.Value == "" {
			t.Errorf("%+v", d)
		}
		out[d.Field] = d.Value
	}
	return out
}

func TestAReferralTellsAPartAndAcceptedTheRestAndMakesOneOpportunity(t *testing.T) {
	t.Parallel()
	p := openPortal(t, sandbox.Options{TaskDelay: time.Minute})
	b, ctx := NewInbox(p.Client), t.Context()
	p.control("refer", `{"opportunity":{"Customer":{"Account":{"CompanyName":"Amberfield Foods"}}},"message":"Help them, please"}`)
	rows := listed(ctx, t, b, true)
	if len(rows) != 1 || rows[0].Kind != invitation.KindOpportunity || rows[0].Status != invitation.StatusPending || rows[0].ExpiresAt.Sub(rows[0].SentAt) != 15*24*time.Hour || rows[0].EngagementID == "" {
		t.Fatalf("%+v", rows)
	}
	id := rows[0].RemoteID
	r, err := b.Get(ctx, id)
	if err != nil || r.CustomerName != "Amberfield Foods" || r.Message != "Help them, please" || value(r.Facts, "Business problem") == "" || value(r.Facts, "Sender contacts") != "" || len(r.Raw) == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if !slices.ContainsFunc(r.Hidden, func(f invitation.Fact) bool { return f.Label == "Street" }) {
		t.Fatalf("%+v", r.Hidden)
	}
	if _, found, err := b.AcceptTask(ctx, id, ""); found || err != nil {
		t.Fatal(found, err)
	}
	began, err := b.Accept(ctx, id, r.Kind, "token-1")
	if err != nil || began.ID == "" || began.Done {
		t.Fatalf("%+v %v", began, err)
	}
	if again, err := b.Accept(ctx, id, r.Kind, "token-1"); err != nil || again.ID != began.ID {
		t.Fatalf("the same token began another task: %+v %v", again, err)
	}
	if _, err := b.Accept(ctx, id, r.Kind, "token-2"); !problem.Is(err, problem.KindPrecondition) {
		t.Fatal(err)
	}
	if found, ok, err := b.AcceptTask(ctx, id, ""); err != nil || !ok || found.ID != began.ID {
		t.Fatalf("%+v %v %v", found, ok, err)
	}
	p.control("clock", `{"advance":"2m"}`)
	done, ok, err := b.AcceptTask(ctx, id, began.ID)
	if err != nil || !ok || !done.Done || !strings.HasPrefix(done.RemoteOppID, "O") {
		t.Fatalf("%+v %v", done, err)
	}
	if r, err = b.Get(ctx, id); err != nil || r.Status != invitation.StatusAccepted || len(r.Hidden) != 0 || !strings.Contains(value(r.Facts, "Sender contacts"), "@") {
		t.Fatalf("%+v %v", r, err)
	}
	o, err := b.Opportunity(ctx, done.RemoteOppID)
	stages := []string{"1-Discovery", "2-Scoping", "3-Technical Evaluation"}
	before, after := invitation.Invitation{Payload: string(r.Raw)}, invitation.Invitation{Payload: string(r.Raw), RemoteRecord: string(o.Raw)}
	if got := drafted(t, b, &after, stages); got[invitation.FieldName] == "" || got[invitation.FieldCloseOn] != value(o.Facts, "Target close") || got["account.name"] != "Amberfield Foods" ||
		got[invitation.FieldStage] != "1-Discovery" || got[invitation.FieldDescription] == "" || got[invitation.FieldLeadSource] != "AWS" || got[invitation.FieldType] != "New Business" || got["account.website"] == "" {
		t.Fatalf("%v", got)
	}
	if got := drafted(t, b, &before, nil); got["account.name"] != "Amberfield Foods" || got[invitation.FieldName] != value(r.Facts, "Project") || got[invitation.FieldStage] != "" {
		t.Fatalf("%v", got)
	}
	if err != nil || value(o.Facts, "Street") == "" || value(o.Facts, "Customer contacts") == "" || value(o.Facts, "Customer") != "Amberfield Foods" || len(o.Raw) == 0 {
		t.Fatalf("%+v %v", o, err)
	}
	if made, err := b.Made(ctx, r.EngagementID); err != nil || made != done.RemoteOppID {
		t.Fatal(made, err)
	}
	if len(listed(ctx, t, b, true)) != 0 || len(listed(ctx, t, b, false)) != 1 {
		t.Fatal("the list of what is pending is not that")
	}
	if _, err := b.Accept(ctx, "engi-0000000000000", r.Kind, "token-3"); !problem.Is(err, problem.KindNotFound) {
		t.Fatal(err)
	}
}

func TestEveryReasonOfTheListRejectsAndAnAnsweredInvitationIsToBeLookedAt(t *testing.T) {
	t.Parallel()
	p := openPortal(t, sandbox.Options{})
	b, ctx := NewInbox(p.Client), t.Context()
	p.control("refer", `{"count":5}`)
	for n, row := range listed(ctx, t, b, true) {
		reason := b.Rejections()[n]
		if err := b.Reject(ctx, row.RemoteID, reason); err != nil {
			t.Fatal(reason, err)
		}
		if err := b.Reject(ctx, row.RemoteID, reason); !problem.Is(err, problem.KindPrecondition) {
			t.Fatal(err)
		}
		r, err := b.Get(ctx, row.RemoteID)
		if err != nil || r.Status != invitation.StatusRejected || r.Rejection != reason {
			t.Fatalf("%+v %v", r, err)
		}
	}
	p.control("refer", `{}`)
	last := listed(ctx, t, b, true)[0]
	p.control("clock", `{"advance":"361h"}`)
	if r, err := b.Get(ctx, last.RemoteID); err != nil || r.Status != invitation.StatusExpired {
		t.Fatalf("%+v %v", r, err)
	}
	if err := b.Reject(ctx, last.RemoteID, "Nonsense"); err == nil {
		t.Fatal("taken")
	}
}

func TestALeadIsAcceptedAtOnceAndMadeAnOpportunityByATask(t *testing.T) {
	t.Parallel()
	p := openPortal(t, sandbox.Options{})
	b, ctx := NewInbox(p.Client), t.Context()
	p.control("refer", `{"kind":"lead"}`)
	row := listed(ctx, t, b, true)[0]
	r, err := b.Get(ctx, row.RemoteID)
	if err != nil || r.Kind != invitation.KindLead || r.CustomerName == "" || r.Title == "" || len(r.Hidden) == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if task, err := b.Accept(ctx, row.RemoteID, r.Kind, "unused"); err != nil || !task.Done || task.ID != "" {
		t.Fatalf("%+v %v", task, err)
	}
	if _, err := b.Accept(ctx, row.RemoteID, r.Kind, "unused"); !problem.Is(err, problem.KindPrecondition) {
		t.Fatal(err)
	}
	if made, err := b.Made(ctx, r.EngagementID); made != "" || err != nil {
		t.Fatal(made, err)
	}
	lead, err := b.Lead(ctx, r.EngagementID)
	if err != nil || lead == "" {
		t.Fatal(lead, err)
	}
	if _, found, err := b.ConvertTask(ctx, r.EngagementID, lead, ""); found || err != nil {
		t.Fatal(found, err)
	}
	began, err := b.Convert(ctx, r.EngagementID, lead, "token-1")
	if err != nil {
		t.Fatal(err)
	}
	done, found, err := b.ConvertTask(ctx, r.EngagementID, lead, began.ID)
	if err != nil || !found || !done.Done || done.RemoteOppID == "" {
		t.Fatalf("%+v %v", done, err)
	}
	if again, found, err := b.ConvertTask(ctx, r.EngagementID, lead, ""); err != nil || !found || again.RemoteOppID != done.RemoteOppID {
		t.Fatalf("%+v %v", again, err)
	}
	if o, err := b.Opportunity(ctx, done.RemoteOppID); err != nil || o.CustomerName == "" {
		t.Fatalf("%+v %v", o, err)
	}
}

func TestInvitationsFillMoreThanOnePage(t *testing.T) {
	t.Parallel()
	p := openPortal(t, sandbox.Options{})
	p.control("refer", `{"count":230}`)
	rows := listed(t.Context(), t, NewInbox(p.Client), true)
	if len(rows) != 230 {
		t.Fatal(len(rows))
	}
}

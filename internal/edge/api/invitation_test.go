package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/edge/api"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// offered lets AWS offer us a deal for a customer and gives it when Tandem has it.
func (w *world) offered(t *testing.T, customer string) api.Invitation {
	t.Helper()
	return w.referred(t, customer, `{"opportunity":{"Customer":{"Account":{"CompanyName":"`+customer+`"}}}}`)
}

// referred is offered for whatever the sandbox's control takes.
func (w *world) referred(t *testing.T, customer, referral string) api.Invitation {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.aws+"/_control/refer", strings.NewReader(referral))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if err := w.app.Sync.FollowInvitations(authz.With(t.Context(), authz.System), cloud.AWS, false); err != nil {
		t.Fatal(err)
	}
	for _, i := range into[items[api.Invitation]](t, w.get(t, "/invitations?limit=200&state=pending").want(t, http.StatusOK)).Items {
		if i.CustomerName == customer {
			return i
		}
	}
	t.Fatalf("the offer for %s is not listed", customer)
	return api.Invitation{}
}

// lead lets AWS offer us a lead, and gives it accepted.
func (w *world) lead(t *testing.T, customer string) api.InvitationDetail {
	t.Helper()
	i := w.referred(t, customer, `{"kind":"lead","lead":{"Customer":{"CompanyName":"`+customer+`"}}}`)
	w.do(t, call{method: http.MethodPost, path: "/invitations/" + i.ID + "/accept"}).want(t, http.StatusAccepted)
	return w.invitation(t, i.ID, "accepted")
}

func (w *world) invitation(t *testing.T, id, state string) api.InvitationDetail {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(30 * time.Millisecond) {
		i := into[api.InvitationDetail](t, w.get(t, "/invitations/"+id).want(t, http.StatusOK))
		if i.State == state && i.DueAt == nil {
			return i
		}
	}
	t.Fatalf("it does not become %s: %s", state, w.get(t, "/invitations/"+id).body)
	return api.InvitationDetail{}
}

func TestAnInvitationIsAcceptedAndLinkedOnceAndARepeatIsTheSame(t *testing.T) {
	t.Parallel()
	i := shared.offered(t, "Ampersand Freight")
	if i.State != "pending" || len(i.Hidden) == 0 || i.ExpiresAt == nil {
		t.Fatalf("%+v", i)
	}
	path := "/invitations/" + i.ID
	dry := into[api.InvitationAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "/accept?dry_run=true"}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Invitation.State != "pending" || dry.Invitation.Version != i.Version {
		t.Fatalf("%+v", dry)
	}
	accept := call{method: http.MethodPost, path: path + "/accept", header: map[string]string{"Idempotency-Key": "accept " + i.ID, "If-Match": `"1-x"`}}
	first := shared.do(t, accept).want(t, http.StatusAccepted)
	again := shared.do(t, accept).want(t, http.StatusAccepted)
	if again.header.Get("Idempotency-Replayed") != "true" || string(again.body) != string(first.body) {
		t.Fatalf("the repeat: %s", again.body)
	}
	d := shared.invitation(t, i.ID, "accepted")
	if !d.Linkable || d.RemoteOpportunityID == "" || len(d.Hidden) != 0 || d.RemoteRecord == nil || d.AnsweredBy != "Dora Director" || len(d.Events) < 3 {
		t.Fatalf("%+v", d)
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/accept"}).refusal(t, http.StatusConflict, "already_answered")
	shared.do(t, call{method: http.MethodPost, path: path + "/convert"}).refusal(t, http.StatusConflict, "not_convertible")
	shared.do(t, call{method: http.MethodPost, path: path + "/link", body: `{"opportunity_id":"opp_x"}`}).refusal(t, http.StatusUnprocessableEntity, "unknown_opportunity")
	deal := shared.unjoint(t, 7)
	linked := into[api.InvitationAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "/link", body: `{"opportunity_id":"` + deal.ID + `"}`}).want(t, http.StatusAccepted))
	if linked.Invitation.State != "linked" || linked.Invitation.OpportunityID != deal.ID {
		t.Fatalf("%+v", linked)
	}
	r := into[api.RegistrationDetail](t, shared.get(t, "/registrations/"+linked.Invitation.RegistrationID).want(t, http.StatusOK))
	if r.RemoteID != d.RemoteOpportunityID || r.OpportunityID != deal.ID {
		t.Fatalf("%+v", r)
	}
}

func TestAnInvitationIsRejectedForOneOfTheReasonsThatItLists(t *testing.T) {
	t.Parallel()
	i := shared.offered(t, "Bracket Pharma")
	path := "/invitations/" + i.ID
	p := shared.do(t, call{method: http.MethodPost, path: path + "/reject", body: `{"reason":"no"}`}).refusal(t, http.StatusUnprocessableEntity, "unknown_value")
	if len(p.Errors) != 1 || p.Errors[0].Field != "reason" {
		t.Fatalf("%+v", p)
	}
	d := into[api.InvitationDetail](t, shared.get(t, path).want(t, http.StatusOK))
	shared.do(t, call{token: shared.reader.all, method: http.MethodPost, path: path + "/reject", body: `{"reason":"Other"}`}).refusal(t, http.StatusForbidden, "not_allowed")
	shared.do(t, call{method: http.MethodPost, path: path + "/reject", body: `{"reason":"` + d.Rejections[0] + `"}`, header: map[string]string{"If-Match": `"7-x"`}}).want(t, http.StatusPreconditionFailed)
	shared.do(t, call{method: http.MethodPost, path: path + "/reject", body: `{"reason":"` + d.Rejections[0] + `"}`}).want(t, http.StatusAccepted)
	if d = shared.invitation(t, i.ID, "rejected"); d.Rejection != d.Rejections[0] {
		t.Fatalf("%+v", d)
	}
}

func TestAnAnswerOfAnAssociateWaitsForADirectorAndGoesOutWhenApproved(t *testing.T) {
	t.Parallel()
	i := shared.offered(t, "Cornice Works")
	path := "/invitations/" + i.ID
	dry := into[api.InvitationAnswered](t, shared.do(t, call{token: shared.associate.all, method: http.MethodPost, path: path + "/accept?dry_run=true"}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Approval != nil {
		t.Fatalf("%+v", dry)
	}
	accept := call{token: shared.associate.all, method: http.MethodPost, path: path + "/accept", header: map[string]string{"Idempotency-Key": "ask " + i.ID, "If-Match": `"1-x"`}}
	first := shared.do(t, accept).want(t, http.StatusAccepted)
	if again := shared.do(t, accept).want(t, http.StatusAccepted); again.header.Get("Idempotency-Replayed") != "true" || string(again.body) != string(first.body) {
		t.Fatalf("the repeat: %s", again.body)
	}
	asked := into[api.InvitationAnswered](t, first)
	a := asked.Approval
	if a == nil || a.State != "pending" || a.Action != "accept_invitation" || a.Subject != i.ID || a.Title != "Accept the referral from AWS" || a.AccountName != "Cornice Works" || asked.Invitation.State != "pending" || asked.Invitation.Version != i.Version {
		t.Fatalf("%+v", asked)
	}
	list := into[items[api.Approval]](t, shared.get(t, "/approvals?state=pending&subject="+i.ID).want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].ID != a.ID {
		t.Fatalf("%+v", list)
	}
	today := into[api.Today](t, shared.get(t, "/today").want(t, http.StatusOK))
	found := false
	for _, x := range today.Items {
		found = found || x.Kind == "approval" && x.Approval != nil && x.Approval.ID == a.ID && x.ExpiresAt != nil
		if x.InvitationID == i.ID {
			t.Errorf("it waits for an answer beside the request: %+v", x)
		}
	}
	if !found {
		t.Fatal("the request is not in the Director's Today")
	}
	shared.do(t, call{token: shared.associate.all, method: http.MethodPost, path: "/approvals/" + a.ID + "/approve", body: `{}`}).refusal(t, http.StatusForbidden, "not_allowed")
	done := into[api.Approval](t, shared.do(t, call{method: http.MethodPost, path: "/approvals/" + a.ID + "/approve", body: `{"note":"Go"}`}).want(t, http.StatusOK))
	if done.State != "approved" {
		t.Fatalf("%+v", done)
	}
	d := shared.invitation(t, i.ID, "accepted")
	if d.AnsweredBy != shared.associate.person.Name || d.RemoteOpportunityID == "" {
		t.Fatalf("%+v", d)
	}
}

func TestManyInvitationsAreAcceptedEachByItself(t *testing.T) {
	t.Parallel()
	one, two := shared.offered(t, "Caret Logistics"), shared.offered(t, "Dash Dairy")
	post := func(query string) []api.InvitationTaken {
		return into[items[api.InvitationTaken]](t, shared.do(t, call{method: http.MethodPost, path: "/invitations/accept" + query, body: `{"ids":["` + one.ID + `","inv_none","` + two.ID + `"]}`}).want(t, http.StatusOK)).Items
	}
	if got := post("?dry_run=true"); len(got) != 3 || !got[0].Accepted || got[0].State != "pending" || got[1].Accepted || got[1].Code != "not_found" || got[1].Error == "" || !got[2].Accepted {
		t.Fatalf("%+v", got)
	}
	if got := post(""); len(got) != 3 || !got[0].Accepted || got[1].Accepted || !got[2].Accepted || got[2].State == "pending" {
		t.Fatalf("%+v", got)
	}
	for _, id := range []string{one.ID, two.ID} {
		if d := shared.invitation(t, id, "accepted"); d.RemoteOpportunityID == "" {
			t.Errorf("%+v", d)
		}
	}
}

func TestALeadIsDismissedWithAReasonAndTakenBack(t *testing.T) {
	t.Parallel()
	i := shared.lead(t, "Ember Textiles")
	if !i.Dismissible || !i.Convertible {
		t.Fatalf("%+v", i)
	}
	path := "/invitations/" + i.ID
	shared.do(t, call{token: shared.reader.all, method: http.MethodPost, path: path + "/dismiss", body: `{"reason":"no"}`}).refusal(t, http.StatusForbidden, "not_allowed")
	if p := shared.do(t, call{method: http.MethodPost, path: path + "/dismiss", body: `{"reason":" "}`}).refusal(t, http.StatusUnprocessableEntity, "required"); p.Errors[0].Field != "dismissal" {
		t.Fatalf("%+v", p)
	}
	dry := into[api.InvitationAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "/dismiss?dry_run=true", body: `{"reason":"no"}`}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Invitation.State != "accepted" {
		t.Fatalf("%+v", dry)
	}
	gone := into[api.InvitationAnswered](t, shared.do(t, call{token: shared.associate.all, method: http.MethodPost, path: path + "/dismiss", body: `{"reason":"No budget this year"}`}).want(t, http.StatusOK))
	if gone.Invitation.State != "dismissed" || gone.Invitation.Reason != "No budget this year" || gone.Approval != nil {
		t.Fatalf("%+v", gone)
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/convert"}).refusal(t, http.StatusConflict, "not_convertible")
	back := into[api.InvitationAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "/restore"}).want(t, http.StatusOK))
	if back.Invitation.State != "accepted" {
		t.Fatalf("%+v", back)
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/restore"}).refusal(t, http.StatusConflict, "not_dismissed")
	if i = shared.invitation(t, i.ID, "accepted"); !i.Dismissible || len(i.Events) < 5 {
		t.Fatalf("%+v", i)
	}
}

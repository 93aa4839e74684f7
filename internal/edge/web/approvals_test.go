package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// blockedDeal gives a deal that waits at AWS for a field to be mended.
func (h *house) blockedDeal(t *testing.T) workspace.Item {
	t.Helper()
	h.check(t)
	today, err := h.app.Workspace.Today(h.ctx, workspace.TodayQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range today.Items {
		if i.Kind == workspace.ItemBlocked {
			return i
		}
	}
	t.Fatal("nothing is blocked in the small organisation")
	return workspace.Item{}
}

// pending gives the only request that waits.
func (h *house) pending(t *testing.T) approval.Request {
	t.Helper()
	rows, _, err := h.app.Approvals.List(h.ctx, approval.Query{States: []approval.State{approval.StatePending}})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d requests wait, %v", len(rows), err)
	}
	return rows[0]
}

func TestASubmissionWaitsOnTodayAndIsApprovedOrRefusedThere(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	item := h.blockedDeal(t)
	ada, dora, rita := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Rita Reader", authz.LevelReader)
	deal := "/opportunities/" + item.OpportunityID
	ada.sees("/approvals", 200, "You asked for nothing")
	dora.sees("/approvals", 200, "Nothing waits for you")
	ask := func() approval.Request {
		t.Helper()
		if got := ada.post(deal+"/register", url.Values{"cloud": {"aws"}}); got.status != http.StatusSeeOther {
			t.Fatalf("ask: %d %.300s", got.status, got.text)
		}
		ada.sees(deal, 200, "Sent to Dora Director for approval: it goes out by itself when approved", "Asked for approval: Submit to AWS Partner Central")
		return h.pending(t)
	}
	x := ask()
	at := "/approvals/" + x.ID
	ada.sees("/", 200, "Waits for approval: Submit to AWS Partner Central", "See the request")
	ada.sees(at, 200, "Waits for a Director", "Take back", "!Why not")
	dora.sees("/?kind=approval", 200, "Ada Associate asks: Submit to AWS Partner Central", "An Associate's work goes to the partner after a Director approved it", "Approve", "Refuse…", item.Name, `action="`+at+`/approve"`)
	dora.sees("/approvals", 200, "Submit to AWS Partner Central", item.Name, "Ada Associate")
	dora.sees(at, 200, "Approve", "Why not", item.Name, "An Associate's work", "!Take back")
	rita.sees("/", 200, "!asks: Submit")
	for _, v := range []*visitor{ada, rita} {
		for _, act := range []string{"approve", "refuse"} {
			if got := v.post(at+"/"+act, url.Values{"note": {"x"}}); got.status != http.StatusForbidden {
				t.Errorf("%s may %s: %d", v.person.Name, act, got.status)
			}
		}
	}
	dora.post(at+"/refuse", url.Values{"version": {"1"}}).holds(t, "a refusal without a note", http.StatusUnprocessableEntity, "Say why, so that who asked knows what to do")
	dora.post(at+"/approve", url.Values{"version": {"9"}}).holds(t, "another version", http.StatusPreconditionFailed, "The request changed since you opened it")
	if got := dora.post(at+"/refuse", url.Values{"version": {"1"}, "note": {"Mend the <b>fields</b> first"}, "back": {"/"}}); got.header.Get("Location") != "/" {
		t.Fatalf("refuse: %d %.300s", got.status, got.text)
	}
	ada.sees("/", 200, "Dora Director did not approve: Submit to AWS Partner Central", "Mend the <b>fields</b> first", "Got it")
	dora.post(at+"/approve", nil).holds(t, "decided twice", http.StatusConflict, "decided already by Dora Director")
	if got := ada.post(at+"/seen", url.Values{"back": {"/"}}); got.status != http.StatusSeeOther {
		t.Fatalf("seen: %d", got.status)
	}
	ada.sees("/", 200, "!did not approve")

	x = ask()
	at = "/approvals/" + x.ID
	if got := ada.post(at+"/withdraw", url.Values{"version": {"1"}}); got.status != http.StatusSeeOther {
		t.Fatalf("take back: %d %.300s", got.status, got.text)
	}
	dora.sees("/", 200, "!asks: Submit")

	x = ask()
	at = "/approvals/" + x.ID
	if got := dora.post(at+"/approve", url.Values{"version": {"1"}, "back": {"/?kind=approval"}}); got.header.Get("Location") != "/?kind=approval" {
		t.Fatalf("approve: %d %.300s", got.status, got.text)
	}
	dora.sees("/", 200, "Approved: it goes out now, in Ada Associate's name", "!asks: Submit")
	have, err := registration.ByOpportunities(h.ctx, h.app.DB, []string{item.OpportunityID})
	if err != nil || have[item.OpportunityID][0].State != registration.StateChecking {
		t.Fatalf("it is not on its way: %+v, %v", have, err)
	}
	ada.sees("/", 200, "Dora Director approved: Submit to AWS Partner Central")
	ada.sees("/approvals?box=decided", 200, "Approved", "Refused", "Withdrawn")
	dora.sees("/approvals?box=nothing", 422)
	dora.sees("/approvals/apr_nothing", 404)
}

func TestAnOutOfDateRequestIsToldOfInsteadOfDone(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	item := h.blockedDeal(t)
	ada, dora := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Dora Director", authz.LevelDirector)
	if got := ada.post("/opportunities/bulk/joint/confirm", url.Values{"id": {item.OpportunityID}, "cloud": {"aws"}, "joint": {"yes"}, "reason": {"Sold together"}}); got.status != 200 || !strings.Contains(got.text, "Waits for approval") || !strings.Contains(got.text, "0 of 1 were decided, 1 wait for approval") {
		t.Fatalf("%d %.500s", got.status, got.text)
	}
	x := h.pending(t)
	no := false
	if err := h.app.Opportunities.MarkJoint(h.ctx, item.OpportunityID, cloud.AWS, &no, "lost them"); err != nil {
		t.Fatal(err)
	}
	if got := dora.post("/approvals/"+x.ID+"/approve", url.Values{"version": {"1"}, "back": {"/"}}); got.header.Get("Location") != "/approvals/"+x.ID {
		t.Fatalf("%d %.300s", got.status, got.text)
	}
	dora.sees("/approvals/"+x.ID, 200, "It was out of date and was not done", "Out of date", "decided anew whether it is joint with AWS")
	joint, err := opportunity.JointOf(h.ctx, h.app.DB, []string{item.OpportunityID})
	if err != nil || len(opportunity.JointWith(joint[item.OpportunityID])) != 0 {
		t.Fatalf("%+v, %v", joint, err)
	}
}

func TestADirectorSetsTheValueUpToWhichAnABDMWorksAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dora := h.visitor(t, "Dora Director", authz.LevelDirector)
	dora.post("/settings/policies", url.Values{"version": {"0"}, "threshold_usd": {"much"}}).holds(t, "no number", http.StatusUnprocessableEntity, "Give a whole number of US dollars")
	dora.post("/settings/policies", url.Values{"version": {"0"}, "threshold_usd": {"-5"}}).holds(t, "below zero", http.StatusUnprocessableEntity, "Use a whole number of US dollars")
	if got := dora.post("/settings/policies", url.Values{"version": {"0"}, "threshold_usd": {"400,000"}}); got.status != http.StatusSeeOther {
		t.Fatalf("%d %.300s", got.status, got.text)
	}
	dora.sees("/settings/policies", 200, `value="400000"`, "changed by Dora Director", `"threshold_usd":400000`)
	dora.post("/settings/policies", url.Values{"version": {"0"}, "threshold_usd": {"5"}}).holds(t, "an old version", http.StatusPreconditionFailed, "Somebody changed the value while you were editing", `value="5"`)
}

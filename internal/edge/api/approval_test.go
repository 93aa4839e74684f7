package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

func TestAWishThatNeedsApprovalAnswers202WithTheApprovalAndGoesOutWhenApproved(t *testing.T) {
	t.Parallel()
	before := into[api.ApprovalRulesSetting](t, shared.get(t, "/settings/approval-rules").want(t, http.StatusOK))
	if before.Rules.ThresholdUSD != 250_000 || !before.Default {
		t.Fatalf("%+v", before)
	}
	var deal api.OpportunityRow
	for n := 10; ; n++ {
		if deal = shared.unjoint(t, n); deal.Amount != nil && deal.Amount.Currency == "USD" && deal.Amount.Minor > 25_000_000 {
			break
		}
	}
	mark := call{token: shared.abdm.all, method: http.MethodPut, path: "/opportunities/" + deal.ID + "/joint/aws", body: `{"joint":true,"reason":"sold together"}`, header: map[string]string{"Idempotency-Key": "ask-" + deal.ID}}
	asked := into[api.MarkedJoint](t, shared.do(t, mark).want(t, http.StatusAccepted))
	a := asked.Approval
	if a == nil || a.State != "pending" || len(a.Why) != 1 || a.Why[0] != "The deal is worth more than an ABDM decides on alone" || a.DealName != deal.Name || a.Amount == nil || len(asked.Items) != 0 {
		t.Fatalf("%+v", asked)
	}
	if again := shared.do(t, mark).want(t, http.StatusAccepted); again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the repeat was done anew")
	}
	path := "/approvals/" + a.ID
	got := shared.get(t, path).want(t, http.StatusOK)
	shared.do(t, call{token: shared.abdm.all, method: http.MethodPost, path: path + "/approve", body: `{}`}).refusal(t, http.StatusForbidden, "not_allowed")
	shared.do(t, call{method: http.MethodPost, path: path + "/withdraw"}).refusal(t, http.StatusForbidden, "not_yours")
	shared.do(t, call{method: http.MethodPost, path: path + "/refuse", body: `{}`}).refusal(t, http.StatusUnprocessableEntity, "required")
	shared.do(t, call{method: http.MethodPost, path: path + "/approve", body: `{}`, header: map[string]string{"If-Match": `"7-0"`}}).refusal(t, http.StatusPreconditionFailed, "stale_version")
	list := into[items[api.Approval]](t, shared.get(t, "/approvals?state=pending&opportunity_id="+deal.ID).want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].ID != a.ID {
		t.Fatalf("%+v", list)
	}
	approve := call{method: http.MethodPost, path: path + "/approve", body: `{"note":"Go"}`, header: map[string]string{"If-Match": got.header.Get("ETag"), "Idempotency-Key": "yes-" + a.ID}}
	done := into[api.Approval](t, shared.do(t, approve).want(t, http.StatusOK))
	if done.State != "approved" || done.DecidedByName != shared.director.person.Name || done.Note != "Go" {
		t.Fatalf("%+v", done)
	}
	if again := into[api.Approval](t, shared.do(t, approve).want(t, http.StatusOK)); again.State != "approved" {
		t.Errorf("%+v", again)
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/approve", body: `{}`}).refusal(t, http.StatusConflict, "already_decided")
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		regs := into[items[api.Registration]](t, shared.get(t, "/registrations?opportunity_id="+deal.ID).want(t, http.StatusOK)).Items
		if len(regs) == 1 && (regs[0].RemoteID != "" || regs[0].State == "blocked") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it did not go out: %+v", regs)
		}
	}
}

func TestARegistrationThatNeedsApprovalSaysSo(t *testing.T) {
	t.Parallel()
	for _, row := range shared.opportunities(t, "cloud=aws&state=blocked") {
		if row.Amount != nil && row.Amount.Currency == "USD" && row.Amount.Minor <= 25_000_000 {
			continue
		}
		c := call{token: shared.abdm.all, method: http.MethodPost, path: "/opportunities/" + row.ID + "/registrations", body: `{"cloud":"aws"}`}
		r := into[api.Registered](t, shared.do(t, c).want(t, http.StatusAccepted))
		if r.Approval == nil || r.Approval.Action != "register" || r.Registration.State != "blocked" {
			t.Fatalf("%+v", r)
		}
		again := into[api.Registered](t, shared.do(t, c).want(t, http.StatusAccepted))
		if again.Approval == nil || again.Approval.ID != r.Approval.ID {
			t.Errorf("asked twice: %+v", again.Approval)
		}
		back := into[api.Approval](t, shared.do(t, call{token: shared.abdm.all, method: http.MethodPost, path: "/approvals/" + r.Approval.ID + "/withdraw"}).want(t, http.StatusOK))
		if back.State != "withdrawn" {
			t.Errorf("%+v", back)
		}
		return
	}
	t.Fatal("no blocked deal is above the value in this organisation: raise its deals or lower the value")
}

package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

const nextSteps = "LifeCycle.NextSteps"

// approvedOne gives the nth registration that AWS approved: each test that changes
// one takes its own.
func (w *world) approvedOne(t *testing.T, n int) api.Registration {
	t.Helper()
	list := into[api.Page[api.Registration]](t, w.get(t, "/registrations?state=approved&cloud=aws").want(t, http.StatusOK)).Items
	if len(list) <= n {
		t.Fatalf("%d registrations are approved", len(list))
	}
	return list[n]
}

func (w *world) fields(t *testing.T, id string) api.RegistrationFields {
	t.Helper()
	return into[api.RegistrationFields](t, w.get(t, "/registrations/"+id+"/fields").want(t, http.StatusOK))
}

// within asks until check holds.
func within(t *testing.T, what string, check func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if check() {
			return
		}
	}
	t.Fatal(what)
}

func TestAFieldIsTriedChangedAndSent(t *testing.T) {
	t.Parallel()
	r := shared.approvedOne(t, 0)
	path := "/registrations/" + r.ID + "/fields"
	dry := into[api.FieldsPut](t, shared.do(t, call{method: http.MethodPut, path: path + "?dry_run=true", body: `{"values":{"LifeCycle.NextSteps":"Tried only","Customer.Account.CompanyName":"Another"}}`}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Sends[nextSteps] != "Tried only" || len(dry.Sends) != 1 || len(dry.Locks) != 1 || !dry.Locks[0].Final || dry.Locks[0].Reason == "" {
		t.Errorf("the dry run says %+v", dry)
	}
	if f := shared.fields(t, r.ID); len(f.Edits) != 0 {
		t.Errorf("the dry run changed something: %+v", f)
	}
	dry = into[api.FieldsPut](t, shared.do(t, call{method: http.MethodPut, path: path, body: `{"dry_run":true,"values":{"LifeCycle.NextSteps":"` + strings.Repeat("x", 300) + `"}}`}).want(t, http.StatusOK))
	if len(dry.Findings) == 0 || len(dry.Sends) != 0 {
		t.Errorf("300 characters pass: %+v", dry)
	}
	shared.do(t, call{method: http.MethodPut, path: path, body: `{"values":{"LifeCycle.NextSteps":"x"}}`, header: map[string]string{"If-Match": `"99999-x"`}}).refusal(t, http.StatusPreconditionFailed, "stale_version")
	shared.do(t, call{method: http.MethodPut, path: path, body: `{"values":{"Nonsense":"x"}}`}).want(t, http.StatusUnprocessableEntity)
	shared.do(t, call{token: shared.reader.all, method: http.MethodPut, path: path, body: `{"values":{"LifeCycle.NextSteps":"x"}}`}).want(t, http.StatusForbidden)
	put := into[api.FieldsPut](t, shared.do(t, call{token: shared.abdm.all, method: http.MethodPut, path: path, body: `{"values":{"LifeCycle.NextSteps":"Ours <now>"}}`, header: map[string]string{"Idempotency-Key": "put-" + r.ID}}).want(t, http.StatusOK))
	if put.DryRun || put.Registration.ID != r.ID {
		t.Errorf("%+v", put)
	}
	within(t, "the change does not reach the portal", func() bool { return len(shared.fields(t, r.ID).Fields) == 0 })
	calls := into[items[api.PortalCall]](t, shared.get(t, "/registrations/"+r.ID+"/calls?limit=20").want(t, http.StatusOK)).Items
	found := false
	for _, c := range calls {
		found = found || c.Operation == "Update" && c.Outcome == "done" && strings.Contains(c.Request, "Ours ")
	}
	if !found {
		t.Errorf("the log has no update: %+v", calls)
	}
	shared.do(t, call{method: http.MethodPost, path: "/registrations/" + r.ID + "/refresh"}).want(t, http.StatusAccepted)
	shared.do(t, call{method: http.MethodPost, path: "/registrations/" + r.ID + "/resend"}).want(t, http.StatusAccepted)
}

func TestAConflictIsListedAndSettledByThoseWhoSawIt(t *testing.T) {
	t.Parallel()
	r := shared.approvedOne(t, 1)
	resp, err := http.Post(shared.portal+"/_control/edit", "application/json", strings.NewReader(`{"opportunity":"`+r.RemoteID+`","set":{"LifeCycle.NextSteps":"Theirs"}}`)) //nolint:noctx // a sandbox's own control
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
	shared.do(t, call{method: http.MethodPut, path: "/registrations/" + r.ID + "/fields", body: `{"values":{"LifeCycle.NextSteps":"Ours"}}`}).want(t, http.StatusOK)
	var c api.Conflict
	within(t, "no conflict is listed", func() bool {
		for _, x := range into[items[api.Conflict]](t, shared.get(t, "/conflicts?limit=500").want(t, http.StatusOK)).Items {
			if x.RegistrationID == r.ID {
				c = x
				return true
			}
		}
		return false
	})
	if c.Path != nextSteps || c.Ours != "Ours" || c.Theirs != "Theirs" || c.OursText != "Ours" || c.Label != "Next steps" || c.OpportunityName == "" || c.Since == nil {
		t.Errorf("%+v", c)
	}
	settle := func(ours, choice string) answer {
		return shared.do(t, call{method: http.MethodPost, path: "/registrations/" + r.ID + "/conflicts/settle", body: `{"path":"LifeCycle.NextSteps","choice":"` + choice + `","ours":"` + ours + `","theirs":"Theirs"}`})
	}
	settle("Never seen", "ours").refusal(t, http.StatusPreconditionFailed, "moved_on")
	settle("Ours", "shrug").want(t, http.StatusUnprocessableEntity)
	settle("Ours", "ours").want(t, http.StatusOK)
	settle("Ours", "ours").refusal(t, http.StatusNotFound, "conflict_not_found")
	within(t, "it is not sent", func() bool { return len(shared.fields(t, r.ID).Fields) == 0 })
}

func TestWhoWinsEachFieldIsChangedByDirectors(t *testing.T) {
	t.Parallel()
	a := shared.get(t, "/settings/field-owners").want(t, http.StatusOK)
	was := into[api.FieldOwnersSetting](t, a)
	if len(was.Fields) < 20 || was.Fields[0].Owner != "ask" || was.Version != 0 {
		t.Fatalf("%+v", was)
	}
	put := func(token, tag, body string) answer {
		return shared.do(t, call{token: token, method: http.MethodPut, path: "/settings/field-owners", body: body, header: map[string]string{"If-Match": tag}})
	}
	tag := a.header.Get("ETag")
	put(shared.abdm.all, tag, `{}`).want(t, http.StatusForbidden)
	put("", tag, `{"aws":{"Project.Title":"mine"}}`).want(t, http.StatusUnprocessableEntity)
	put("", tag, `{"aws":{"Nonsense":"ours"}}`).want(t, http.StatusUnprocessableEntity)
	now := into[api.FieldOwnersSetting](t, put("", tag, `{"aws":{"Project.CompetitorName":"theirs"}}`).want(t, http.StatusOK))
	if now.Version != 1 || now.Owners.AWS["Project.CompetitorName"] != "theirs" {
		t.Errorf("%+v", now.Owners)
	}
	put("", tag, `{}`).refusal(t, http.StatusPreconditionFailed, "stale_version")
}

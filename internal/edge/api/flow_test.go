package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestMeSaysWhoAsksAndWhatTheyMay(t *testing.T) {
	t.Parallel()
	me := into[api.Me](t, shared.do(t, call{token: shared.abdm.scoped["read"], method: http.MethodGet, path: "/me"}).want(t, http.StatusOK))
	if me.ID != shared.abdm.person.ID || me.Level != "abdm" || me.Kind != "integration" || !slices.Equal(me.Scopes, []string{"read"}) || !slices.Equal(me.May, []string{"read", "read_operations"}) {
		t.Errorf("me is %+v", me)
	}
}

func TestEveryReadAnswers(t *testing.T) {
	t.Parallel()
	operations(t, func(t *testing.T, method, path string, d described) {
		if method != http.MethodGet || strings.Contains(path, "{") {
			return
		}
		c := d.request(t, method, path)
		a := shared.do(t, c).want(t, http.StatusOK)
		if !json.Valid(a.body) {
			t.Errorf("the answer is %.100s", a.body)
		}
		if strings.Contains(string(a.body), "0001-01-01") {
			t.Error("an instant that is none is shown as the year 1")
		}
	})
}

func TestAnOpportunityIsShownWithAllThatBelongsToIt(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[0]
	if len(row.Clouds) == 0 || row.Clouds[0].State != "approved" || row.Clouds[0].RemoteID == "" {
		t.Fatalf("the row is %+v", row)
	}
	o := into[api.Opportunity](t, shared.get(t, "/opportunities/"+row.ID).want(t, http.StatusOK))
	if o.Name != row.Name || len(o.Joint) == 0 || len(o.Clouds) == 0 || len(o.Timeline) < 3 || len(o.Contacts) == 0 {
		t.Errorf("joint %v, %d clouds, %d in the timeline, %d contacts", o.Joint, len(o.Clouds), len(o.Timeline), len(o.Contacts))
	}
	v := o.Clouds[0]
	if v.Registration == nil || v.Registration.State != "approved" || len(v.Fields) < 10 || len(v.Solutions) == 0 || !v.Connected {
		t.Errorf("the view is %+v", v)
	}
	if !slices.ContainsFunc(v.Fields, func(f api.FieldPair) bool { return f.Ours != "" && f.Theirs == f.Ours && f.Same }) {
		t.Error("no field is the same on both sides")
	}
	reg := into[api.RegistrationDetail](t, shared.get(t, "/registrations/"+v.Registration.ID).want(t, http.StatusOK))
	if record, ok := reg.RemoteRecord.(map[string]any); !ok || record["Id"] != row.Clouds[0].RemoteID {
		t.Errorf("the portal's record is %v", reg.RemoteRecord)
	}
	acts := into[items[api.Activity]](t, shared.get(t, "/opportunities/"+row.ID+"/activities").want(t, http.StatusOK))
	if len(acts.Items) != len(o.Timeline) || acts.Items[0].CRMState != "logged" {
		t.Errorf("activities %+v", acts.Items)
	}
	hits := into[items[api.Hit]](t, shared.get(t, "/search?q="+row.Clouds[0].RemoteID).want(t, http.StatusOK)).Items
	if len(hits) != 1 || hits[0].ID != row.ID {
		t.Errorf("the portal's id finds %v", hits)
	}
	acc := into[api.Account](t, shared.get(t, "/accounts/"+row.AccountID).want(t, http.StatusOK))
	if acc.Name != row.AccountName {
		t.Errorf("the account is %q, not %q", acc.Name, row.AccountName)
	}
}

func TestTheBoardHoldsWhatTheListHolds(t *testing.T) {
	t.Parallel()
	lanes := into[items[api.Lane]](t, shared.get(t, "/opportunities/board?group=stage&open=open").want(t, http.StatusOK)).Items
	var n int64
	for _, l := range lanes {
		n += l.Count
	}
	list := into[api.OpportunityPage](t, shared.get(t, "/opportunities?open=open&count=true&limit=1").want(t, http.StatusOK))
	if list.Count == nil || *list.Count != n || n == 0 || list.CountCapped {
		t.Errorf("the board holds %d, the list counts %v", n, list.Count)
	}
}

func TestMarkingJointRegistersAndSalesforceIsTold(t *testing.T) {
	t.Parallel()
	o := shared.unjoint(t, 1)
	path := "/opportunities/" + o.ID
	shared.do(t, call{method: http.MethodPut, path: path + "/joint/aws", body: `{"joint":true}`}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	list := into[items[api.Joint]](t, shared.do(t, call{method: http.MethodPut, path: path + "/joint/aws", body: `{"joint":true,"reason":"They buy on the marketplace"}`}).want(t, http.StatusOK)).Items
	if len(list) != 1 || !list[0].Joint || list[0].Source != "person" || list[0].DecidedBy != shared.director.person.Name {
		t.Errorf("the decision is %+v", list)
	}
	dry := into[api.Registered](t, shared.do(t, call{method: http.MethodPost, path: path + "/registrations", body: `{"cloud":"aws","dry_run":true}`}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Registration.ID != "" || (dry.Payload == nil) != (dry.Registration.Blocking > 0) {
		t.Errorf("the dry run is %+v", dry)
	}
	made := into[api.Registered](t, shared.do(t, call{method: http.MethodPost, path: path + "/registrations", body: `{"cloud":"aws"}`}).want(t, http.StatusAccepted))
	if made.Registration.ID == "" || made.DryRun {
		t.Errorf("the registration is %+v", made)
	}
	audit := into[items[api.AuditEntry]](t, shared.get(t, "/audit?subject="+o.ID).want(t, http.StatusOK)).Items
	if len(audit) != 1 || audit[0].Action != "opportunity.mark_joint" || audit[0].ActorID != shared.director.person.ID || audit[0].ActorKind != "integration" {
		t.Errorf("the audit log says %+v", audit)
	}
	list = into[items[api.Joint]](t, shared.do(t, call{method: http.MethodPut, path: path + "/joint/aws", body: `{"joint":null}`}).want(t, http.StatusOK)).Items
	if len(list) != 0 {
		t.Errorf("given back to the rule it is %+v", list)
	}
}

func TestADryRunOfAReadyDealShowsThePayloadAndChangesNothing(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[0]
	before := shared.get(t, "/opportunities/"+row.ID).body
	for _, c := range []call{{path: "?dry_run=true", body: `{"cloud":"aws"}`}, {body: `{"cloud":"aws","dry_run":true}`}} {
		c.method, c.path = http.MethodPost, "/opportunities/"+row.ID+"/registrations"+c.path
		dry := into[api.Registered](t, shared.do(t, c).want(t, http.StatusOK))
		if p, ok := dry.Payload.(map[string]any); !ok || p["Customer"] == nil || dry.Registration.Blocking != 0 {
			t.Errorf("the dry run is %+v", dry)
		}
	}
	if after := shared.get(t, "/opportunities/"+row.ID).body; string(after) != string(before) {
		t.Error("the dry run changed the opportunity")
	}
}

func TestSolutionsAreChosenWhileTheDealWaits(t *testing.T) {
	t.Parallel()
	var rows []api.Registration
	for range 200 { // another test may just have had all of them checked again
		if rows = into[items[api.Registration]](t, shared.get(t, "/registrations?state=blocked&limit=200").want(t, http.StatusOK)).Items; len(rows) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(rows) == 0 {
		t.Fatal("no deal is blocked")
	}
	r := rows[len(rows)-1]
	path := "/registrations/" + r.ID
	shared.do(t, call{method: http.MethodPut, path: path + "/solutions", body: `{"solutions":["S-0000000"]}`}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	tag := shared.get(t, path).want(t, http.StatusOK).header.Get("ETag")
	body := fmt.Sprintf(`{"solutions":[%q]}`, shared.solution)
	stale := shared.do(t, call{method: http.MethodPut, path: path + "/solutions", body: body, header: map[string]string{"If-Match": `"999-abc"`}})
	stale.refusal(t, http.StatusPreconditionFailed, "stale_version")
	a := shared.do(t, call{method: http.MethodPut, path: path + "/solutions", body: body, header: map[string]string{"If-Match": tag}})
	for range 20 { // Tandem itself may be checking the deal: read it again, as a client does
		if a.status != http.StatusPreconditionFailed {
			break
		}
		tag = shared.get(t, path).want(t, http.StatusOK).header.Get("ETag")
		a = shared.do(t, call{method: http.MethodPut, path: path + "/solutions", body: body, header: map[string]string{"If-Match": tag}})
	}
	a.want(t, http.StatusOK)
	if got := into[api.Registration](t, a); !slices.Equal(got.Solutions, []string{shared.solution}) || a.header.Get("ETag") == tag {
		t.Errorf("solutions %v, ETag %s", got.Solutions, a.header.Get("ETag"))
	}
	approved := into[items[api.Registration]](t, shared.get(t, "/registrations?state=approved&limit=1").want(t, http.StatusOK)).Items[0]
	shared.do(t, call{method: http.MethodPut, path: "/registrations/" + approved.ID + "/solutions", body: body}).refusal(t, http.StatusConflict, "already_registered")
}

func TestASyncIsPlannedAndCanBeTriedFirst(t *testing.T) {
	t.Parallel()
	dry := into[api.SyncRun](t, shared.do(t, call{method: http.MethodPost, path: "/sync-runs?dry_run=true"}).want(t, http.StatusOK))
	if !dry.DryRun || dry.JobID != 0 {
		t.Errorf("the dry run is %+v", dry)
	}
	run := into[api.SyncRun](t, shared.do(t, call{method: http.MethodPost, path: "/sync-runs", body: `{}`}).want(t, http.StatusAccepted))
	if run.JobID == 0 {
		t.Fatalf("the run is %+v", run)
	}
	path := fmt.Sprintf("/jobs/%d", run.JobID)
	for range 200 {
		if into[api.Job](t, shared.get(t, path).want(t, http.StatusOK)).State == "completed" {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	job := into[api.Job](t, shared.get(t, path).want(t, http.StatusOK))
	if job.Kind != "salesforce_pull" || job.State != "completed" {
		t.Errorf("the job is %+v", job)
	}
	into[api.Job](t, shared.do(t, call{method: http.MethodPost, path: path + "/retry"}).want(t, http.StatusOK))
	into[api.Job](t, shared.do(t, call{method: http.MethodPost, path: path + "/cancel"}).want(t, http.StatusOK))
	counts := into[map[string]int64](t, shared.get(t, "/jobs/counts").want(t, http.StatusOK))
	if counts["completed"] == 0 {
		t.Errorf("counts %v", counts)
	}
}

func TestViewsAreSavedReplacedAndDeleted(t *testing.T) {
	t.Parallel()
	save := func(query string) api.View {
		return into[api.View](t, shared.do(t, call{token: shared.reader.all, method: http.MethodPost, path: "/views", body: `{"name":"Mine","query":"` + query + `","shared":true}`}).want(t, http.StatusOK))
	}
	v, again := save("cloud=aws&after=zzz"), save("cloud=gcp")
	if v.ID != again.ID || v.Query != "cloud=aws" || again.Query != "cloud=gcp" || again.Version != 2 || v.Noun != "opportunity" {
		t.Errorf("saved %+v and %+v", v, again)
	}
	seen := into[items[api.View]](t, shared.get(t, "/views").want(t, http.StatusOK)).Items
	if i := slices.IndexFunc(seen, func(x api.View) bool { return x.ID == v.ID }); i < 0 || seen[i].Mine {
		t.Errorf("others see %+v", seen)
	}
	shared.do(t, call{method: http.MethodDelete, path: "/views/" + v.ID}).refusal(t, http.StatusNotFound, "view_not_found")
	shared.do(t, call{token: shared.reader.all, method: http.MethodDelete, path: "/views/" + v.ID}).want(t, http.StatusNoContent)
}

func TestSettingsAreChangedByThoseWhoSawThem(t *testing.T) {
	t.Parallel()
	a := shared.get(t, "/settings/joint-rule").want(t, http.StatusOK)
	was := into[api.JointRuleSetting](t, a)
	if !was.Default || was.Rule.Clouds.AWS == nil || len(was.Rule.Clouds.AWS.Words) == 0 {
		t.Fatalf("the rule is %+v", was)
	}
	body, err := json.Marshal(was.Rule)
	if err != nil {
		t.Fatal(err)
	}
	diff := into[items[api.RuleDifference]](t, shared.do(t, call{method: http.MethodPost, path: "/settings/joint-rule/preview", body: string(body)}).want(t, http.StatusOK)).Items
	if len(diff) != 3 || diff[0].Cloud != "aws" || diff[0].Joint == 0 {
		t.Errorf("the preview is %+v", diff)
	}
	put := func(tag string) answer {
		return shared.do(t, call{method: http.MethodPut, path: "/settings/joint-rule", body: string(body), header: map[string]string{"If-Match": tag}})
	}
	shared.do(t, call{method: http.MethodPut, path: "/settings/joint-rule", body: string(body)}).refusal(t, http.StatusPreconditionRequired, "if_match_required")
	put(`"7-x"`).refusal(t, http.StatusPreconditionFailed, "stale_version")
	b := put(a.header.Get("ETag")).want(t, http.StatusOK)
	if now := into[api.JointRuleSetting](t, b); now.Default || now.Version != 1 || now.UpdatedBy != shared.director.person.Name {
		t.Errorf("the rule is now %+v", now)
	}
	put(a.header.Get("ETag")).refusal(t, http.StatusPreconditionFailed, "stale_version")
	put("*").want(t, http.StatusOK)
}

func TestDefaultSolutionsAreOnesThatThePortalHas(t *testing.T) {
	t.Parallel()
	tag := shared.get(t, "/settings/default-solutions").want(t, http.StatusOK).header.Get("ETag")
	p := shared.do(t, call{method: http.MethodPut, path: "/settings/default-solutions", body: `{"aws":["S-0000000"]}`, header: map[string]string{"If-Match": tag}}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	field(t, p, "aws")
	a := shared.do(t, call{method: http.MethodPut, path: "/settings/default-solutions", body: fmt.Sprintf(`{"aws":[%q]}`, shared.solution), header: map[string]string{"If-Match": tag}}).want(t, http.StatusOK)
	if now := into[api.DefaultSolutionsSetting](t, a); now.Version != 2 || !slices.Equal(now.Solutions.AWS, []string{shared.solution}) {
		t.Errorf("the setting is %+v", now)
	}
}

func TestAPersonChangesTheirOwnPassword(t *testing.T) {
	t.Parallel()
	made := into[api.NewUser](t, shared.do(t, call{method: http.MethodPost, path: "/users", body: `{"name":"Petra Pass","email":"petra@tandem.example","level":"reader"}`}).want(t, http.StatusCreated))
	as := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: made.User.ID, Level: authz.LevelReader})
	_, token, err := shared.app.Team.CreateToken(as, "password", []string{"admin"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	change := func(current, next string) answer {
		return shared.do(t, call{token: token, method: http.MethodPut, path: "/me/password", body: fmt.Sprintf(`{"current":%q,"new":%q}`, current, next)})
	}
	a := change("not the password", "short")
	p := a.refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	field(t, p, "current")
	field(t, p, "new")
	if bytes.Contains(a.body, []byte("not the password")) {
		t.Errorf("the answer is %s", a.body)
	}
	change(made.Password, "a password of my own").want(t, http.StatusNoContent)
	if _, err := shared.app.Team.SignIn(t.Context(), "petra@tandem.example", "a password of my own", "test"); err != nil {
		t.Error(err)
	}
	for range 5 {
		change("a guess", "a password of my own").want(t, http.StatusUnprocessableEntity)
	}
	if a := change("a password of my own", "yet another password").refusal(t, http.StatusTooManyRequests, "too_many_attempts"); a.Status != http.StatusTooManyRequests {
		t.Errorf("%+v", a)
	}
}

func TestADirectorMakesMovesAndEndsUsers(t *testing.T) {
	t.Parallel()
	made := into[api.NewUser](t, shared.do(t, call{method: http.MethodPost, path: "/users", body: `{"name":"Nora New","email":"nora@tandem.example","level":"associate"}`}).want(t, http.StatusCreated))
	if made.Password == "" || !made.User.SignsIn || made.User.Level != "associate" {
		t.Errorf("the user is %+v", made)
	}
	shared.do(t, call{method: http.MethodPost, path: "/users", body: `{"name":"Nora New","email":"nora@tandem.example","level":"associate"}`}).refusal(t, http.StatusConflict, "user_exists")
	path := "/users/" + made.User.ID
	if p := into[api.Person](t, shared.do(t, call{method: http.MethodPut, path: path + "/level", body: `{"level":"senior"}`}).want(t, http.StatusOK)); p.Level != "senior" {
		t.Errorf("the level is %q", p.Level)
	}
	reset := into[api.NewUser](t, shared.do(t, call{method: http.MethodPost, path: path + "/password"}).want(t, http.StatusOK))
	if reset.Password == "" || reset.Password == made.Password {
		t.Error("the password was not changed")
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/disable"}).want(t, http.StatusNoContent)
	users := into[items[api.Person]](t, shared.get(t, "/users").want(t, http.StatusOK)).Items
	if slices.ContainsFunc(users, func(p api.Person) bool { return p.ID == made.User.ID }) {
		t.Error("a disabled user is still one")
	}
	shared.do(t, call{token: shared.abdm.all, method: http.MethodGet, path: "/audit?subject=" + made.User.ID}).refusal(t, http.StatusForbidden, "not_allowed")
	log := into[items[api.AuditEntry]](t, shared.get(t, "/audit?subject="+made.User.ID).want(t, http.StatusOK)).Items
	if len(log) != 4 {
		t.Errorf("%d entries in the audit log", len(log))
	}
}

func TestOpportunitiesAreListedByAccountAndByNoRegistration(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[0]
	list := shared.opportunities(t, "account="+row.AccountID+"&limit=200")
	if !slices.ContainsFunc(list, func(o api.OpportunityRow) bool { return o.ID == row.ID }) {
		t.Error("the account's own deal is not there")
	}
	for _, o := range list {
		if o.AccountID != row.AccountID {
			t.Errorf("a deal of the account %s", o.AccountID)
		}
	}
	none := into[items[api.OpportunityRow]](t, shared.get(t, "/opportunities?account="+row.AccountID+"&cloud=aws&state=none").want(t, http.StatusOK)).Items
	if slices.ContainsFunc(none, func(o api.OpportunityRow) bool { return o.ID == row.ID }) {
		t.Error("a registered deal counts as not registered")
	}
}

func TestRetryingActivitiesOfADealWithoutFailuresDoesNothing(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[0]
	for _, query := range []string{"?dry_run=true", ""} {
		if got := into[items[api.Activity]](t, shared.do(t, call{method: http.MethodPost, path: "/opportunities/" + row.ID + "/activities/retry" + query}).want(t, http.StatusOK)).Items; len(got) != 0 {
			t.Errorf("retried %+v", got)
		}
	}
}

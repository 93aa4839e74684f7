package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// check moves every registration that is due on, until only those are left that
// wait for somebody.
func (h *house) check(t *testing.T) {
	t.Helper()
	ids, err := registration.DueIDs(h.ctx, h.app.DB, cloud.All(), h.app.Clock.Now(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := h.app.Sync.Advance(h.ctx, id); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *house) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := h.app.DB.InTx(h.ctx, h.app.Clock, func(tx *db.Tx) error {
		_, err := tx.Exec(h.ctx, query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// endPull ends the read of Salesforce that waits, as if it had run.
func (h *house) endPull(t *testing.T) {
	t.Helper()
	list, err := h.app.Jobs.List(h.ctx, jobs.Filter{States: []string{"available"}, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range list {
		if j.Kind == (sync.PullArgs{}).Kind() {
			if _, err := h.app.Jobs.Cancel(h.ctx, j.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTheFirstDayTeachesHowToBegin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.visitor(t, "Ada Associate", authz.LevelAssociate).sees("/", 200, "Connect Salesforce to begin", "How to connect", `href="/connections"`, "!Sync now")
	h.visitor(t, "Rita Reader", authz.LevelReader).sees("/", 200, "Connect Salesforce to begin", "!How to connect", `!href="/connections"`, `!href="/jobs"`)
	if got := h.browser(t).get("/"); got.status != http.StatusSeeOther || got.header.Get("Location") != "/sign-in" {
		t.Errorf("somebody who is not signed in: %d %s", got.status, got.header.Get("Location"))
	}
}

func TestTodayShowsWhatNeedsSomebodyWithItsReasonAndOneAct(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	h.check(t)
	today, err := h.app.Workspace.Today(h.ctx, workspace.TodayQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var item workspace.Item
	for _, i := range today.Items {
		if i.Kind == workspace.ItemBlocked && item.OpportunityID == "" {
			item = i
		}
	}
	if item.OpportunityID == "" {
		t.Fatal("nothing is blocked in the small organisation")
	}
	hostile := `<img src=x onerror=alert(1)>`
	h.exec(t, `UPDATE opportunity SET name = ? WHERE id = ?`, hostile, item.OpportunityID)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	page := v.sees("/?kind=blocked", 200, hostile, strings.Split(item.Reason, " · ")[0], "/opportunities/"+item.OpportunityID+"#aws-findings", "Mend fields",
		"Joint with AWS", "In the portal", "Approved", "Waiting for review", "/opportunities?cloud=aws&state=approved", "/opportunities?cloud=aws&state=blocked", "not connected", "Salesforce was", "Sync now")
	if strings.Contains(page.raw, hostile) {
		t.Error("the name is not escaped")
	}
	v.sees("/?kind=blocked", 200, "Mend fields", "!See what to change")
	v.sees("/?kind=rejected", 200, "Nothing of this kind", "!Mend fields")
	v.sees("/?kind=nonsense", 422, "There is no such kind of work")

	people, err := h.app.Team.People(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		if p.Name != item.OwnerName {
			continue
		}
		_, password, err := h.app.Team.CreateUser(h.ctx, team.NewUser{Name: p.Name, Email: p.Email, Level: authz.LevelABDM})
		if err != nil {
			t.Fatal(err)
		}
		owner := h.browser(t)
		owner.post("/sign-in", map[string][]string{"email": {p.Email}, "password": {password}})
		owner.sees("/?who=mine&kind=blocked", 200, "Deals I own", hostile)
		all, err := h.app.Workspace.Today(h.ctx, workspace.TodayQuery{OwnerCRMID: *p.CRMID})
		if err != nil {
			t.Fatal(err)
		}
		if all.Total == today.Total {
			t.Fatal("one person owns all; the test shows nothing")
		}
		return
	}
	t.Fatalf("no owner %q among the people", item.OwnerName)
}

func TestWhatTodayHasNoRoomForIsOneStepAway(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	now := h.app.Clock.Now()
	for n := range 140 {
		id := fmt.Sprintf("inv_%03d", n)
		h.exec(t, `INSERT INTO invitation (id, cloud, remote_id, kind, state, title, order_key, expires_at, state_at, created_at, updated_at) VALUES (?, 'aws', ?, 'opportunity', 'pending', ?, ?, ?, ?, ?, ?)`,
			id, id, "Offer "+id, "0"+id, now.Add(time.Duration(400+n)*time.Hour), now, now, now)
	}
	today, err := h.app.Workspace.Today(authz.With(h.ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_ada", Level: authz.LevelAssociate}), workspace.TodayQuery{})
	if err != nil {
		t.Fatal(err)
	}
	more := today.More()[workspace.ItemInvitation]
	if more < 110 {
		t.Fatalf("%v of %v", today.More(), today.Counts)
	}
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	v.sees("/", 200, fmt.Sprintf("and %d more invitations to answer", more), `href="/invitations?show=answer"`, "Offer inv_000", "!Offer inv_120")
	v.sees("/?kind=invitation", 200, "and 40 more invitations to answer", "Offer inv_099", "!Offer inv_100")
	v.sees("/invitations?show=answer", 200, "Offer inv_000")
}

func TestASyncIsStartedSeenAndEndsAndReadersCannotStartOne(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	v, reader := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Rita Reader", authz.LevelReader)
	reader.sees("/", 200, "!Sync now", "!Salesforce was")
	for _, path := range []string{"/connections/sync", "/connections/check"} {
		if got := reader.post(path, nil); got.status != http.StatusForbidden {
			t.Errorf("a reader may POST %s: %d", path, got.status)
		}
	}
	for _, path := range []string{"/connections", "/connections/aws", "/jobs", "/jobs/1", "/jobs/river/"} {
		reader.sees(path, 403)
	}
	if got := v.post("/connections/sync", nil); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text)
	}
	v.sees("/connections", 200, "Reading Salesforce has started", `data-live="/events/sync"`, "Look again")
	v.post("/connections/sync", nil)
	v.sees("/", 200, "Salesforce is being read already", "being read right now")
	if got := v.get("/connections/progress"); got.status != http.StatusNoContent {
		t.Errorf("while it waits: %d", got.status)
	}
	h.endPull(t)
	v.sees("/connections/progress", 200, "Salesforce is read", "Show what changed", "!every 3s")
	if got := v.post("/connections/check", nil); got.status != http.StatusSeeOther {
		t.Errorf("check: %d", got.status)
	}
	v.sees("/jobs?state=waiting", 200, "Check the portals", "Next in line", `hx-trigger="look"`)
}

func TestConnectionsSayHowEachSystemIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	v.sees("/connections", 200, "Salesforce", "Working", "changed records read", "API calls in 24 hours", "AWS Partner Central", "Check now", "no sign-in for Partner Center")
	v.sees("/connections/salesforce", 200, "CoSell_Registration__c", "CoSell_Activity_Key__c", "OpportunityContactRole", "TANDEM_SALESFORCE_CLIENT_SECRET", "Source: reported by Salesforce", "!"+h.app.Config.Salesforce.ClientSecret)
	v.sees("/connections/salesforce/package.zip", 200, "tandem-salesforce/force-app/main/default/objects/CoSell_Registration__c/CoSell_Registration__c.object-meta.xml")
	v.sees("/connections/aws", 200, "StartEngagementFromOpportunityTask", "--aws-secret-access-key", "Source: ", "!"+h.app.Config.AWS.SecretAccessKey)
	v.sees("/connections/azure", 200, "Not connected", "Referrals admin", "TANDEM_MICROSOFT_REFRESH_TOKEN")
	v.sees("/connections/oracle", 404)

	broken := problem.FromRemote(problem.Remote{System: "aws", Operation: "ListSolutions", Code: "AccessDeniedException", Status: 403, Retry: problem.RetryHuman}, "AWS refuses the key <b>now</b>", nil)
	if err := h.app.Connections.Report(h.ctx, connection.Report{ID: "aws", Err: broken}); err != nil {
		t.Fatal(err)
	}
	got := v.sees("/connections", 200, "Needs mending", "AWS refuses the key <b>now</b>. A person has to mend it", "What AWS Partner Central said", "AccessDeniedException", "Is the access key active")
	if strings.Contains(got.raw, "<b>now") {
		t.Error("the error is not escaped")
	}
	v.sees("/", 200, "AWS Partner Central cannot be reached", "Look at it")
	newcomer := newHouse(t)
	newcomer.visitor(t, "Ada Associate", authz.LevelAssociate).sees("/connections/aws", 200, "How to connect", "TANDEM_AWS_ACCESS_KEY_ID", "Not connected", "!Check now")
}

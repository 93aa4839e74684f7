package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

func (h *house) plan(t *testing.T, args river.JobArgs) string {
	t.Helper()
	id, _, err := h.app.Jobs.InsertNow(h.ctx, args, &river.InsertOpts{UniqueOpts: jobs.Once()})
	if err != nil {
		t.Fatal(err)
	}
	return "/jobs/" + strconv.FormatInt(id, 10)
}

func TestAJobIsEndedAndTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	v.sees("/jobs", 200, "Nothing runs at this moment")
	v.sees("/jobs?state=failed", 200, "No job has failed")
	v.sees("/jobs?state=nonsense", 422)
	v.sees("/jobs?state=done&before=x", 422)
	at := h.plan(t, sync.SweepArgs{})
	v.sees("/jobs", 200, "Look for what is due", "Next in line", "0 of 25", `href="`+at+`"`)
	v.sees(at, 200, "End this job", "This job needs none", "No attempt has failed", "!Try again")
	v.sees(at+"?confirm=cancel", 200, "End this job?", `name="act" value="cancel"`)
	if got := v.post(at, url.Values{"act": {"explode"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an act that is none: %d", got.status)
	}
	if got := v.post(at, url.Values{"act": {"cancel"}}); got.header.Get("Location") != at {
		t.Fatalf("end: %d %s", got.status, got.text)
	}
	v.sees(at, 200, "The job ends", "Try again", "!End this job")
	v.sees("/jobs", 200, "Ended early", "Failed")
	if got := v.post(at, url.Values{"act": {"retry"}}); got.status != http.StatusSeeOther {
		t.Fatalf("retry: %d %s", got.status, got.text)
	}
	v.sees("/jobs?state=waiting", 200, "Look for what is due")
	v.sees("/jobs/999999", 404)
	v.sees("/jobs/x", 404)
	if got := h.visitor(t, "Rita Reader", authz.LevelReader).post(at, url.Values{"act": {"cancel"}}); got.status != http.StatusForbidden {
		t.Errorf("a reader may end a job: %d", got.status)
	}
}

func TestJobsAreFilteredByWhatTheyDo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	sweep, refresh := h.plan(t, sync.SweepArgs{}), h.plan(t, sync.RefreshArgs{})
	page := v.sees("/jobs?state=waiting", 200, `href="`+sweep+`"`, `href="`+refresh+`"`, "What it does", `data-look`, `hx-trigger="look"`)
	for _, kind := range sync.JobKinds() {
		if !strings.Contains(page.raw, `value="`+kind+`"`) || strings.Contains(page.raw, ">"+kind+"<") {
			t.Errorf("the kind %s is not offered in words", kind)
		}
	}
	v.sees("/jobs?state=waiting&kind=portal_refresh", 200, "!"+sweep, `href="`+refresh+`"`, "kind=portal_refresh&state=failed", `hx-get="/jobs?kind=portal_refresh&state=waiting"`)
	v.sees("/jobs?state=waiting&kind=salesforce_pull", 200, "No such job here", "!"+sweep)
	v.sees("/jobs?kind=salesforce_pull", 200, "No such job here")
}

func TestAFailedJobShowsEveryAttemptAndTheSystemsOwnTextEscaped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	at := h.plan(t, sync.AdvanceArgs{RegistrationID: `reg_"><script>`})
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	h.exec(t, `UPDATE river_job SET state = 'discarded', attempt = 2, finalized_at = ?, errors = ? WHERE id = ?`, now[:10]+" "+now[11:23],
		`[{"at":"`+now+`","attempt":1,"error":"First trouble","trace":""},{"at":"`+now+`","attempt":2,"error":"AWS <i>refused</i> it (aws CreateOpportunity: ValidationException, HTTP 400)","trace":""}]`, strings.TrimPrefix(at, "/jobs/"))
	v.sees("/jobs", 200, "Move a registration on", "Gave up", "2 of 25", "AWS <i>refused</i> it", "!ValidationException")
	got := v.sees(at, 200, "Attempt 1", "First trouble", "Attempt 2", "What the system said", "ValidationException", `reg_\"`)
	if strings.Contains(got.raw, "<i>refused") || strings.Contains(got.raw, `"><script>`) {
		t.Error("hostile text is not escaped")
	}
	if strings.Index(got.text, "Attempt 2") > strings.Index(got.text, "Attempt 1") {
		t.Error("the last attempt is not the first shown")
	}
}

func TestALongListOfJobsIsPagedAndAJobLeadsToItsOpportunity(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	for i := range 60 {
		h.plan(t, sync.AdvanceArgs{RegistrationID: "reg_gone" + strconv.Itoa(i)})
	}
	first := v.sees("/jobs?state=waiting", 200, "50 shown", "before=")
	second := v.sees("/jobs?state=waiting&before="+between(t, first.text, "?before=", "&"), 200, "First", "/opportunities/opp_")
	if strings.Contains(second.text, "every 5s") {
		t.Error("an older page looks again by itself")
	}
}

func TestRiversOwnPagesStandBehindThePermissionAndLetNothingForeignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v, reader := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Rita Reader", authz.LevelReader)
	if got := v.get("/jobs/river"); got.header.Get("Location") != "/jobs/river/" {
		t.Errorf("without the slash: %d", got.status)
	}
	page := v.sees("/jobs/river/", 200, "/jobs/river/assets/")
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "http") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q", policy)
	}
	v.sees("/jobs/river/api/states", 200, "available")
	if got := h.browser(t).get("/jobs/river/"); got.status != http.StatusSeeOther {
		t.Errorf("somebody who is not signed in: %d", got.status)
	}
	if got := reader.post("/jobs/river/api/jobs/cancel", nil); got.status != http.StatusForbidden {
		t.Errorf("a reader may change jobs: %d", got.status)
	}
}

func TestOnlyThoseWhoMaySyncHaveThePortalsAskedAndOnlyOnceAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	reader, associate := h.visitor(t, "Rita Reader", authz.LevelReader), h.visitor(t, "Ada Associate", authz.LevelAssociate)
	if got := reader.post("/connections/check", nil); got.status != http.StatusForbidden {
		t.Errorf("a reader: %d", got.status)
	}
	if _, _, err := h.app.Sync.StartRefresh(authz.With(t.Context(), reader.person.Actor()), h.app.Jobs); !problem.Is(err, problem.KindForbidden) {
		t.Errorf("the service lets a reader: %v", err)
	}
	if got := associate.post("/connections/check", nil); got.status != http.StatusSeeOther {
		t.Fatalf("an associate: %d %s", got.status, got.text)
	}
	id, running, err := h.app.Sync.StartRefresh(authz.With(t.Context(), associate.person.Actor()), h.app.Jobs)
	if err != nil || !running || id == 0 {
		t.Errorf("a second time: %d %v %v", id, running, err)
	}
}

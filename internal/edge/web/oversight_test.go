package web_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/coverage"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// The tests share one world and run one after the other.
func TestTheOversightPages(t *testing.T) {
	t.Parallel()
	w := newDealWorld(t)
	for _, c := range []struct {
		rule string
		test func(*testing.T, *dealWorld)
	}{
		{"coverage counts what its lists hold", coverageCounts},
		{"an export of coverage is safe for a spreadsheet", coverageExports},
		{"only a Director changes the service levels", serviceLevels},
		{"a connection says how its changes are followed", connectionWatch},
		{"the inbox tells the fix and sends again row by row", inboxSends},
		{"a change of stage tells each row's fate, does the good ones, and is taken back", stageActs},
		{"an assignment is queued and done by a job", assignActs},
	} {
		t.Run(c.rule, func(t *testing.T) { c.test(t, w) }) //nolint:paralleltest // one after the other
	}
}

func coverageCounts(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	rep, err := w.app.Coverage.Report(ctx, coverage.Scope{}, coverage.ByRegion)
	if err != nil || rep.Total.Joint == 0 || rep.Total.Registered == 0 {
		t.Fatalf("%+v, %v", rep.Total, err)
	}
	for _, by := range []string{"", "?by=region", "?by=owner&cloud=aws"} {
		has(t, w.page(t, w.reader, "/coverage"+by), "Is every joint opportunity registered?", "Service levels", "as of", "what=blocked")
	}
	for _, what := range coverage.Whats() {
		has(t, w.page(t, w.reader, "/coverage/deals?what="+string(what)), what.Label())
	}
	for path, want := range map[string]int{"/coverage?by=x": 422, "/coverage?cloud=mars": 422, "/coverage/deals?what=x": 422, "/coverage/deals?after=x": 422, "/coverage/export.csv?what=x": 422} {
		if status, _, _ := w.get(t, w.abdm, path); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

func coverageExports(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	if err := w.app.Opportunities.MarkJoint(ctx, w.hostile.ID, cloud.Azure, new(true), "to be seen"); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(w.page(t, w.abdm, "/coverage/export.csv?what=joint"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rep, err := w.app.Coverage.Report(ctx, coverage.Scope{}, coverage.ByCloud)
	if err != nil || int64(len(rows)-1) != rep.Total.Joint {
		t.Errorf("%d rows for %d deals, %v", len(rows)-1, rep.Total.Joint, err)
	}
	found := false
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("the cell %q is a formula", cell)
			}
			found = found || cell == "'"+hostileName
		}
	}
	if !found {
		t.Error("the hostile deal is not in the export")
	}
	lacks(t, w.page(t, w.abdm, "/coverage/deals?what=joint&cloud=azure"), "<script>alert")
}

func serviceLevels(t *testing.T, w *dealWorld) {
	form := url.Values{"register_working_days": {"3"}, "update_days": {"7"}, "version": {"0"}}
	if status, _, _ := w.post(t, w.abdm, "/settings/service-levels", form); status != http.StatusForbidden {
		t.Errorf("an ABDM got %d", status)
	}
	bad := url.Values{"register_working_days": {"none"}, "update_days": {"7"}, "version": {"0"}}
	if status, body, _ := w.post(t, w.director, "/settings/service-levels", bad); status != http.StatusUnprocessableEntity || !strings.Contains(body, "Use 1 to 60 working days") {
		t.Errorf("no number: %d", status)
	}
	if status, _, _ := w.post(t, w.director, "/settings/service-levels", form); status != http.StatusSeeOther {
		t.Errorf("a Director got %d", status)
	}
	if status, body, _ := w.post(t, w.director, "/settings/service-levels", form); status != http.StatusPreconditionFailed || !strings.Contains(body, "Somebody changed") {
		t.Errorf("a stale form got %d", status)
	}
	has(t, w.page(t, w.reader, "/coverage"), "3 working days")
}

func connectionWatch(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	has(t, w.page(t, w.abdm, "/connections/aws"), "Following its changes", "No full look has been yet")
	if _, err := w.app.Registrations.FollowChanges(ctx, cloud.AWS, true); err != nil {
		t.Fatal(err)
	}
	has(t, w.page(t, w.abdm, "/connections/aws"), "Last full reconcile", "Records that it listed", "left of")
}

func inboxSends(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	reg, _ := w.registrationOf(t, w.inState(t, registration.StateApproved).ID)
	err := w.app.DB.InTx(ctx, w.app.Clock, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE registration SET crm_error = 'No (salesforce upsert: FIELD_CUSTOM_VALIDATION_EXCEPTION, HTTP 400): <b>Tuesday</b>' WHERE id = ?`, reg.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	body := w.page(t, w.abdm, "/attention?kind=record")
	has(t, body, "Salesforce record refused", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule of your Salesforce organisation", "&lt;b&gt;Tuesday", `class="count"`)
	if status, _, _ := w.get(t, w.abdm, "/attention?kind=x"); status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown kind: %d", status)
	}
	id := regexp.MustCompile(`name="id" value="([^"]+)"`).FindStringSubmatch(body)[1]
	if status, _, _ := w.post(t, w.reader, "/attention/again", url.Values{"id": {id}}); status != http.StatusForbidden {
		t.Errorf("a reader got %d", status)
	}
	status, body, _ := w.post(t, w.abdm, "/attention/again", url.Values{"id": {id, "nonsense"}})
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	has(t, body, "1 of 2 are on their way", "Not sent")
	has(t, w.page(t, w.abdm, "/attention?kind=record"), "Nothing needs attention")
}

func stageActs(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	ids := url.Values{"stage": {"Committed"}, "cloud": {"aws"}}
	for _, row := range w.rows(t, workspace.Query{Clouds: []cloud.Cloud{cloud.AWS}, States: []registration.State{registration.StateApproved}, Open: "open"})[:3] {
		ids.Add("id", row.ID)
	}
	bad := w.inState(t, registration.StateBlocked)
	ids.Add("id", bad.ID)
	status, body, _ := w.post(t, w.abdm, "/opportunities/bulk/stage", ids)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	has(t, body, "What would happen", "→ Committed", "Left out", "is not in AWS Partner Central yet", "into Committed")
	if status, _, _ := w.post(t, w.reader, "/opportunities/bulk/stage", ids); status != http.StatusForbidden {
		t.Errorf("a reader got %d", status)
	}
	status, _, h := w.post(t, w.abdm, "/opportunities/bulk/stage/confirm", ids)
	if status != http.StatusSeeOther {
		t.Fatalf("%d", status)
	}
	run, err := w.app.Bulk.Get(ctx, h.Get("Location")[strings.LastIndexByte(h.Get("Location"), '/')+1:])
	if err != nil || bulk.Count(run.Rows, bulk.OutcomeBlocked) != 1 || bulk.Count(run.Rows, bulk.OutcomeDone, bulk.OutcomeNothing) != 3 || bulk.Count(run.Rows, bulk.OutcomeDone) == 0 {
		t.Fatalf("%+v, %v", run.Rows, err)
	}
	has(t, w.page(t, w.abdm, h.Get("Location")), "What happened", "Put the former values back", bad.Name)
	status, _, h = w.post(t, w.abdm, h.Get("Location")+"/undo", nil)
	if status != http.StatusSeeOther {
		t.Fatalf("undo: %d", status)
	}
	back, err := w.app.Bulk.Get(ctx, h.Get("Location")[strings.LastIndexByte(h.Get("Location"), '/')+1:])
	if err != nil || bulk.Count(back.Rows, bulk.OutcomeDone) != bulk.Count(run.Rows, bulk.OutcomeDone) {
		t.Errorf("%+v, %v", back.Rows, err)
	}
	if _, err := w.app.Bulk.Undo(ctx, run.ID); err == nil {
		t.Error("it was taken back twice")
	}
}

func assignActs(t *testing.T, w *dealWorld) {
	ctx := authz.With(t.Context(), authz.System)
	form := url.Values{"cloud": {"aws"}, "id": {w.inState(t, registration.StateApproved).ID, w.inState(t, registration.StateBlocked).ID}}
	status, body, _ := w.post(t, w.abdm, "/opportunities/bulk/assign", form)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	has(t, body, "Each deal&#39;s owner in Salesforce", "Will be done")
	_, _, h := w.post(t, w.abdm, "/opportunities/bulk/assign/confirm", form)
	id := h.Get("Location")[strings.LastIndexByte(h.Get("Location"), '/')+1:]
	run, err := w.app.Bulk.Get(ctx, id)
	if err != nil || bulk.Count(run.Rows, bulk.OutcomeQueued) != 1 || bulk.Count(run.Rows, bulk.OutcomeBlocked) != 1 {
		t.Fatalf("%+v, %v", run.Rows, err)
	}
	for range 2 { // a job that is run twice does it once
		if err := w.app.Bulk.Work(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	run, err = w.app.Bulk.Get(ctx, id)
	if err != nil || bulk.Count(run.Rows, bulk.OutcomeDone) != 1 || run.EndedAt.IsZero() {
		t.Errorf("%+v, %v", run.Rows, err)
	}
	has(t, w.page(t, w.abdm, "/opportunities/bulk/runs/"+id), "assign it anew")
}

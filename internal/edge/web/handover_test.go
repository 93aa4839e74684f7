package web_test

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// handOverHouse has deals that a person enters at Google by hand.
func handOverHouse(t *testing.T) (*house, []handover.Deal) {
	t.Helper()
	fleet, err := sandbox.Start(t.Context(), sandbox.Options{Demo: demo.Options{Seed: 1, Accounts: 40, Opportunities: 150}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	h := newHouse(t, func(cfg *app.Config) {
		s := fleet.Services.Salesforce
		cfg.Salesforce = app.SalesforceConfig{URL: s.URL, ClientID: s.ClientID, ClientSecret: s.ClientSecret, Currency: "USD"}
		cfg.Google.Carrier = app.GoogleHandOver
	})
	if err := h.app.Sync.Pull(h.ctx); err != nil {
		t.Fatal(err)
	}
	ids, err := registration.DueIDs(h.ctx, h.app.DB, cloud.All(), h.app.Clock.Now(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := h.app.Registrations.Advance(h.ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.app.Sync.RefreshPortals(h.ctx); err != nil {
		t.Fatal(err)
	}
	list, err := handover.Waiting(h.ctx, h.app.DB, "", 100)
	if err != nil || len(list) == 0 {
		t.Fatalf("nothing is to be entered: %d registrations, %v", len(ids), err)
	}
	return h, list
}

func TestADealIsEnteredByHandFromItsForm(t *testing.T) {
	t.Parallel()
	h, list := handOverHouse(t)
	v := h.visitor(t, "Ada Director", authz.LevelDirector)
	d := list[0]
	path := "/hand-overs/" + d.ID
	v.sees("/hand-overs", 200, path, "To enter")
	v.sees("/?show=all", 200, "Open the form")
	v.sees(path, 200, "Deal number", "data-copy", "Website domain", "not verified", path+"/form.pdf", `name="remote_id"`)
	v.sees(path+"/form.csv", 200, "group,field,portal_field", "customerInfo.customerDetails.organizationName")
	v.sees("/connections/gcp", 200, "Carrier: hand-over")
	if pdf := v.get(path + "/form.pdf"); pdf.status != http.StatusOK || !bytes.HasPrefix([]byte(pdf.text), []byte("%PDF-")) {
		t.Errorf("%d %.20s", pdf.status, pdf.text)
	}
	if got := v.post(path, url.Values{"version": {"1"}, "remote_id": {"two words"}, "state": {"submitted"}, "note": {"kept as typed"}}); got.status != http.StatusUnprocessableEntity && got.status != http.StatusBadRequest {
		t.Errorf("%d", got.status)
	} else if !bytes.Contains([]byte(got.text), []byte("kept as typed")) {
		t.Error("what was typed is lost")
	}
	if got := v.post(path, url.Values{"version": {"1"}, "remote_id": {"DR-1"}, "state": {"submitted"}}); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text)
	}
	have, err := registration.ByOpportunities(h.ctx, h.app.DB, []string{d.OpportunityID})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.app.Registrations.Advance(h.ctx, have[d.OpportunityID][0].ID); err != nil {
		t.Fatal(err)
	}
	v.sees("/opportunities/"+d.OpportunityID, 200, "DR-1")
	reader := h.visitor(t, "Rea Reader", authz.LevelReader)
	if got := reader.post("/hand-overs/"+list[len(list)-1].ID, url.Values{"version": {"1"}, "remote_id": {"DR-2"}}); got.status != http.StatusForbidden {
		t.Errorf("a reader told: %d", got.status)
	}
}

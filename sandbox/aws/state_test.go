package aws

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

func TestALongJournalIsCompactedWhenOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	open := func() *Server {
		s, err := New(Options{StatePath: path})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	s := open()
	for i := range 1_200 {
		x := s.begin(startForTest)
		o := &opportunity{ID: "O1", Catalog: CatalogAWS, Doc: doc{"PartnerOpportunityIdentifier": fmt.Sprint(i)}, Review: review{Status: statusPending}}
		x.put(o)
		x.next()
		x.keep(replay{Key: fmt.Sprint("op/AWS/", i%3), Digest: "d"}, doc{"Id": "O1"})
		if err := x.commit(); err != nil {
			t.Fatal(err)
		}
	}
	reopened := open()
	if n := reopened.journal.Lines(); n > 10 {
		t.Errorf("%d lines after opening", n)
	}
	if d := cmp.Diff(s.state.opportunities["O1"].Doc, reopened.state.opportunities["O1"].Doc); d != "" {
		t.Error(d)
	}
	if reopened.state.seq != s.state.seq || len(reopened.state.replays) != 3 || len(reopened.state.entities) != 4 {
		t.Errorf("seq %d, %d replays, %d entities", reopened.state.seq, len(reopened.state.replays), len(reopened.state.entities))
	}
}

func TestAJournalFromBeforeEngagementsWereKeptIsCompletedWhenOpened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	s, err := New(Options{StatePath: path})
	if err != nil {
		t.Fatal(err)
	}
	x := s.begin(startForTest)
	ref := engagementRef{ID: "eng-00000000000001", InvitationID: "engi-0000000000001", JobID: "job-0000000000001"}
	x.put(&opportunity{ID: "O1", Catalog: CatalogAWS, Involvement: involveCoSell, Doc: doc{"LifeCycle": map[string]any{"Stage": "Qualified"}}, Review: review{Status: statusApproved}, Engagement: ref})
	if err := x.commit(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := New(Options{StatePath: path})
		if err != nil {
			t.Fatal(err)
		}
		st := s.state
		if st.engagements[ref.ID] == nil || st.invitations[ref.InvitationID] == nil || st.jobs[ref.JobID] == nil || len(st.snapshots) != 1 || len(st.jobs) != 1 || len(st.events) != 0 {
			t.Errorf("%d engagements, %d invitations, %d jobs, %d snapshots, %d events", len(st.engagements), len(st.invitations), len(st.jobs), len(st.snapshots), len(st.events))
		}
		if st.opportunities["O1"].Engagement != ref {
			t.Errorf("%+v", st.opportunities["O1"].Engagement)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

var startForTest = kit.NewClock().Now()

func BenchmarkWholeLife(b *testing.B) {
	s, err := New(Options{AutoReview: true, StatePath: filepath.Join(b.TempDir(), "j"), Quotas: Quotas{Off: true}})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		out := s.perform("CreateOpportunity", (*tx).createOpportunity, doc{
			"Catalog": CatalogAWS, "ClientToken": fmt.Sprint(i), "PrimaryNeedsFromAws": []any{needDealSupport},
			"Customer":  map[string]any{"Account": map[string]any{"CompanyName": fmt.Sprint("Customer ", i), "Industry": "Retail", "WebsiteUrl": "https://c.example", "Address": map[string]any{"CountryCode": "AE"}}},
			"Project":   map[string]any{"Title": "T", "CustomerUseCase": "Database", "DeliveryModels": []any{"Other"}, "SalesActivities": []any{"SOW Signed"}, "CustomerBusinessProblem": fmt.Sprint("The customer number ", i, " wants one audited platform for all of its six teams."), "OtherSolutionDescription": "x", "ExpectedCustomerSpend": []any{map[string]any{"Amount": "10", "CurrencyCode": "USD"}}},
			"Marketing": map[string]any{"Source": "None"}, "LifeCycle": map[string]any{"TargetCloseDate": "2099-01-01", "NextSteps": "call"},
		})
		if out.status != 200 {
			b.Fatalf("%s", out.body)
		}
		var made struct {
			ID string `json:"Id"`
		}
		if err := json.Unmarshal(out.body, &made); err != nil {
			b.Fatal(err)
		}
		if out := s.perform("SubmitOpportunity", (*tx).submitOpportunity, doc{"Catalog": CatalogAWS, "Identifier": made.ID, "InvolvementType": involveCoSell}); out.status != 200 {
			b.Fatalf("%s", out.body)
		}
	}
}

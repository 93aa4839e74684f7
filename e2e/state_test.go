package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
)

// awsOpportunity is a record of the AWS sandbox, its own side too.
type awsOpportunity struct {
	ID     string `json:"id"`
	Origin string `json:"origin"`
	Doc    struct {
		PartnerOpportunityIdentifier string
		LifeCycle                    struct{ Stage string }
	} `json:"doc"`
	Related map[string][]string `json:"related"`
	Review  struct {
		Status string `json:"status"`
		Rounds int    `json:"rounds"`
	} `json:"review"`
}

// getJSON reads an address of a sandbox.
func getJSON(t *testing.T, address, bearer string, v any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer(t, req, v)
}

// answer sends a request that must succeed.
func answer(t *testing.T, req *http.Request, v any) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode/100 != 2 {
		t.Fatalf("%s %s answered %s: %s", req.Method, req.URL, res.Status, b)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s answered %q: %v", req.URL, b, err)
	}
}

// control posts to a control page of a sandbox.
func control(t *testing.T, base, page, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/_control/"+page, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer(t, req, nil)
}

// portal gives every opportunity of the AWS sandbox.
func portal(t *testing.T, s sandbox.Services) []awsOpportunity {
	t.Helper()
	var in struct {
		Opportunities []awsOpportunity `json:"opportunities"`
	}
	getJSON(t, s.AWS.URL+"/_control/opportunities", "", &in)
	return in.Opportunities
}

// query asks the Salesforce sandbox, as an integration user does, and gives
// every row of every page.
func query(t *testing.T, s sandbox.Services, soql string) []map[string]any {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.Salesforce.ClientID}, "client_secret": {s.Salesforce.ClientSecret}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Salesforce.URL+"/services/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	answer(t, req, &token)
	var out []map[string]any
	next := "/services/data/v67.0/query?q=" + url.QueryEscape(soql)
	for next != "" {
		var page struct {
			Records []map[string]any `json:"records"`
			Next    string           `json:"nextRecordsUrl"`
		}
		getJSON(t, s.Salesforce.URL+next, token.AccessToken, &page)
		out, next = append(out, page.Records...), page.Next
	}
	return out
}

// outcome is what the main job left in the outside world and in our database, in
// a form that does not depend on the order in which AWS gave its ids.
type outcome struct {
	Portal        []string            // "opportunity: review status, stage, solutions"
	Records       []string            // CoSell_Registration__c: "key → opportunity, cloud, state"
	Tasks         map[string][]string // subjects of the logged Tasks by opportunity
	Registrations []string            // our own: "opportunity cloud: state"
}

var portalID = regexp.MustCompile(`\bO[0-9]{5,}\b`)

// outcomeOf looks at a data folder that nobody uses. It fails the test when
// something is there twice, or when our database and the outside disagree.
func outcomeOf(t *testing.T, dir string) outcome {
	t.Helper()
	fleet, err := sandbox.Start(t.Context(), sandbox.Options{Dir: filepath.Join(dir, "sandbox"), Quotas: aws.Quotas{Off: true}, AutoReview: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	}()
	d, err := db.Open(t.Context(), db.Config{URL: filepath.Join(dir, "tandem.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	return compare(t, fleet.Services, d)
}

func compare(t *testing.T, s sandbox.Services, d *db.DB) outcome {
	t.Helper()
	var out outcome
	remote := map[string]string{} // AWS's id by opportunity
	for _, o := range portal(t, s) {
		crm := o.Doc.PartnerOpportunityIdentifier
		if remote[crm] != "" {
			t.Errorf("opportunity %s is registered twice: %s and %s", crm, remote[crm], o.ID)
		}
		if o.Review.Rounds != 1 {
			t.Errorf("%s was submitted %d times", o.ID, o.Review.Rounds)
		}
		remote[crm] = o.ID
		out.Portal = append(out.Portal, fmt.Sprintf("%s: %s, %s, %v", crm, o.Review.Status, o.Doc.LifeCycle.Stage, o.Related["Solutions"]))
	}
	seen := map[string]bool{}
	records := map[string]string{}
	for _, r := range query(t, s, `SELECT Id, CoSell_Key__c, Opportunity__c, Cloud__c, Portal_Id__c, Portal_Status__c, Sync_State__c FROM CoSell_Registration__c`) {
		crm := fmt.Sprint(r["Opportunity__c"])
		if pair := crm + fmt.Sprint(r["Cloud__c"]); seen[pair] {
			t.Errorf("Salesforce holds two records for %s", pair)
		} else {
			seen[pair] = true
		}
		records[crm] = fmt.Sprint(r["Sync_State__c"])
		if id, _ := r["Portal_Id__c"].(string); id != remote[crm] {
			t.Errorf("Salesforce says that %s is %q at AWS: it is %q", crm, id, remote[crm])
		}
		out.Records = append(out.Records, fmt.Sprintf("%s → %s, %s, %s, %s", r["CoSell_Key__c"], crm, r["Cloud__c"], r["Sync_State__c"], r["Portal_Status__c"]))
	}
	keys := map[string]string{} // Task by key
	out.Tasks = map[string][]string{}
	for _, r := range query(t, s, `SELECT Id, Subject, WhatId, CoSell_Activity_Key__c FROM Task WHERE CoSell_Activity_Key__c != null`) {
		key, crm, subject := fmt.Sprint(r["CoSell_Activity_Key__c"]), fmt.Sprint(r["WhatId"]), fmt.Sprint(r["Subject"])
		if keys[key] != "" {
			t.Errorf("activity %s was logged twice", key)
		}
		keys[key] = fmt.Sprint(r["Id"])
		if id := portalID.FindString(subject); id != "" && id != remote[crm] {
			t.Errorf("the Task %q of %s names another record: it is %s", subject, crm, remote[crm])
		}
		// Whether "in review" was seen between two looks depends on when we looked.
		if subject = portalID.ReplaceAllString(subject, "O…"); !strings.Contains(subject, "in review") {
			out.Tasks[crm] = append(out.Tasks[crm], subject)
		} else if slices.Contains(out.Tasks[crm], subject) {
			t.Errorf("%q was logged twice for %s", subject, crm)
		}
	}
	for crm, subjects := range out.Tasks {
		slices.Sort(subjects)
		if len(slices.Compact(slices.Clone(subjects))) != len(subjects) {
			t.Errorf("a Task of %s is there twice: %q", crm, subjects)
		}
	}
	ctx := context.WithoutCancel(t.Context())
	type own struct {
		CRMID    string `db:"crm_id"`
		Cloud    string `db:"cloud"`
		State    string `db:"state"`
		RemoteID string `db:"remote_id"`
		Dirty    bool   `db:"crm_dirty"`
	}
	mine, err := db.Select[own](ctx, d, `SELECT o.crm_id, r.cloud, r.state, r.remote_id, r.crm_dirty FROM registration r JOIN opportunity o ON o.id = r.opportunity_id`)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mine {
		if m.RemoteID != remote[m.CRMID] || m.Dirty {
			t.Errorf("we say that %s is %q at AWS, where it is %q (dirty %v)", m.CRMID, m.RemoteID, remote[m.CRMID], m.Dirty)
		}
		out.Registrations = append(out.Registrations, fmt.Sprintf("%s %s: %s", m.CRMID, m.Cloud, m.State))
	}
	type logged struct {
		Key    string `db:"crm_key"`
		TaskID string `db:"crm_task_id"`
		State  string `db:"crm_state"`
	}
	activities, err := db.Select[logged](ctx, d, `SELECT crm_key, crm_task_id, crm_state FROM activity WHERE crm_state <> 'none' AND origin <> 'crm'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range activities {
		if a.State != "logged" || keys[a.Key] != a.TaskID {
			t.Errorf("activity %s is %s as %q: Salesforce has %q", a.Key, a.State, a.TaskID, keys[a.Key])
		}
	}
	if len(activities) != len(keys) {
		t.Errorf("%d activities, and %d Tasks in Salesforce", len(activities), len(keys))
	}
	slices.Sort(out.Portal)
	slices.Sort(out.Records)
	slices.Sort(out.Registrations)
	return out
}

// sameDay keeps a test that compares two seeds of the demo organisation, whose
// days hang on today, from running over midnight.
func sameDay(need time.Duration) {
	now := time.Now().UTC()
	if next := now.Truncate(24 * time.Hour).Add(24 * time.Hour); next.Sub(now) < need {
		time.Sleep(next.Sub(now) + time.Second)
	}
}

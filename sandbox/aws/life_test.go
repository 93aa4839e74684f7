package aws_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/aws"
)

func TestOpportunityGoesFromCreationThroughReviewToLaunch(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{TaskDelay: 2 * time.Second, ReviewDelay: 48 * time.Hour, AutoReview: true})
	id := b.create(deal("a", nil))
	if s := b.status("AWS", id); s != "Pending Submission" {
		t.Fatalf("status %s", s)
	}
	b.associate("AWS", id, "Solutions", "S-0050001")
	b.associate("AWS", id, "AwsProducts", "AWSLambda")
	task := b.ok("StartEngagementFromOpportunityTask", start("AWS", id, "t1"))
	if task["TaskStatus"] != "IN_PROGRESS" || task["OpportunityId"] != id || !strings.HasPrefix(fmt.Sprint(task["TaskArn"]), "arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-from-opportunity-task/task-") {
		t.Fatalf("task %v", task)
	}
	poll := object{"Catalog": "AWS", "TaskIdentifier": []any{task["TaskId"]}}
	row := func() object {
		list, _ := b.ok("ListEngagementFromOpportunityTasks", poll)["TaskSummaries"].([]any)
		r, _ := list[0].(object)
		return r
	}
	if s := row()["TaskStatus"]; s != "IN_PROGRESS" {
		t.Fatalf("task %v", s)
	}
	b.refused("ConflictException", "StartEngagementFromOpportunityTask", start("AWS", id, "t2"))
	b.clock.Advance(2 * time.Second)
	if r := row(); r["TaskStatus"] != "COMPLETE" || r["EngagementId"] == nil || r["EngagementInvitationId"] == nil || r["ResourceSnapshotJobId"] == nil {
		t.Fatalf("task %v", r)
	}
	if again := b.ok("StartEngagementFromOpportunityTask", start("AWS", id, "t1")); again["TaskId"] != task["TaskId"] || again["TaskStatus"] != "COMPLETE" {
		t.Errorf("the same token gives %v", again)
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "Submitted"}, {12 * time.Hour, "In review"}, {36 * time.Hour, "Approved"}} {
		b.clock.Advance(step.after)
		if s := b.status("AWS", id); s != step.want {
			t.Fatalf("status %s, want %s", s, step.want)
		}
	}
	sum := b.ok("GetAwsOpportunitySummary", object{"Catalog": "AWS", "RelatedOpportunityIdentifier": id})
	if sum["CosellMotion"] != "AWS Field-engaged" || at(sum, "LifeCycle.Stage") != "Qualified" || at(sum, "OpportunityTeam") == nil || at(sum, "Insights.OpportunityQuality.Score") == nil || sum["InvolvementType"] != "Co-Sell" {
		t.Errorf("summary %v", sum)
	}
	for _, stage := range []string{"Technical Validation", "Committed", "Launched"} {
		if a := b.update("AWS", id, object{"LifeCycle.Stage": stage}); a.status != http.StatusOK {
			t.Fatalf("stage %s: %v", stage, a.body)
		}
	}
	if a := b.update("AWS", id, object{"LifeCycle.NextSteps": "2026-12-01 renewal"}); !a.has("LifeCycle.NextSteps", "ACTION_NOT_PERMITTED") {
		t.Errorf("after Launched next steps could change: %v", a.body)
	}
	if a := b.update("AWS", id, object{"Project.AdditionalComments": "live"}); a.status != http.StatusOK {
		t.Errorf("comments: %v", a.body)
	}
	var kinds []string
	events, _ := b.control("GET", "/_control/events", nil)["events"].([]any)
	for _, e := range events {
		m, _ := e.(object)
		kinds = append(kinds, fmt.Sprint(m["detail-type"]))
	}
	want := []string{"Opportunity Created", "Opportunity Updated", "Opportunity Updated", "Engagement Created", "Engagement Member Added", "Engagement Resource Snapshot Created", "Engagement Invitation Created", "Opportunity Updated"}
	if len(kinds) < len(want) {
		t.Fatalf("events %v", kinds)
	}
	if d := cmp.Diff(want, kinds[:len(want)]); d != "" {
		t.Error(d)
	}
}

func TestTaskOfAnIncompleteOpportunityFailsAndNamesEveryField(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(object{"Catalog": "AWS", "ClientToken": "x"})
	b.ok("StartEngagementFromOpportunityTask", start("AWS", id, "t"))
	list, _ := b.ok("ListEngagementFromOpportunityTasks", object{"Catalog": "AWS", "OpportunityIdentifier": []any{id}})["TaskSummaries"].([]any)
	row, _ := list[0].(object)
	if row["TaskStatus"] != "FAILED" || row["ReasonCode"] != "OpportunitySubmissionFailed" || row["EngagementId"] != nil {
		t.Fatalf("task %v", row)
	}
	a := b.refused("ValidationException", "SubmitOpportunity", object{"Catalog": "AWS", "Identifier": id, "InvolvementType": "Co-Sell"})
	if a.body["Reason"] != "BUSINESS_VALIDATION_FAILED" {
		t.Errorf("reason %v", a.body["Reason"])
	}
	for _, field := range []string{
		"PrimaryNeedsFromAws", "Project.DeliveryModels", "Project.Title", "Project.CustomerBusinessProblem", "Project.CustomerUseCase", "Project.SalesActivities",
		"Project.ExpectedCustomerSpend", "Customer.Account.CompanyName", "Customer.Account.WebsiteUrl", "Customer.Account.Industry", "Customer.Account.Address.CountryCode",
		"Customer.Account.Address.PostalCode", "LifeCycle.TargetCloseDate", "Marketing.Source", "RelatedEntityIdentifiers",
	} {
		if !a.has(field, "REQUIRED_FIELD_MISSING") {
			t.Errorf("%s is not named in %v", field, a.fields())
		}
		if !strings.Contains(fmt.Sprint(row["Message"]), field) {
			t.Errorf("the task's message lacks %s", field)
		}
	}
	if s := b.status("AWS", id); s != "Pending Submission" {
		t.Errorf("status %s", s)
	}
}

func TestStaleLastModifiedDateIsAConflictAtMillisecondPrecision(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", nil))
	stale := b.updateOf("AWS", id, object{"Project.Title": "Later"})
	b.control("POST", "/_control/edit", object{"opportunity": id, "set": object{"LifeCycle.NextSteps": "2026-04-01 call, owner B. Holt"}})
	b.refused("ConflictException", "UpdateOpportunity", stale)
	if got := at(b.get("AWS", id), "LifeCycle.NextSteps"); got != "2026-04-01 call, owner B. Holt" {
		t.Errorf("the edit in the portal is lost: %v", got)
	}
	fresh := b.updateOf("AWS", id, nil)
	fresh["LastModifiedDate"] = strings.TrimSuffix(fmt.Sprint(fresh["LastModifiedDate"]), "Z") + "456789Z"
	b.ok("UpdateOpportunity", fresh)
}

func TestUpdateReplacesTheWholeRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	in := deal("a", nil)
	in["OpportunityTeam"] = []any{object{"FirstName": "Bo", "LastName": "Holt", "Email": "bo@partner.example", "BusinessTitle": "PartnerAccountManager"}}
	id := b.create(in)
	if a := b.update("AWS", id, object{"Customer.Contacts": nil, "SoftwareRevenue": nil, "PartnerOpportunityIdentifier": nil}); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	got := b.get("AWS", id)
	if at(got, "Customer.Contacts") != nil || got["PartnerOpportunityIdentifier"] != nil {
		t.Errorf("left-out members stayed: %v", got)
	}
	if got["OpportunityTeam"] == nil || at(got, "LifeCycle.ReviewStatus") != "Pending Submission" {
		t.Errorf("what an update cannot carry is gone: %v", got)
	}
}

func TestClientTokenRepeatsTheAnswerAndConflictsOnAnotherBody(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	first := b.ok("CreateOpportunity", deal("a", nil))
	if d := cmp.Diff(first, b.ok("CreateOpportunity", deal("a", nil))); d != "" {
		t.Error(d)
	}
	a := b.refused("ConflictException", "CreateOpportunity", deal("a", object{"Project.Title": "Other"}))
	if a.body["Message"] != "Conflicting client token submitted for a new request body." {
		t.Errorf("message %v", a.body["Message"])
	}
	list, _ := b.ok("ListOpportunities", object{"Catalog": "AWS"})["OpportunitySummaries"].([]any)
	if len(list) != 1 {
		t.Errorf("%d opportunities", len(list))
	}
}

func TestReviewStatusDecidesWhichFieldsAreLocked(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{ReviewDelay: time.Hour})
	id := b.submitted(deal("a", nil))
	if a := b.update("AWS", id, object{"LifeCycle.NextSteps": "x"}); !a.has("LifeCycle.NextSteps", "ACTION_NOT_PERMITTED") {
		t.Errorf("while Submitted: %v", a.body)
	}
	if a := b.update("AWS", id, nil); !a.has("LifeCycle.ReviewStatus", "INVALID_RESOURCE_STATE") {
		t.Errorf("an empty update while Submitted: %v", a.body)
	}
	if a := b.update("AWS", id, object{"LifeCycle.ReviewStatus": "Approved"}); !a.has("LifeCycle.ReviewStatus", "ACTION_NOT_PERMITTED") {
		t.Errorf("a partner approved in catalog AWS: %v", a.body)
	}
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Action Required", "reason": "Customer Website", "comments": "Wrong site"})
	if a := b.update("AWS", id, object{"Project.Title": "New title"}); !a.has("Project.Title", "ACTION_NOT_PERMITTED") {
		t.Errorf("in Action Required: %v", a.body)
	}
	if a := b.update("AWS", id, object{"Customer.Account.WebsiteUrl": "https://quillmark.example"}); a.status != http.StatusOK {
		t.Errorf("in Action Required: %v", a.body)
	}
	if s := b.status("AWS", id); s != "Submitted" {
		t.Errorf("after the correction the opportunity is %s, not in validation again", s)
	}
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	for path, v := range map[string]any{
		"Project.Title": "New", "Project.CustomerBusinessProblem": strings.Repeat("other words ", 10), "Customer.Account.CompanyName": "Other",
		"Customer.Account.WebsiteUrl": "https://other.example", "Customer.Account.Industry": "Retail", "Customer.Account.Address.PostalCode": "10002",
		"Customer.Account.Address.StateOrRegion": "Ohio",
	} {
		if a := b.update("AWS", id, object{path: v}); !a.has(path, "ACTION_NOT_PERMITTED") {
			t.Errorf("%s after approval: %v", path, a.body)
		}
	}
	if a := b.update("AWS", id, object{"PrimaryNeedsFromAws": []any{"Co-Sell - Deal Support"}}); !a.has("PrimaryNeedsFromAws", "ACTION_NOT_PERMITTED") {
		t.Errorf("a need was taken back: %v", a.body)
	}
	if a := b.update("AWS", id, object{"LifeCycle.NextSteps": "2026-05-01 workshop", "Customer.Account.Address.City": "Albany", "Project.ExpectedCustomerSpend": []any{object{"Amount": "99", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}}}); a.status != http.StatusOK {
		t.Errorf("open fields after approval: %v", a.body)
	}
	if a := b.update("AWS", id, object{"Project.DeliveryModels": nil}); !a.has("Project.DeliveryModels", "REQUIRED_FIELD_MISSING") {
		t.Errorf("a required field was emptied after approval: %v", a.body)
	}
	rejected := b.submitted(deal("r", nil))
	b.control("POST", "/_control/review", object{"opportunity": rejected, "decision": "Rejected", "reason": "Duplicate"})
	if a := b.update("AWS", rejected, object{"LifeCycle.NextSteps": "x"}); !a.has("LifeCycle.ReviewStatus", "INVALID_RESOURCE_STATE") {
		t.Errorf("a rejected opportunity could change: %v", a.body)
	}
}

func TestStageRules(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	pending := b.create(deal("p", nil))
	if a := b.update("AWS", pending, object{"LifeCycle.Stage": "Launched"}); !a.has("LifeCycle.Stage", "INVALID_RESOURCE_STATE") {
		t.Errorf("launched before approval: %v", a.body)
	}
	if a := b.update("AWS", pending, object{"LifeCycle.Stage": "Closed Lost"}); !a.has("LifeCycle.ClosedLostReason", "REQUIRED_FIELD_MISSING") {
		t.Errorf("lost without a reason: %v", a.body)
	}
	other := b.create(deal("o", object{"Project.OtherSolutionDescription": "Something bespoke"}))
	b.ok("SubmitOpportunity", object{"Catalog": "AWS", "Identifier": other, "InvolvementType": "Co-Sell"})
	b.control("POST", "/_control/review", object{"opportunity": other, "decision": "Approved"})
	if a := b.update("AWS", other, object{"LifeCycle.Stage": "Committed"}); !a.has("RelatedEntityIdentifiers", "REQUIRED_FIELD_MISSING") {
		t.Errorf("committed with an unnamed solution: %v", a.body)
	}
	if a := b.update("AWS", other, object{"LifeCycle.Stage": "Closed Lost", "LifeCycle.ClosedLostReason": "Price"}); a.status != http.StatusOK {
		t.Errorf("%v", a.body)
	}
}

func TestSandboxCatalogLetsThePartnerSimulateTheReview(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{AutoReview: true})
	in := deal("a", object{"Catalog": "Sandbox", "Origin": "AWS Referral"})
	id := b.create(in)
	if a := b.update("Sandbox", id, object{"LifeCycle.ReviewStatus": "Approved"}); !a.has("LifeCycle.ReviewStatus", "ACTION_NOT_PERMITTED") {
		t.Errorf("approved before submission: %v", a.body)
	}
	b.associate("Sandbox", id, "Solutions", "S-1234567")
	b.ok("StartEngagementFromOpportunityTask", start("Sandbox", id, "t"))
	if s := b.status("Sandbox", id); s != "Submitted" {
		t.Fatalf("nobody reviews in Sandbox, but the status is %s", s)
	}
	if a := b.update("Sandbox", id, object{"LifeCycle.ReviewStatus": "Action Required", "LifeCycle.ReviewComments": "Fix it"}); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	if got := b.get("Sandbox", id); at(got, "LifeCycle.ReviewComments") != "Fix it" || at(got, "LifeCycle.ReviewStatus") != "Action Required" {
		t.Errorf("%v", got["LifeCycle"])
	}
	if a := b.update("Sandbox", id, object{"LifeCycle.ReviewStatus": "Approved"}); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	b.refused("ResourceNotFoundException", "GetOpportunity", object{"Catalog": "AWS", "Identifier": id})
	if a := b.call("CreateOpportunity", deal("b", object{"Origin": "AWS Referral"})); !a.has("Origin", "INVALID_VALUE") {
		t.Errorf("a referral was created in catalog AWS: %v", a.body)
	}
}

func TestVisibilityOnlyCanGrowToCoSellButNotBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", object{"PrimaryNeedsFromAws": nil, "Customer.Contacts": nil}))
	b.associate("AWS", id, "Solutions", "S-0050001")
	submit := func(kind string) answer {
		return b.call("SubmitOpportunity", object{"Catalog": "AWS", "Identifier": id, "InvolvementType": kind})
	}
	if a := submit("Co-Sell"); !a.has("PrimaryNeedsFromAws", "REQUIRED_FIELD_MISSING") {
		t.Errorf("co-sell without a need: %v", a.body)
	}
	if a := submit("For Visibility Only"); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	in := object{"Catalog": "AWS", "RelatedOpportunityIdentifier": id}
	if sum := b.ok("GetAwsOpportunitySummary", in); sum["CosellMotion"] != "Partner-led" || sum["InvolvementType"] != "For Visibility Only" {
		t.Errorf("%v", sum)
	}
	if a := submit("Co-Sell"); !a.has("Customer.Contacts", "REQUIRED_FIELD_MISSING") || !a.has("PrimaryNeedsFromAws", "REQUIRED_FIELD_MISSING") {
		t.Errorf("%v", a.body)
	}
	if a := b.update("AWS", id, object{"PrimaryNeedsFromAws": []any{"Co-Sell - Deal Support"}, "Customer.Contacts": []any{object{"FirstName": "Ada", "LastName": "Farrow"}}}); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	if a := submit("Co-Sell"); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	if a := submit("For Visibility Only"); a.kind() != "ValidationException" {
		t.Errorf("co-sell was turned back: %v", a.body)
	}
}

func TestManyCallersAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{AutoReview: true, StatePath: filepath.Join(t.TempDir(), "j")})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			for j := range 8 {
				id, _ := b.call("CreateOpportunity", deal(fmt.Sprintf("t%d-%d", i, j), object{"Project.CustomerBusinessProblem": fmt.Sprintf("Plant %d-%d has four separate build systems; the customer wants one platform on EKS.", i, j)})).body["Id"].(string)
				b.call("AssociateOpportunity", object{"Catalog": "AWS", "OpportunityIdentifier": id, "RelatedEntityType": "Solutions", "RelatedEntityIdentifier": "S-0050001"})
				b.call("StartEngagementFromOpportunityTask", start("AWS", id, id))
				b.controlRaw("GET", "/_control/opportunities", nil)
			}
		})
	}
	wg.Wait()
	out := b.ok("ListOpportunities", object{"Catalog": "AWS", "MaxResults": 100, "LifeCycleReviewStatus": []any{"Approved"}})
	if got := ids(t, out["OpportunitySummaries"], "Id"); len(got) != 48 {
		t.Errorf("%d approved", len(got))
	}
}

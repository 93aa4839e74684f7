package aws_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// refer lets AWS invite us and gives the invitation's id.
func (b *bench) refer(in object) string {
	b.t.Helper()
	list, _ := b.control("POST", "/_control/refer", in)["invitations"].([]any)
	i, _ := list[0].(object)
	id, _ := i["id"].(string)
	return id
}

// sharedSpace makes an engagement and gives its id.
func (b *bench) sharedSpace(changes object) string {
	b.t.Helper()
	in := object{"Catalog": "AWS", "ClientToken": fmt.Sprint(changes)}
	for k, v := range changes {
		in[k] = v
	}
	id, _ := b.ok("CreateEngagement", in)["Id"].(string)
	return id
}

func in(kv ...any) object {
	o := object{"Catalog": "AWS"}
	for i := 0; i < len(kv); i += 2 {
		o[kv[i].(string)] = kv[i+1]
	}
	return o
}

func first(t *testing.T, list any) object {
	t.Helper()
	rows, _ := list.([]any)
	if len(rows) == 0 {
		t.Fatal("the list is empty")
	}
	o, _ := rows[0].(object)
	return o
}

func (b *bench) kinds(after int) []string {
	b.t.Helper()
	list, _ := b.control("GET", "/_control/events", nil)["events"].([]any)
	out := []string{}
	for _, e := range list[after:] {
		m, _ := e.(object)
		out = append(out, fmt.Sprint(m["detail-type"]))
	}
	return out
}

func invitedProject() object {
	return object{
		"Message": "Shall we do this together?", "Receiver": object{"Account": object{"AwsAccountId": "222233334444", "Alias": "Reseller"}},
		"Payload": object{"OpportunityInvitation": object{
			"ReceiverResponsibilities": []any{"Reseller"}, "SenderContacts": []any{object{"Email": "Bo.Holt@partner.example"}},
			"Customer": object{"Industry": "Retail", "CompanyName": "Quillmark", "WebsiteUrl": "https://www.quillmark.example", "CountryCode": "US"},
			"Project":  object{"Title": "Platform", "BusinessProblem": "Releases are slow and not audited.", "TargetCompletionDate": "2026-12-01", "ExpectedCustomerSpend": []any{}},
		}},
	}
}

func TestASubmissionLeavesItsEngagementSnapshotJobAndInvitation(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{ReviewDelay: 48 * time.Hour})
	id := b.submitted(deal("a", nil))
	task := first(t, b.ok("ListEngagementFromOpportunityTasks", in("OpportunityIdentifier", []any{id}))["TaskSummaries"])
	eng, job, inv := task["EngagementId"], task["ResourceSnapshotJobId"], task["EngagementInvitationId"]
	e := b.ok("GetEngagement", in("Identifier", eng))
	if e["CreatedBy"] != "123456789012" || e["MemberCount"] != 2.0 || first(t, e["Contexts"])["Type"] != "CustomerProject" {
		t.Errorf("engagement %v", e)
	}
	if got := ids(t, b.ok("ListEngagementMembers", in("Identifier", e["Arn"]))["EngagementMemberList"], "AccountId"); !slices.Equal(got, []string{"123456789012", "AWS"}) {
		t.Errorf("members %v", got)
	}
	if r := first(t, b.ok("ListEngagementResourceAssociations", in("ResourceIdentifier", id))["EngagementResourceAssociationSummaries"]); r["EngagementId"] != eng {
		t.Errorf("association %v", r)
	}
	if j := b.ok("GetResourceSnapshotJob", in("ResourceSnapshotJobIdentifier", job)); j["Status"] != "Running" || j["ResourceId"] != id || j["LastSuccessfulExecutionDate"] == nil {
		t.Errorf("job %v", j)
	}
	if i := b.ok("GetEngagementInvitation", in("Identifier", inv)); i["Status"] != "PENDING" || at(i, "Receiver.Account.AwsAccountId") != "AWS" || at(i, "Payload.OpportunityInvitation.Customer.CompanyName") == nil {
		t.Errorf("invitation %v", i)
	}
	series := in("EngagementIdentifier", eng, "ResourceType", "Opportunity", "ResourceIdentifier", id, "ResourceSnapshotTemplateIdentifier", "OpportunitySummary")
	one := b.ok("GetResourceSnapshot", series)
	if one["Revision"] != 1.0 || at(one, "Payload.OpportunitySummary.Lifecycle.ReviewStatus") != "Submitted" {
		t.Errorf("snapshot %v", one)
	}
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	if i := b.ok("GetEngagementInvitation", in("Identifier", inv)); i["Status"] != "ACCEPTED" {
		t.Errorf("after approval the invitation is %v", i["Status"])
	}
	if a := b.update("AWS", id, object{"LifeCycle.NextSteps": "2026-04-02 pricing call, owner B. Holt"}); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	if last := b.ok("GetResourceSnapshot", series); last["Revision"] != 3.0 || at(last, "Payload.OpportunitySummary.Lifecycle.NextSteps") != "2026-04-02 pricing call, owner B. Holt" {
		t.Errorf("snapshot %v", last)
	}
	b.update("AWS", id, object{"Project.AdditionalComments": "not shown to members"})
	if last := b.ok("GetResourceSnapshot", series); last["Revision"] != 3.0 {
		t.Errorf("an unchanged view made revision %v", last["Revision"])
	}
	series["Revision"] = 1
	if d := cmp.Diff(one, b.ok("GetResourceSnapshot", series)); d != "" {
		t.Errorf("a revision changed: %s", d)
	}
	view := in("EngagementIdentifier", eng, "ResourceType", "Opportunity", "ResourceIdentifier", id, "ResourceSnapshotTemplateIdentifier", "AwsOpportunitySummaryFullView")
	if v := b.ok("GetResourceSnapshot", view); v["CreatedBy"] != "AWS" || at(v, "Payload.AwsOpportunitySummaryFullView.OpportunityTeam") == nil {
		t.Errorf("AWS's view %v", v)
	}
	if got := ids(t, b.ok("ListResourceSnapshots", in("EngagementIdentifier", eng, "CreatedBy", "123456789012"))["ResourceSnapshotSummaries"], "Revision"); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("revisions %v", got)
	}
}

func TestAReferralIsHiddenUntilAcceptedAndBecomesAnOpportunity(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{TaskDelay: 2 * time.Second})
	id := b.refer(object{"opportunity": object{"Customer": object{"Account": object{"CompanyName": "Amberfield Foods"}}}})
	row := first(t, b.ok("ListEngagementInvitations", in("ParticipantType", "RECEIVER", "Status", []any{"PENDING"}))["EngagementInvitationSummaries"])
	if row["Id"] != id || row["ParticipantType"] != "RECEIVER" || row["SenderAwsAccountId"] != "AWS" {
		t.Errorf("row %v", row)
	}
	inv := b.ok("GetEngagementInvitation", in("Identifier", row["Arn"]))
	if at(inv, "Payload.OpportunityInvitation.Customer.CompanyName") != "Amberfield Foods" || at(inv, "Payload.OpportunityInvitation.SenderContacts") != nil || inv["ExpirationDate"] != "2026-03-17T09:00:00.000Z" {
		t.Errorf("invitation %v", inv)
	}
	b.refused("AccessDeniedException", "GetEngagement", in("Identifier", inv["EngagementId"]))
	before := len(b.kinds(0))
	start := in("Identifier", id, "ClientToken", "t")
	if task := b.ok("StartEngagementByAcceptingInvitationTask", start); task["TaskStatus"] != "IN_PROGRESS" || task["OpportunityId"] != nil {
		t.Errorf("task %v", task)
	}
	b.refused("ConflictException", "StartEngagementByAcceptingInvitationTask", in("Identifier", id, "ClientToken", "u"))
	b.clock.Advance(2 * time.Second)
	task := b.ok("StartEngagementByAcceptingInvitationTask", start)
	if task["TaskStatus"] != "COMPLETE" || task["ResourceSnapshotJobId"] == nil || task["EngagementInvitationId"] != id {
		t.Fatalf("task %v", task)
	}
	if l := first(t, b.ok("ListEngagementByAcceptingInvitationTasks", in("EngagementInvitationIdentifier", []any{id}))["TaskSummaries"]); l["TaskId"] != task["TaskId"] {
		t.Errorf("%v", l)
	}
	opp := fmt.Sprint(task["OpportunityId"])
	o := b.get("AWS", opp)
	if at(o, "LifeCycle.Stage") != "Prospect" || at(o, "LifeCycle.ReviewStatus") != "Approved" || at(o, "Customer.Account.Address.StreetAddress") == nil || at(o, "Customer.Contacts") == nil {
		t.Errorf("opportunity %v", o)
	}
	if s := b.ok("GetAwsOpportunitySummary", in("RelatedOpportunityIdentifier", opp)); s["Origin"] != "AWS Referral" || s["OpportunityTeam"] == nil {
		t.Errorf("summary %v", s)
	}
	if got := b.ok("GetEngagementInvitation", in("Identifier", id)); got["Status"] != "ACCEPTED" || at(got, "Payload.OpportunityInvitation.SenderContacts") == nil {
		t.Errorf("invitation %v", got)
	}
	b.associate("AWS", opp, "Solutions", "S-0050001")
	if a := b.update("AWS", opp, object{"LifeCycle.Stage": "Qualified"}); a.status != http.StatusOK {
		t.Errorf("the referral cannot move on: %v", a.body)
	}
	want := []string{"Engagement Invitation Accepted", "Engagement Member Added", "Opportunity Created", "Engagement Resource Snapshot Created"}
	if d := cmp.Diff(want, b.kinds(before)[:4]); d != "" {
		t.Error(d)
	}
	b.refused("ConflictException", "AcceptEngagementInvitation", in("Identifier", id))
}

func TestInvitationsAreRejectedWithAListedReasonAndExpireAfter15Days(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.refer(object{})
	if a := b.refused("ValidationException", "RejectEngagementInvitation", in("Identifier", id, "RejectionReason", "We are busy")); !a.has("RejectionReason", "INVALID_ENUM_VALUE") {
		t.Errorf("%v", a.body)
	}
	b.ok("RejectEngagementInvitation", in("Identifier", id, "RejectionReason", "Unable to support"))
	if got := b.ok("GetEngagementInvitation", in("Identifier", id)); got["Status"] != "REJECTED" || got["RejectionReason"] != "Unable to support" {
		t.Errorf("%v", got)
	}
	b.refused("ConflictException", "RejectEngagementInvitation", in("Identifier", id))
	late := b.refer(object{})
	b.clock.Advance(15*24*time.Hour - time.Second)
	if s := b.ok("GetEngagementInvitation", in("Identifier", late))["Status"]; s != "PENDING" {
		t.Errorf("too early: %v", s)
	}
	b.clock.Advance(time.Second)
	if s := b.ok("GetEngagementInvitation", in("Identifier", late))["Status"]; s != "EXPIRED" {
		t.Errorf("after 15 days: %v", s)
	}
	b.refused("ConflictException", "AcceptEngagementInvitation", in("Identifier", late))
	b.ok("StartEngagementByAcceptingInvitationTask", in("Identifier", late, "ClientToken", "t"))
	if task := b.ok("StartEngagementByAcceptingInvitationTask", in("Identifier", late, "ClientToken", "t")); task["ReasonCode"] != "EngagementInvitationConflict" {
		t.Errorf("%v", task)
	}
	kinds := b.kinds(0)
	if kinds[len(kinds)-1] != "Engagement Invitation Expired" {
		t.Errorf("events %v", kinds)
	}
}

func TestOtherPartnersAreInvitedOnceAndJoin(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	eng := b.sharedSpace(object{"Title": "Joint deal"})
	made := b.ok("CreateEngagementInvitation", in("EngagementIdentifier", eng, "ClientToken", "i", "Invitation", invitedProject()))
	b.refused("ConflictException", "CreateEngagementInvitation", in("EngagementIdentifier", eng, "ClientToken", "j", "Invitation", invitedProject()))
	b.refused("AccessDeniedException", "AcceptEngagementInvitation", in("Identifier", made["Id"]))
	self := invitedProject()
	self["Receiver"] = object{"Account": object{"AwsAccountId": "123456789012"}}
	b.refused("ValidationException", "CreateEngagementInvitation", in("EngagementIdentifier", eng, "ClientToken", "k", "Invitation", self))
	if rows := ids(t, b.ok("ListEngagementInvitations", in("ParticipantType", "SENDER", "EngagementIdentifier", []any{eng}))["EngagementInvitationSummaries"], "Id"); len(rows) != 1 || rows[0] != made["Id"] {
		t.Errorf("%v", rows)
	}
	if got := b.ok("GetEngagementInvitation", in("Identifier", made["Arn"])); at(got, "Payload.OpportunityInvitation.SenderContacts") == nil {
		t.Errorf("the sender sees all: %v", got)
	}
	b.control("POST", "/_control/invitation", object{"invitation": made["Id"], "decision": "accept"})
	if got := ids(t, b.ok("ListEngagementMembers", in("Identifier", eng, "MaxResults", 10))["EngagementMemberList"], "AccountId"); !slices.Contains(got, "222233334444") {
		t.Errorf("%v", got)
	}
	b.refused("ResourceNotFoundException", "GetEngagement", object{"Catalog": "Sandbox", "Identifier": eng})
}

func TestALeadIsWorkedAndBecomesAnOpportunity(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	inv := b.refer(object{"kind": "lead"})
	got := b.ok("GetEngagementInvitation", in("Identifier", inv))
	if got["PayloadType"] != "LeadInvitation" || at(got, "EnrichmentContext.LeadInsights.LeadReadinessScore") == nil {
		t.Errorf("%v", got)
	}
	eng := got["EngagementId"]
	b.ok("AcceptEngagementInvitation", in("Identifier", inv))
	e := b.ok("GetEngagement", in("Identifier", eng))
	lead := first(t, e["Contexts"])
	customer := at(lead, "Payload.Lead.Customer")
	contact := object{"FirstName": "Kaia", "LastName": "Norstadt", "Email": "Kaia@Norstadt.example", "BusinessTitle": "CTO"}
	change := in("EngagementIdentifier", eng, "ContextIdentifier", lead["Id"], "Type", "Lead", "EngagementLastModifiedAt", e["ModifiedAt"],
		"Payload", object{"Lead": object{"QualificationStatus": "Disqualified", "Customer": customer, "Interaction": object{"Contact": contact}}})
	first1 := b.ok("UpdateEngagementContext", change)
	b.refused("ConflictException", "UpdateEngagementContext", change)
	outcome := func(context, token string) object {
		start := in("Identifier", eng, "ContextIdentifier", context, "ClientToken", token)
		b.ok("StartOpportunityFromEngagementTask", start)
		return b.ok("StartOpportunityFromEngagementTask", start)
	}
	if o := outcome("1", "a"); o["ReasonCode"] != "DisqualifiedLeadNotPermitted" {
		t.Errorf("%v", o)
	}
	if o := outcome("9", "b"); o["ReasonCode"] != "ContextNotFound" {
		t.Errorf("%v", o)
	}
	change["EngagementLastModifiedAt"] = first1["EngagementLastModifiedAt"]
	change["Payload"] = object{"Lead": object{"QualificationStatus": "Qualified", "Customer": customer}}
	b.ok("UpdateEngagementContext", change)
	project := in("EngagementIdentifier", eng, "ClientToken", "p", "Type", "CustomerProject", "Payload", object{"CustomerProject": object{}})
	if b.ok("CreateEngagementContext", project)["ContextId"] != "2" {
		t.Error("the second context is not 2")
	}
	if o := outcome("2", "c"); o["ReasonCode"] != "CustomerProjectContextNotPermitted" {
		t.Errorf("%v", o)
	}
	o := outcome("1", "d")
	if o["TaskStatus"] != "COMPLETE" || o["ContextId"] != "1" || o["EngagementId"] != eng {
		t.Fatalf("%v", o)
	}
	made := b.get("AWS", fmt.Sprint(o["OpportunityId"]))
	if at(made, "LifeCycle.ReviewStatus") != "Pending Submission" || at(made, "Project.CustomerBusinessProblem") == nil || len(ids(t, at(made, "Customer.Contacts"), "Email")) != 2 {
		t.Errorf("%v", made)
	}
	if again := outcome("1", "e"); again["ReasonCode"] != "OpportunityConflict" {
		t.Errorf("%v", again)
	}
	if n := ids(t, b.ok("ListOpportunityFromEngagementTasks", in("EngagementIdentifier", []any{eng}, "TaskStatus", []any{"FAILED"}))["TaskSummaries"], "TaskId"); len(n) != 4 {
		t.Errorf("%d failed tasks", len(n))
	}
	for i := range 3 {
		project["ClientToken"] = fmt.Sprint("more", i)
		b.ok("CreateEngagementContext", project)
	}
	project["ClientToken"] = "six"
	b.refused("ServiceQuotaExceededException", "CreateEngagementContext", project)
	wrong := in("EngagementIdentifier", eng, "ClientToken", "w", "Type", "Lead", "Payload", object{"CustomerProject": object{}})
	b.refused("ValidationException", "CreateEngagementContext", wrong)
}

func TestSnapshotJobsNeedARoleAndRunOnlyWhileRunning(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{NoSnapshotJobRole: true})
	opp := b.create(deal("a", nil))
	eng := b.sharedSpace(object{"Title": "Space"})
	series := in("EngagementIdentifier", eng, "ResourceType", "Opportunity", "ResourceIdentifier", opp, "ResourceSnapshotTemplateIdentifier", "OpportunitySummary")
	with := func(kv ...any) object {
		o := in(kv...)
		for k, v := range series {
			o[k] = v
		}
		return o
	}
	if r := b.ok("CreateResourceSnapshot", with("ClientToken", "s")); r["Revision"] != 1.0 {
		t.Errorf("%v", r)
	}
	if r := b.ok("CreateResourceSnapshot", with("ClientToken", "s2")); r["Revision"] != 1.0 {
		t.Errorf("nothing changed, yet %v", r)
	}
	b.refused("ValidationException", "CreateResourceSnapshotJob", with("ClientToken", "j"))
	b.associate("AWS", opp, "Solutions", "S-0050001")
	b.ok("StartEngagementFromOpportunityTask", start("AWS", opp, "x"))
	if task := b.ok("StartEngagementFromOpportunityTask", start("AWS", opp, "x")); task["ReasonCode"] != "ResourceSnapshotJobValidationFailed" {
		t.Errorf("%v", task)
	}
	if b.ok("GetSellingSystemSettings", in())["ResourceSnapshotJobRoleArn"] != nil {
		t.Error("a role from the start")
	}
	if r := b.ok("PutSellingSystemSettings", in("ResourceSnapshotJobRoleIdentifier", "SnapshotJobs")); r["ResourceSnapshotJobRoleArn"] != "arn:aws:iam::123456789012:role/SnapshotJobs" {
		t.Errorf("%v", r)
	}
	b.refused("AccessDeniedException", "PutSellingSystemSettings", in("ResourceSnapshotJobRoleIdentifier", "arn:aws:iam::999999999999:role/x"))
	job := b.ok("CreateResourceSnapshotJob", with("ClientToken", "j", "Tags", []any{object{"Key": "a", "Value": "b"}}))
	if tags := ids(t, b.ok("ListTagsForResource", object{"ResourceArn": job["Arn"]})["Tags"], "Key"); len(tags) != 1 {
		t.Errorf("%v", tags)
	}
	b.refused("ConflictException", "CreateResourceSnapshotJob", with("ClientToken", "j2"))
	this := in("ResourceSnapshotJobIdentifier", job["Id"])
	revision := func() any { return b.ok("GetResourceSnapshot", series)["Revision"] }
	b.update("AWS", opp, object{"LifeCycle.NextSteps": "one"})
	if revision() != 1.0 {
		t.Errorf("a stopped job made revision %v", revision())
	}
	b.refused("ValidationException", "StopResourceSnapshotJob", this)
	b.ok("StartResourceSnapshotJob", this)
	b.update("AWS", opp, object{"LifeCycle.NextSteps": "two"})
	if revision() != 3.0 {
		t.Errorf("a running job: revision %v", revision())
	}
	b.refused("ConflictException", "DeleteResourceSnapshotJob", this)
	b.ok("PutSellingSystemSettings", in())
	b.update("AWS", opp, object{"LifeCycle.NextSteps": "three"})
	if j := b.ok("GetResourceSnapshotJob", this); j["LastFailure"] == nil || revision() != 3.0 {
		t.Errorf("without the role: %v", j)
	}
	b.ok("StopResourceSnapshotJob", this)
	if rows := ids(t, b.ok("ListResourceSnapshotJobs", in("Status", "Stopped", "EngagementIdentifier", eng))["ResourceSnapshotJobSummaries"], "Id"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	b.ok("DeleteResourceSnapshotJob", this)
	b.refused("ResourceNotFoundException", "GetResourceSnapshotJob", this)
	b.refused("ResourceNotFoundException", "GetResourceSnapshot", with("Revision", 9))
}

func TestProspectingGivesEachEngagementAWSsViewOfItsCustomer(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{ProspectingDelay: time.Minute})
	good := b.sharedSpace(object{"Title": "Good", "Contexts": []any{object{"Type": "CustomerProject", "Payload": object{"CustomerProject": object{"Customer": object{"Industry": "Retail", "CompanyName": "Quillmark", "WebsiteUrl": "www.quillmark.example", "CountryCode": "DE"}}}}}})
	bare := b.sharedSpace(object{"Title": "Bare"})
	b.refused("ValidationException", "StartProspectingFromEngagementTask", in("ClientToken", "n", "TaskName", "x", "Identifiers", []any{}))
	task := b.ok("StartProspectingFromEngagementTask", in("ClientToken", "p", "TaskName", "March", "Identifiers", []any{good, bare}))
	if task["TaskStatus"] != "PENDING" {
		t.Errorf("%v", task)
	}
	b.clock.Advance(time.Minute)
	got := b.ok("GetProspectingFromEngagementTask", in("TaskIdentifier", task["TaskId"]))
	if s := ids(t, got["Engagements"], "Status"); !slices.Equal(s, []string{"COMPLETED", "FAILED"}) || got["EndTime"] == nil {
		t.Errorf("%v", got)
	}
	contexts, _ := b.ok("GetEngagement", in("Identifier", good))["Contexts"].([]any)
	found, _ := contexts[1].(object)
	if at(found, "Payload.ProspectingResult.Aws.Customer.Geo") != "EMEA" || at(found, "Payload.ProspectingResult.Aws.TaskId") != task["TaskId"] {
		t.Errorf("%v", found)
	}
	row := first(t, b.ok("ListProspectingFromEngagementTasks", in("TaskName", []any{"March"}, "StartAfter", "2026-01-01T00:00:00Z"))["TaskSummaries"])
	if row["TotalEngagementCount"] != 2.0 || row["FailedEngagementCount"] != 1.0 {
		t.Errorf("%v", row)
	}
	if l := ids(t, b.ok("ListEngagements", in("ContextTypes", []any{"ProspectingResult"}))["EngagementSummaryList"], "Id"); !slices.Equal(l, []string{good}) {
		t.Errorf("%v", l)
	}
}

func TestEngagementsSurviveAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws.jsonl")
	clock := kit.NewFrozenClock(startOfTime)
	b := newBench(t, aws.Options{StatePath: path, Clock: clock, ProspectingDelay: time.Hour})
	id := b.approved("a", nil)
	b.refer(object{})
	inv := b.refer(object{"kind": "lead"})
	b.ok("AcceptEngagementInvitation", in("Identifier", inv))
	eng := b.sharedSpace(object{"Title": "Mine"})
	b.ok("StartProspectingFromEngagementTask", in("ClientToken", "p", "TaskName", "March", "Identifiers", []any{eng}))
	b.ok("PutSellingSystemSettings", in("ResourceSnapshotJobRoleIdentifier", "Kept"))
	see := func(b *bench) []object {
		space := first(t, b.ok("ListEngagementResourceAssociations", in("ResourceIdentifier", id))["EngagementResourceAssociationSummaries"])["EngagementId"]
		return []object{
			b.control("GET", "/_control/engagements", nil), b.control("GET", "/_control/events", nil), b.ok("GetSellingSystemSettings", in()),
			b.ok("ListResourceSnapshots", in("EngagementIdentifier", space)), b.ok("ListProspectingFromEngagementTasks", in()), b.ok("ListEngagements", in()),
			b.ok("ListEngagementInvitations", in("ParticipantType", "RECEIVER")),
		}
	}
	// The first one is killed: it is never closed before the second opens.
	again := newBench(t, aws.Options{StatePath: path, Clock: clock, ProspectingDelay: time.Hour})
	if d := cmp.Diff(see(b), see(again)); d != "" {
		t.Error(d)
	}
	if made := again.ok("CreateEngagement", in("ClientToken", fmt.Sprint(object{"Title": "Mine"}), "Title", "Mine")); made["Id"] != eng {
		t.Errorf("one token made two: %v", made)
	}
	clock.Advance(15 * 24 * time.Hour)
	if n := again.ok("ListEngagementInvitations", in("ParticipantType", "RECEIVER", "Status", []any{"EXPIRED"})); len(ids(t, n["EngagementInvitationSummaries"], "Id")) != 1 {
		t.Errorf("%v", n)
	}
	if task := first(t, again.ok("ListProspectingFromEngagementTasks", in())["TaskSummaries"]); task["EndTime"] == nil {
		t.Errorf("%v", task)
	}
}

func TestOtherSolutionIsTooLittleFromCommittedOnCreateAndSubmit(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	a := b.refused("ValidationException", "CreateOpportunity", deal("c", object{"LifeCycle.Stage": "Committed", "Project.OtherSolutionDescription": "Bespoke"}))
	if !a.has("Project.OtherSolutionDescription", "ACTION_NOT_PERMITTED") {
		t.Errorf("%v", a.body)
	}
	id := b.create(deal("s", object{"Project.OtherSolutionDescription": "Bespoke"}))
	b.update("AWS", id, object{"LifeCycle.Stage": "Committed"})
	a = b.refused("ValidationException", "SubmitOpportunity", in("Identifier", id, "InvolvementType", "Co-Sell"))
	if !a.has("Project.OtherSolutionDescription", "ACTION_NOT_PERMITTED") {
		t.Errorf("%v", a.body)
	}
	b.associate("AWS", id, "Solutions", "S-0050001")
	b.ok("SubmitOpportunity", in("Identifier", id, "InvolvementType", "Co-Sell"))
}

func TestNationalSecurityIsNotForVisibilityOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("n", object{"NationalSecurity": "Yes", "Customer.Account.Industry": "Government"}))
	b.associate("AWS", id, "Solutions", "S-0050001")
	a := b.refused("ValidationException", "SubmitOpportunity", in("Identifier", id, "InvolvementType", "For Visibility Only"))
	if !a.has("NationalSecurity", "INVALID_VALUE") || !strings.Contains(fmt.Sprint(a.body), "Visibility") {
		t.Errorf("%v", a.body)
	}
	b.ok("SubmitOpportunity", in("Identifier", id, "InvolvementType", "Co-Sell"))
}

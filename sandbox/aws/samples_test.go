package aws_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/aws"
)

// sharedFolder is the contracts folder: TANDEM_SHARED, or shared beside the
// repository's root.
func sharedFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("TANDEM_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

func readSample(t *testing.T, path string) object {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// refusal is why the current API refuses a sample.
type refusal struct{ why, field, code string }

// Each published sample: the operation it is for, and why it is refused, if it is.
var samples = map[string]struct {
	operation string
	refused   *refusal
}{
	"createOpportunity.json": {"CreateOpportunity", nil},
	"updateOpportunity.json": {"UpdateOpportunity", &refusal{"a US postal code has five digits, this one four", "Customer.Account.Address.PostalCode", "INVALID_STRING_FORMAT"}},

	"opportunity-samples__Opportunity-Create-Inbound-Sample.json":      {"CreateOpportunity", s3Form},
	"opportunity-samples__Opportunity-Outbound-Sample.json":            {"CreateOpportunity", s3Form},
	"opportunity-samples__Opoortunity-Results-Success-Sample.json":     {"CreateOpportunity", s3Form},
	"opportunity-samples__Opportunity-Results_With-Errors-Sample.json": {"CreateOpportunity", s3Form},

	"privateOfferAutomationAndOpportunityAssociation__3_createOpportunity__update_opportunity.json":           {"UpdateOpportunity", nil},
	"privateOfferAutomationAndOpportunityAssociation__6_updateOpportunity__update_opportunity_committed.json": {"UpdateOpportunity", nil},
	"python_preview__leadToOpportunity__update_opportunity_from_lead.json":                                    {"UpdateOpportunity", nil},

	"python_preview__sampleUI__bulk_create_opportunities__opportunities__opportunity_1.json": {"CreateOpportunity", competitor},
	"python_preview__sampleUI__bulk_create_opportunities__opportunities__opportunity_2.json": {"CreateOpportunity", competitor},
	"python_preview__sampleUI__bulk_update_opportunities__opportunities__opportunity_1.json": {"UpdateOpportunity", competitor},
	"python_preview__sampleUI__bulk_update_opportunities__opportunities__opportunity_2.json": {"UpdateOpportunity", competitor},
	"python_preview__sampleUI__create_opportunity__createOpportunity.json":                   {"CreateOpportunity", nil},
	"python_preview__sampleUI__create_opportunity__createOpportunity_aws.json":               {"CreateOpportunity", nil},
	"python_preview__sampleUI__update_opportunity__update_opportunity.json":                  {"UpdateOpportunity", competitor},
	"python_preview__sampleUI__update_opportunity__update_opportunity_approved.json":         {"UpdateOpportunity", nil},
	"python_preview__sampleUI__update_opportunity__update_opportunity_technical_validation.json": {
		"UpdateOpportunity", nil,
	},
	"python_preview__src__bulk_create_opportunities__opportunities__opportunity_1.json": {"CreateOpportunity", nil},
	"python_preview__src__bulk_create_opportunities__opportunities__opportunity_2.json": {"CreateOpportunity", nil},
	"python_preview__src__create_opportunity__createOpportunity_aws.json":               {"CreateOpportunity", competitor},
}

var (
	s3Form     = &refusal{"the older S3 form has one object with a list of flat records, no Catalog and no ClientToken", "Catalog", "REQUIRED_FIELD_MISSING"}
	competitor = &refusal{`"Competitor Platform" is a placeholder, not a CompetitorName`, "Project.CompetitorName", "INVALID_ENUM_VALUE"}
)

func TestPublishedSamplesAreAcceptedOrRefusedForTheKnownReason(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(sharedFolder(t), "contracts", "aws", "samples", "opportunities")
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(samples) {
		t.Errorf("%d files, %d known", len(files), len(samples))
	}
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			want, known := samples[f.Name()]
			if !known {
				t.Fatal("a sample that the test does not know")
			}
			b := newBench(t, aws.Options{})
			in := readSample(t, filepath.Join(folder, f.Name()))
			var a answer
			if want.operation == "UpdateOpportunity" {
				a = b.sampleUpdate(in, want.refused)
			} else {
				a = b.call("CreateOpportunity", in)
			}
			if want.refused == nil {
				if a.status != http.StatusOK {
					t.Errorf("refused: %v", a.body)
				}
				return
			}
			if !a.has(want.refused.field, want.refused.code) {
				t.Errorf("must be refused because %s (%s %s); got %d %v", want.refused.why, want.refused.field, want.refused.code, a.status, a.body)
			}
		})
	}
}

// sampleUpdate brings a record made of the sample itself to the point of life
// at which the sample is sent, then sends it with the record's own id and
// LastModifiedDate. (Some samples hold a date as Python prints it; their
// program, not the wire, reads that.)
func (b *bench) sampleUpdate(in object, refused *refusal) answer {
	b.t.Helper()
	catalog, _ := in["Catalog"].(string)
	status, _ := at(in, "LifeCycle.ReviewStatus").(string)
	stage, _ := at(in, "LifeCycle.Stage").(string)
	made := maps.Clone(in)
	delete(made, "Identifier")
	delete(made, "LastModifiedDate")
	made["ClientToken"] = "sample"
	set(made, "LifeCycle.ReviewStatus", nil)
	set(made, "LifeCycle.Stage", "Prospect")
	if refused != nil { // the record itself is right
		set(made, "Project.CompetitorName", nil)
		set(made, "Marketing", object{"Source": "None"})
		set(made, "Customer.Account.Address.PostalCode", "10001")
	}
	var id string
	if status == "Pending Submission" {
		id = b.create(made)
	} else {
		id = b.submitted(made)
	}
	switch {
	case status == "Pending Submission":
	case catalog == "AWS":
		b.control("POST", "/_control/review", object{"opportunity": id, "decision": status})
	case stage != "Prospect":
		if a := b.update(catalog, id, object{"LifeCycle.ReviewStatus": status}); a.status != http.StatusOK {
			b.t.Fatalf("simulate the review: %v", a.body)
		}
	}
	sent := maps.Clone(in)
	sent["Identifier"] = id
	if _, printed := in["LastModifiedDate"].(string); printed {
		sent["LastModifiedDate"] = b.get(catalog, id)["LastModifiedDate"]
	}
	return b.call("UpdateOpportunity", sent)
}

func TestADateAsPythonPrintsItIsNoTimestamp(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", nil))
	if a := b.update("AWS", id, object{"LastModifiedDate": "2025-11-10 20:52:28.246000+00:00"}); !a.has("LastModifiedDate", "INVALID_STRING_FORMAT") {
		t.Errorf("%v", a.body)
	}
}

func TestEventsHaveTheShapeOfThePublishedOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	b.approved("a", nil)
	b.refer(object{"kind": "lead"})
	reject := b.refer(object{})
	b.ok("RejectEngagementInvitation", object{"Catalog": "AWS", "Identifier": reject, "RejectionReason": "Other"})
	b.ok("AcceptEngagementInvitation", object{"Catalog": "AWS", "Identifier": b.refer(object{})})
	b.control("POST", "/_control/engagement-update", object{"engagement": b.sharedSpace(object{"Title": "Joint plan", "Contexts": []any{object{"Type": "CustomerProject", "Payload": object{"CustomerProject": object{}}}}}), "title": "Joint plan 2"})
	b.clock.Advance(16 * 24 * time.Hour)
	list, _ := b.control("GET", "/_control/events", nil)["events"].([]any)
	seen := map[string]bool{}
	for _, item := range list {
		e, _ := item.(object)
		kind, _ := e["detail-type"].(string)
		file := strings.ReplaceAll(strings.ToLower(kind), " ", "-") + ".json"
		want := readSample(t, filepath.Join(sharedFolder(t), "contracts", "aws", "samples", "events", file))
		sameShape(t, kind, want, e)
		seen[kind] = true
	}
	if len(seen) != 10 {
		t.Errorf("kinds seen: %v", seen)
	}
}

func sameShape(t *testing.T, path string, want, got any) {
	t.Helper()
	switch w := want.(type) {
	case object:
		g, ok := got.(object)
		if !ok {
			t.Errorf("%s is %T", path, got)
			return
		}
		for k := range w {
			if _, ok := g[k]; !ok {
				t.Errorf("%s.%s is missing", path, k)
				continue
			}
			sameShape(t, path+"."+k, w[k], g[k])
		}
		for k := range g {
			if _, ok := w[k]; !ok {
				t.Errorf("%s.%s is not in the published event", path, k)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s is %v", path, got)
		}
	case string:
		if _, ok := got.(string); !ok {
			t.Errorf("%s is %T", path, got)
		}
		if strings.HasSuffix(path, ".version") && got != want {
			t.Errorf("%s is %v, not %v", path, got, want)
		}
	}
}

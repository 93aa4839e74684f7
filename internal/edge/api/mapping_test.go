package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

func TestAFieldMappingIsTriedSavedComparedAndTakenBack(t *testing.T) {
	t.Parallel()
	a := shared.get(t, "/settings/field-mapping").want(t, http.StatusOK)
	stands, etag := into[api.FieldMapping](t, a), a.header.Get("ETag")
	put := func(fields []api.MappedField, reason, query, match string) answer {
		body, err := json.Marshal(map[string]any{"fields": fields, "reason": reason})
		if err != nil {
			t.Fatal(err)
		}
		return shared.do(t, call{method: http.MethodPut, path: "/settings/field-mapping" + query, body: string(body), header: map[string]string{"If-Match": match}})
	}
	without := slices.DeleteFunc(slices.Clone(stands.Fields), func(f api.MappedField) bool { return f.Field == "opportunity.push_count" })
	gone := slices.Clone(without)
	gone = append(gone, api.MappedField{Field: "opportunity.push_count", CRM: []string{"Gone__c"}, Direction: "read", Owner: "salesforce", Needed: true})
	dry := into[api.FieldMapping](t, put(gone, "x", "?dry_run=true", "*").want(t, http.StatusOK))
	if !slices.ContainsFunc(dry.Findings, func(f api.MappingFinding) bool {
		return f.Code == "field_missing" && f.Field == "opportunity.push_count" && f.Level == "error"
	}) {
		t.Errorf("%+v", dry)
	}
	put(gone, "x", "", etag).want(t, http.StatusUnprocessableEntity)
	put(without, "", "", etag).want(t, http.StatusUnprocessableEntity)
	saved := into[api.FieldMapping](t, put(without, "nobody looks at it", "", etag).want(t, http.StatusOK))
	if saved.Version != stands.Version+1 || saved.Reason != "nobody looks at it" {
		t.Errorf("%+v", saved)
	}
	put(without, "again", "", etag).want(t, http.StatusPreconditionFailed)
	if d := into[items[api.MappingDifference]](t, shared.get(t, "/settings/field-mapping/versions/0/differences").want(t, http.StatusOK)).Items; len(d) != 1 || d[0].Field != "opportunity.push_count" || d[0].After != nil {
		t.Errorf("%+v", d)
	}
	shared.get(t, "/settings/field-mapping/findings").want(t, http.StatusOK)
	deal := into[items[api.Opportunity]](t, shared.get(t, "/opportunities?limit=1").want(t, http.StatusOK)).Items[0]
	sample := into[api.MappingSample](t, shared.get(t, "/settings/field-mapping/sample?crm_id="+deal.CRMID).want(t, http.StatusOK))
	if sample.Name != deal.Name || len(sample.Fields) == 0 {
		t.Errorf("%+v", sample)
	}
	shared.get(t, "/settings/field-mapping/sample?crm_id=006000000000000AAA").want(t, http.StatusNotFound)
	shared.do(t, call{method: http.MethodPost, path: "/settings/field-mapping/versions/0/restore", body: `{"reason":"as it was"}`, header: map[string]string{"If-Match": "*"}}).want(t, http.StatusOK)
	versions := into[items[api.MappingVersion]](t, shared.get(t, "/settings/field-mapping/versions?limit=1").want(t, http.StatusOK))
	if len(versions.Items) != 1 || versions.Items[0].Reason != "as it was" || versions.Next == "" {
		t.Errorf("%+v", versions)
	}
}

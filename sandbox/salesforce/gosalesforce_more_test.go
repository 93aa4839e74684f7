package salesforce_test

import (
	"fmt"
	"testing"

	gosf "github.com/k-capehart/go-salesforce/v3"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// goAccount is a record as programs with that client declare it.
type goAccount struct {
	ID      string `salesforce:"Id" json:"Id,omitempty"`
	Name    string `salesforce:"Name"`
	Website string `salesforce:"Website"`
}

func TestGoSalesforceSavesCollectionsAndReadsStructs(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id, secret := o.server.Credentials()
	sf, err := gosf.Init(gosf.Creds{Domain: o.http.URL, ConsumerKey: id, ConsumerSecret: secret}, gosf.WithAPIVersion("v63.0"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for i := range 201 {
		rows = append(rows, map[string]any{"Name": fmt.Sprintf("Row %03d", i)})
	}
	rows[200]["Name"] = ""
	made, err := sf.InsertCollection("Account", rows, 200)
	if err != nil || len(made.Results) != 201 || !made.HasSalesforceErrors || made.Results[200].Success || made.Results[200].Errors[0].StatusCode != "REQUIRED_FIELD_MISSING" {
		t.Fatalf("insert: %d results, %v", len(made.Results), err)
	}
	var changes, gone []map[string]any
	for _, r := range made.Results[:200] {
		changes = append(changes, map[string]any{"Id": r.Id, "Website": "https://x.example"})
		gone = append(gone, map[string]any{"Id": r.Id})
	}
	if r, err := sf.UpdateCollection("Account", changes, 200); err != nil || r.HasSalesforceErrors {
		t.Fatalf("update: %+v %v", r, err)
	}
	var found []goAccount
	if err := sf.Query("SELECT Id, Name, Website FROM Account WHERE Website != null ORDER BY Name DESC LIMIT 2", &found); err != nil || len(found) != 2 || found[0].Name != "Row 199" || found[1].Website != "https://x.example" {
		t.Fatalf("structs: %+v %v", found, err)
	}
	if r, err := sf.UpdateComposite("Account", changes[:30], 20, true); err != nil || r.HasSalesforceErrors {
		t.Fatalf("composite update: %+v %v", r, err)
	}
	if r, err := sf.DeleteComposite("Account", gone[:10], 10, true); err != nil || r.HasSalesforceErrors {
		t.Fatalf("composite delete: %+v %v", r, err)
	}
	if r, err := sf.DeleteCollection("Account", gone[10:], 200); err != nil || r.HasSalesforceErrors {
		t.Fatalf("delete: %+v %v", r, err)
	}
	if left := o.query("SELECT Id FROM Account"); len(left) != 0 {
		t.Errorf("%d accounts are left", len(left))
	}
}

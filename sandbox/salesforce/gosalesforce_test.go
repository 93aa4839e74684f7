package salesforce_test

import (
	"fmt"
	"testing"

	gosf "github.com/k-capehart/go-salesforce/v3"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// An independent client, pinned to the one API version it can page with.
func TestGoSalesforceWorksUnmodified(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id, secret := o.server.Credentials()
	sf, err := gosf.Init(gosf.Creds{Domain: o.http.URL, ConsumerKey: id, ConsumerSecret: secret}, gosf.WithAPIVersion("v63.0"))
	if err != nil {
		t.Fatal(err)
	}
	o.load(accounts(2500))
	var found []map[string]any
	if err := sf.Query("SELECT Id, Name FROM Account ORDER BY Name", &found); err != nil || len(found) != 2500 {
		t.Fatalf("query: %d records, %v", len(found), err)
	}
	made, err := sf.InsertOne("Account", map[string]any{"Name": "Made"})
	if err != nil || !made.Success {
		t.Fatalf("insert: %+v %v", made, err)
	}
	if err := sf.UpdateOne("Account", map[string]any{"Id": made.Id, "Name": "Changed"}); err != nil {
		t.Fatal(err)
	}
	up, err := sf.UpsertOne("CoSell_Registration__c", "CoSell_Key__c", map[string]any{"CoSell_Key__c": "k1", "Cloud__c": "aws"})
	if err != nil || !up.Success {
		t.Fatalf("upsert: %+v %v", up, err)
	}
	again, err := sf.UpsertOne("CoSell_Registration__c", "CoSell_Key__c", map[string]any{"CoSell_Key__c": "k1", "Portal_Status__c": "Approved"})
	if err != nil || again.Id != up.Id {
		t.Fatalf("upsert again: %+v %v", again, err)
	}
	var many []map[string]any
	for i := range 250 {
		many = append(many, map[string]any{"CoSell_Key__c": fmt.Sprintf("m%d", i), "Cloud__c": "gcp"})
	}
	results, err := sf.UpsertCollection("CoSell_Registration__c", "CoSell_Key__c", many, 200)
	if err != nil || results.HasSalesforceErrors || len(results.Results) != 250 {
		t.Fatalf("collections: %d results, %v", len(results.Results), err)
	}
	comp, err := sf.InsertComposite("Account", []map[string]any{{"Name": "c1"}, {"Name": "c2"}}, 200, true)
	if err != nil || comp.HasSalesforceErrors {
		t.Fatalf("composite: %+v %v", comp, err)
	}
	o.control("POST", "sessions/expire", "").want(200, "")
	found = nil
	if err := sf.Query("SELECT Name FROM Account WHERE Id = '"+made.Id+"'", &found); err != nil || len(found) != 1 || found[0]["Name"] != "Changed" {
		t.Fatalf("after the session expired: %v %v", found, err)
	}
	if err := sf.DeleteOne("Account", map[string]any{"Id": made.Id}); err != nil {
		t.Fatal(err)
	}
}

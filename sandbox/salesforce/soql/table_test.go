package soql

import (
	"context"
	"strings"
	"testing"
)

// table gives a query's header and rows.
func table(t *testing.T, soql string, sorted bool) (string, error) {
	t.Helper()
	q, err := Parse(soql)
	if err != nil {
		return "", err
	}
	p, err := Prepare(q, newMemory(), testOptions)
	if err != nil {
		return "", err
	}
	tab, err := p.Table()
	if err != nil {
		return "", err
	}
	if sorted {
		tab.SortColumns()
	}
	if err := p.RunTable(context.Background(), tab); err != nil {
		t.Fatal(err)
	}
	out := strings.Join(tab.Columns, "|")
	for i := range tab.Len() {
		out += "\n" + string(tab.AppendCSV(nil, i, '|'))
	}
	return out, nil
}

func TestATableHasTheColumnsOfTheSelectList(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		soql   string
		sorted bool
		want   string
	}{
		{
			"SELECT parent.owner.NAME, a.name, isactive__c, AnnualRevenue, NumberOfEmployees, CreatedDate FROM Account a WHERE Id IN ('" + id("001", 2) + "','" + id("001", 4) + "') ORDER BY Id", false,
			"Parent.Owner.Name|Name|IsActive__c|AnnualRevenue|NumberOfEmployees|CreatedDate\n" +
				`"Ann"|"beta 50%"|"false"|"12.5"|"200"|"2026-11-23T23:30:00.000Z"` + "\n" +
				`""|"O'Neil ""x""` + "\n" + `"|"true"|""|"5"|""`,
		},
		{"SELECT Name, Amount, Account.Name, Id FROM Opportunity WHERE Name = 'Deal 1'", true, "Account.Name|Amount|Id|Name\n" + `"Acme"|"1000.0"|"` + id("006", 1) + `"|"Deal 1"`},
		{"SELECT FORMAT(Amount) sum, toLabel(StageName) FROM Opportunity WHERE Name = 'Deal 2'", false, "sum|StageName\n" + `"USD 2,500.50"|"Closed Won"`},
		{"SELECT What.Name, What.Type FROM Task WHERE CoSell_Activity_Key__c = 'k1'", false, "What.Name|What.Type\n" + `"Deal 1"|"Opportunity"`},
		{"SELECT FIELDS(STANDARD) FROM Group", false, "Id|Name\n" + `"` + id("00G", 1) + `"|"Queue"`},
	} {
		if got, err := table(t, tt.soql, tt.sorted); err != nil || got != tt.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", tt.soql, err, got, tt.want)
		}
	}
	for soql, want := range map[string]string{
		"SELECT COUNT() FROM Account":                                     "Aggregate Relationships not supported in Bulk V2 Query with CSV content type",
		"SELECT (SELECT Id FROM Opportunities) FROM Account":              "Nested Relationships not supported",
		"SELECT TYPEOF What WHEN Account THEN Name END FROM Task":         "TYPEOF clause not supported",
		"SELECT FIELDS(CUSTOM) FROM Account LIMIT 10":                     "FIELDS(CUSTOM) not supported",
		"SELECT Id FROM Account OFFSET 1":                                 "OFFSET clause not supported",
		"SELECT Body FROM Attachment":                                     "Blob field not supported in Bulk V2 Query with CSV content type",
		"SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName": "Aggregate Relationships not supported",
	} {
		if _, err := table(t, soql, false); err == nil || !strings.Contains(err.Error(), "API_ERROR: "+want) {
			t.Errorf("%s: %v, want %s", soql, err, want)
		}
	}
}

func TestHiddenFieldsCannotBeNamed(t *testing.T) {
	t.Parallel()
	m := newMemory()
	o, _ := m.Object("Account")
	for i := range o.Fields {
		if name := o.Fields[i].Name; name == "Industry" || name == "ParentId" {
			o.Fields[i].Hidden = true
		}
	}
	o.Index()
	for soql, want := range map[string]string{
		"SELECT Industry FROM Account":                       "No such column 'Industry'",
		"SELECT Id FROM Account WHERE Industry = 'Media'":    "No such column 'Industry'",
		"SELECT Id FROM Account ORDER BY Industry":           "No such column 'Industry'",
		"SELECT Parent.Name FROM Account":                    "Didn't understand relationship 'Parent'",
		"SELECT (SELECT Id FROM ChildAccounts) FROM Account": "Didn't understand relationship 'ChildAccounts'",
		"SELECT Account.Industry FROM Opportunity":           "No such column 'Industry' on entity 'Account'",
	} {
		if _, err := run(t, m, soql, testOptions); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", soql, err, want)
		}
	}
	if got := ids(t, m, "SELECT FIELDS(ALL) FROM Account WHERE Name = 'Acme' LIMIT 1", testOptions); got != "1" {
		t.Errorf("all fields: %q", got)
	}
}

package soql

import (
	"errors"
	"strings"
	"testing"
)

func TestErrorsHaveSalesforcesShape(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for _, tt := range []struct{ soql, code, message string }{
		{"SELECT BAD", CodeMalformedQuery, "\nSELECT BAD\n       ^\nERROR at Row:1:Column:8\nunexpected token: '<EOF>'"},
		{"SELECT Id\nFROM Account\nWHERE Name == 'x'", CodeMalformedQuery, "\nWHERE Name == 'x'\n            ^\nERROR at Row:3:Column:13\nunexpected token: '='"},
		{
			"SELECT Id, Nope__c FROM Account", CodeInvalidField,
			"\nSELECT Id, Nope__c FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Nope__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
		},
		{
			"SELECT Id FROM Nope", CodeInvalidType,
			"\nSELECT Id FROM Nope\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nope' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
		},
		{
			"SELECT Id, Name, Industry FROM Account WHERE Name = 5", CodeInvalidField,
			"\nme, Industry FROM Account WHERE Name = 5\n                                ^\nERROR at Row:1:Column:46\nvalue of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
		},
	} {
		_, err := run(t, m, tt.soql, testOptions)
		var se *Error
		if !errors.As(err, &se) {
			t.Errorf("%s: got %v", tt.soql, err)
			continue
		}
		if se.Code != tt.code || se.Message != tt.message {
			t.Errorf("%s:\ngot  %s %q\nwant %s %q", tt.soql, se.Code, se.Message, tt.code, tt.message)
		}
		if se.Row == 0 || se.Column == 0 {
			t.Errorf("%s: no row or column: %+v", tt.soql, se)
		}
	}
}

func TestQueriesAreRefusedForTheRightReason(t *testing.T) {
	t.Parallel()
	m := newMemory()
	deep := strings.Repeat("Parent.", 6)
	for _, tt := range []struct{ soql, code, part string }{
		{"SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", CodeMalformedQuery, "unexpected token: 'OR'"},
		{"SELECT Id FROM Account WHERE Name = :x", CodeMalformedQuery, "Bind variables only allowed in Apex code"},
		{"SELECT Id FROM Account FOR UPDATE", CodeMalformedQuery, "unexpected token: 'UPDATE'"},
		{"SELECT Id FROM Account // note", CodeMalformedQuery, "no viable alternative at character '/'"},
		{"SELECT Id FROM Account WHERE Name = 'a", CodeMalformedQuery, "unterminated string"},
		{`SELECT Id FROM Account WHERE Name = 'a\q'`, CodeMalformedQuery, "Illegal character sequence"},
		{"SELECT Id FROM Account WHERE CreatedDate = 2026-02-30T00:00:00Z", CodeMalformedQuery, "Invalid dateTime"},
		{"SELECT Id FROM Opportunity WHERE CloseDate = 2026-13-01", CodeMalformedQuery, "Invalid date"},
		{"SELECT Id FROM Account ALL ROWS", CodeMalformedQuery, "ALL ROWS not allowed"},
		{"SELECT Owner.Nope FROM Account", CodeInvalidField, "No such column 'Nope' on entity 'User'"},
		{"SELECT Owner.IsActive__c FROM Opportunity", CodeInvalidField, "on entity 'Name'"},
		{"SELECT Nope__r.Name FROM Account", CodeInvalidField, "Didn't understand relationship 'Nope__r' in field path"},
		{"SELECT Id FROM Account WHERE Nope = 'x'", CodeInvalidField, "No such column 'Nope'"},
		{"SELECT Id FROM Account ORDER BY Nope", CodeInvalidField, "No such column 'Nope'"},
		{"SELECT (SELECT Id FROM Nopes) FROM Account", CodeInvalidType, "Didn't understand relationship 'Nopes' in FROM part of query call"},
		{"SELECT (SELECT Nope FROM Opportunities) FROM Account", CodeInvalidField, "on entity 'Opportunity'"},
		{"SELECT " + deep + "Name FROM Account", CodeMalformedQuery, "5 levels"},
		{"SELECT TYPEOF What WHEN Account THEN " + deep + "Name END FROM Task", CodeMalformedQuery, "5 levels"},
		{strings.Repeat("SELECT Id, (", 5) + "SELECT Id FROM ChildAccounts" + strings.Repeat(") FROM ChildAccounts", 4) + ") FROM Account", CodeMalformedQuery, "5 levels"},
		{"SELECT Id, Id FROM Account", CodeMalformedQuery, "duplicate field selected: Id"},
		{"SELECT Id x FROM Account", CodeMalformedQuery, "only aggregate expressions use field aliasing"},
		{"SELECT Id FROM Account OFFSET 2001", CodeNumberRange, "Maximum SOQL offset allowed is 2000"},
		{"SELECT FIELDS(ALL) FROM Account", CodeMalformedQuery, "LIMIT of at most 200"},
		{"SELECT FIELDS(ALL) FROM Account LIMIT 201", CodeMalformedQuery, "LIMIT of at most 200"},
		{"SELECT COUNT(), Id FROM Account", CodeMalformedQuery, "COUNT() must be the only element"},
		{"SELECT Name, COUNT(Id) FROM Account", CodeMalformedQuery, "Field must be grouped or aggregated: Name"},
		{"SELECT CALENDAR_YEAR(CreatedDate) FROM Account", CodeMalformedQuery, "must be grouped or aggregated: CreatedDate"},
		{"SELECT COUNT(Id) FROM Account GROUP BY Industry ORDER BY Name", CodeMalformedQuery, "Ordered field must be grouped or aggregated: Name"},
		{"SELECT COUNT(Id) FROM Account GROUP BY AnnualRevenue", CodeInvalidField, "can not be grouped"},
		{"SELECT SUM(Name) FROM Account", CodeMalformedQuery, "does not support aggregate operator SUM"},
		{"SELECT COUNT(Id) FROM Account LIMIT 5", CodeMalformedQuery, "cannot also use LIMIT"},
		{"SELECT Owner.Name, Parent.Name FROM Account GROUP BY Owner.Name, Parent.Name", CodeMalformedQuery, "duplicate alias: Name"},
		{"SELECT GROUPING(Name) FROM Account GROUP BY Name", CodeMalformedQuery, "GROUPING takes"},
		{"SELECT Id FROM Account WHERE COUNT(Id) > 1", CodeMalformedQuery, "not allowed here"},
		{"SELECT Id FROM Account WHERE Id = 'abc'", CodeFilterOperator, "invalid ID field: abc"},
		{"SELECT Id FROM Account WHERE Id LIKE '001%'", CodeFilterOperator, "invalid operator on id field"},
		{"SELECT Id FROM Account WHERE Name INCLUDES ('x')", CodeFilterOperator, "invalid operator on string field"},
		{"SELECT Id FROM Account WHERE IsActive__c > true", CodeFilterOperator, "invalid operator on boolean field"},
		{"SELECT Id FROM Account WHERE IsActive__c = 'true'", CodeInvalidField, "must be of type boolean and should not be enclosed in quotes"},
		{"SELECT Id FROM Account WHERE AnnualRevenue = '5'", CodeInvalidField, "must be of type double and should not be enclosed in quotes"},
		{"SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", CodeInvalidField, "must be of type dateTime and should not be enclosed in quotes"},
		{"SELECT Id FROM Opportunity WHERE CloseDate > '2026-01-01'", CodeInvalidField, "must be of type date and should not be enclosed in quotes"},
		{"SELECT Id FROM Account WHERE Name = TODAY", CodeInvalidField, "must be of type string"},
		{"SELECT Id FROM Attachment WHERE Body = 'x'", CodeInvalidField, "can not be filtered"},
		{"SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Opportunity)", CodeMalformedQuery, "should be an id or reference field"},
		{"SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)", CodeMalformedQuery, "should not be on the same object type"},
		{"SELECT Id FROM Account WHERE Name = 'x' OR Id IN (SELECT AccountId FROM Opportunity)", CodeMalformedQuery, "Semi join sub-selects are only allowed at the top level"},
		{"SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Opportunity)", CodeMalformedQuery, "should point to the same object type"},
		{"SELECT TYPEOF Owner WHEN User THEN Id END FROM Account", CodeMalformedQuery, "TYPEOF can only be used with polymorphic relationships"},
		{"SELECT Title FROM Account WITH DATA CATEGORY a__c AT b__c", CodeMalformedQuery, "Data category"},
		{"SELECT Id, DISTANCE(Name, GEOLOCATION(1, 2), 'km') FROM Account", CodeInvalidField, "not a geolocation field"},
		{"SELECT Id FROM Account USING SCOPE my_territory", CodeQueryScope, "'my_territory' is not supported on entity 'Account'"},
		{"SELECT Id FROM Task USING SCOPE mine", CodeQueryScope, "'mine' is not supported on entity 'Task'"},
		{"SELECT Id FROM Account WHERE " + strings.Repeat("(", 200), CodeMalformedQuery, "nested too deeply"},
		{"SELECT Id FROM Account WHERE Name = '" + strings.Repeat("x", 4001) + "'", CodeMalformedQuery, "longer than 4000"},
		{strings.Repeat(" ", 100_001), CodeMalformedQuery, "longer than 100000"},
	} {
		_, err := run(t, m, tt.soql, testOptions)
		var se *Error
		if !errors.As(err, &se) {
			t.Errorf("%.120s: got %v", tt.soql, err)
			continue
		}
		if se.Code != tt.code || !strings.Contains(se.Message, tt.part) {
			t.Errorf("%.120s:\ngot  %s %q\nwant %s %q", tt.soql, se.Code, se.Message, tt.code, tt.part)
		}
	}
}

// FuzzRun evaluates whatever parses against the schema of the fixture.
func FuzzRun(f *testing.F) {
	for _, e := range corpus(f) {
		f.Add(e.SOQL)
	}
	f.Add("SELECT Id, Account.Owner.Name, (SELECT UserId FROM OpportunityTeamMembers) FROM Opportunity WHERE CloseDate = LAST_N_FISCAL_YEARS:99999999 ORDER BY Owner.Name NULLS LAST")
	f.Add("SELECT TYPEOF What WHEN Account THEN Id, Owner.Name ELSE Name END FROM Task")
	f.Add("SELECT IsWon, GROUPING(IsWon) g, MAX(Amount) FROM Opportunity GROUP BY CUBE(IsWon, StageName) HAVING MAX(Amount) > USD5 ORDER BY g")
	m := newMemory()
	f.Fuzz(func(t *testing.T, src string) {
		q, err := Parse(src)
		if err != nil {
			return
		}
		p, err := Prepare(q, m, testOptions)
		if err != nil {
			var se *Error
			if !errors.As(err, &se) || se.Message == "" {
				t.Fatalf("bad error for %q: %v", src, err)
			}
			return
		}
		r, err := p.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			r.Record(i).AppendJSON(nil, "v67.0")
		}
	})
}

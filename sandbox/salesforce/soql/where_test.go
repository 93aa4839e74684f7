package soql

import (
	"testing"
	"time"
)

func TestWhereSelects(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for _, tt := range []struct{ where, want string }{
		{"Industry = 'MEDIA'", "1 3"},
		{"Industry != 'media'", "2 4"}, // null is different from a value
		{"Industry <> 'media'", "2 4"},
		{"Industry = null", "4"},
		{"Industry = ''", "4"},
		{"Industry != null", "1 2 3"},
		{"Name > 'beta'", "2 3 4"},
		{"Name < 'B'", "1"},
		{"Name >= 'acme' AND Name <= 'ACME'", "1"},
		{"Name LIKE 'a%'", "1"},
		{"Name LIKE '%A'", ""},
		{"Name LIKE '%mm%'", "3"},
		{"Name LIKE 'gamma_ü'", "3"},
		{"Name LIKE 'gamma\\_Ü'", "3"},
		{"Name LIKE 'acm_'", "1"},
		{"Name LIKE '%\\%'", "2"},
		{"Name LIKE 'O\\'N%'", "4"},
		{"(NOT Name LIKE '%a%')", "4"},
		{"Name IN ('ACME', 'gone')", "1"},
		{"Name NOT IN ('Acme')", "2 3 4"},
		{"Industry NOT IN ('Media', null)", "2"},
		{"Industry IN ('Energy', null)", "2 4"},
		{"Name IN ('a','b','c','d','acme')", "1"},
		{"AnnualRevenue = 12.5", "2"},
		{"AnnualRevenue > 12.5", "1"},
		{"AnnualRevenue >= USD12.5", "1 2"},
		{"AnnualRevenue < 1e2", "2 3"},
		{"AnnualRevenue <= 12", "3"},
		{"AnnualRevenue != 12.5", "1 3 4"},
		{"AnnualRevenue IN (0.1, 12.5)", "2 3"},
		{"AnnualRevenue = null", "4"},
		{"NumberOfEmployees > -1", "1 2 4"},
		{"NOT NumberOfEmployees > 100", "1 3 4"},
		{"IsActive__c = true", "1 4"},
		{"IsActive__c = FALSE", "2 3"},
		{"IsActive__c != true", "2 3"},
		{"Domains__c INCLUDES ('A.com')", "1"},
		{"Domains__c INCLUDES ('a.com;b.com', 'zzz')", "1"},
		{"Domains__c INCLUDES ('b.com')", "1 2"},
		{"Domains__c EXCLUDES ('a.com')", "2 3 4"},
		{"Domains__c = 'b.com;a.com'", "1"},
		{"Id = '" + id("001", 1)[:15] + "'", "1"},
		{"Id = '" + id("001", 1) + "'", "1"},
		{"Id IN ('" + id("001", 2) + "','" + id("001", 2)[:15] + "','" + id("001", 5) + "')", "2"},
		{"Id > '" + id("001", 2) + "'", "3 4"},
		{"Id != '" + id("001", 2) + "'", "1 3 4"},
		{"Parent.Name = 'acme'", "2"},
		{"Parent.Parent.Name = 'acme'", "3"},
		{"Parent.Name = null", "1 4"},
		{"Parent.IsActive__c = false", "1 3 4"}, // no parent counts as unchecked
		{"Account.Owner.Manager.Name = 'Bob'", "1 3"},
		{"CreatedDate = 2026-11-24T09:00:00Z", "1"},
		{"CreatedDate = 2026-11-24T10:00:00.000+01:00", "1"},
		{"CreatedDate < 2026-11-24T09:00:00Z", "2 3"},
		{"CreatedDate <= 2026-11-24T09:00:00.000+0000", "1 2 3"},
		{"CreatedDate > 2026-11-23T23:30:00Z", "1"},
		{"CreatedDate = TODAY", "1"},
		{"CreatedDate = YESTERDAY", "2"},
		{"CreatedDate IN (TODAY, LAST_N_DAYS:1)", "1 2"},
		{"CreatedDate != TODAY", "2 3 4"},
		{"CreatedDate < TODAY", "2 3"},
		{"CreatedDate <= TODAY", "1 2 3"},
		{"CreatedDate > YESTERDAY", "1"},
		{"CreatedDate >= YESTERDAY", "1 2"},
		{"CALENDAR_YEAR(CreatedDate) = 2025", "3"},
		{"FISCAL_YEAR(CreatedDate) = 2027", "1 2"},
		{"FISCAL_YEAR(CreatedDate) = 2025", "3"},
		{"DAY_ONLY(CreatedDate) = 2026-11-23", "2"},
		{"DAY_ONLY(convertTimezone(CreatedDate)) = TODAY", "1"},
		{"HOUR_IN_DAY(CreatedDate) = 23", "2"},
		{"toLabel(Industry) = 'Energy'", "2"},
		{"(Industry = 'Energy' OR Name = 'Acme') AND AnnualRevenue > 100", "1"},
		{"Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", "1"},
		{"Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = false)", "1 3 4"},
		{"Id IN (SELECT o.Account.Id FROM Opportunity o) AND Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", "2"},
	} {
		if got := sorted(ids(t, m, "SELECT Id FROM Account WHERE "+tt.where, testOptions)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.where, got, tt.want)
		}
	}
}

func TestDateLiteralsSpanTheRightDays(t *testing.T) {
	t.Parallel()
	cal := calendar{now: testNow, location: time.UTC, fiscalStart: time.February}
	for _, tt := range []struct {
		name     string
		n        int
		from, to string // to is the first day after
	}{
		{"YESTERDAY", 0, "2026-11-23", "2026-11-24"},
		{"TODAY", 0, "2026-11-24", "2026-11-25"},
		{"TOMORROW", 0, "2026-11-25", "2026-11-26"},
		{"LAST_WEEK", 0, "2026-11-15", "2026-11-22"},
		{"THIS_WEEK", 0, "2026-11-22", "2026-11-29"},
		{"NEXT_WEEK", 0, "2026-11-29", "2026-12-06"},
		{"LAST_MONTH", 0, "2026-10-01", "2026-11-01"},
		{"THIS_MONTH", 0, "2026-11-01", "2026-12-01"},
		{"NEXT_MONTH", 0, "2026-12-01", "2027-01-01"},
		{"LAST_90_DAYS", 0, "2026-08-26", "2026-11-25"},
		{"NEXT_90_DAYS", 0, "2026-11-25", "2027-02-23"},
		{"LAST_N_DAYS", 7, "2026-11-17", "2026-11-25"},
		{"NEXT_N_DAYS", 7, "2026-11-25", "2026-12-02"},
		{"N_DAYS_AGO", 7, "2026-11-17", "2026-11-18"},
		{"LAST_N_WEEKS", 2, "2026-11-08", "2026-11-22"},
		{"NEXT_N_WEEKS", 2, "2026-11-29", "2026-12-13"},
		{"N_WEEKS_AGO", 2, "2026-11-08", "2026-11-15"},
		{"LAST_N_MONTHS", 2, "2026-09-01", "2026-11-01"},
		{"NEXT_N_MONTHS", 2, "2026-12-01", "2027-02-01"},
		{"N_MONTHS_AGO", 2, "2026-09-01", "2026-10-01"},
		{"LAST_QUARTER", 0, "2026-07-01", "2026-10-01"},
		{"THIS_QUARTER", 0, "2026-10-01", "2027-01-01"},
		{"NEXT_QUARTER", 0, "2027-01-01", "2027-04-01"},
		{"LAST_N_QUARTERS", 2, "2026-04-01", "2026-10-01"},
		{"NEXT_N_QUARTERS", 2, "2027-01-01", "2027-07-01"},
		{"N_QUARTERS_AGO", 2, "2026-04-01", "2026-07-01"},
		{"LAST_YEAR", 0, "2025-01-01", "2026-01-01"},
		{"THIS_YEAR", 0, "2026-01-01", "2027-01-01"},
		{"NEXT_YEAR", 0, "2027-01-01", "2028-01-01"},
		{"LAST_N_YEARS", 2, "2024-01-01", "2026-01-01"},
		{"NEXT_N_YEARS", 2, "2027-01-01", "2029-01-01"},
		{"N_YEARS_AGO", 2, "2024-01-01", "2025-01-01"},
		{"LAST_FISCAL_QUARTER", 0, "2026-08-01", "2026-11-01"},
		{"THIS_FISCAL_QUARTER", 0, "2026-11-01", "2027-02-01"},
		{"NEXT_FISCAL_QUARTER", 0, "2027-02-01", "2027-05-01"},
		{"LAST_N_FISCAL_QUARTERS", 2, "2026-05-01", "2026-11-01"},
		{"NEXT_N_FISCAL_QUARTERS", 2, "2027-02-01", "2027-08-01"},
		{"N_FISCAL_QUARTERS_AGO", 2, "2026-05-01", "2026-08-01"},
		{"LAST_FISCAL_YEAR", 0, "2025-02-01", "2026-02-01"},
		{"THIS_FISCAL_YEAR", 0, "2026-02-01", "2027-02-01"},
		{"NEXT_FISCAL_YEAR", 0, "2027-02-01", "2028-02-01"},
		{"LAST_N_FISCAL_YEARS", 2, "2024-02-01", "2026-02-01"},
		{"NEXT_N_FISCAL_YEARS", 2, "2027-02-01", "2029-02-01"},
		{"N_FISCAL_YEARS_AGO", 2, "2024-02-01", "2025-02-01"},
	} {
		from, to := cal.days(Literal{Kind: LiteralRange, Text: tt.name, N: tt.n})
		if f, e := from.Format(time.DateOnly), to.Format(time.DateOnly); f != tt.from || e != tt.to {
			t.Errorf("%s:%d is %s to %s, want %s to %s", tt.name, tt.n, f, e, tt.from, tt.to)
		}
	}
	if len(dateRanges) != 44 {
		t.Errorf("%d date literals, the table has 44", len(dateRanges))
	}
}

func TestFiscalPeriodsInJanuaryBelongToTheYearBefore(t *testing.T) {
	t.Parallel()
	cal := calendar{now: at("2027-01-15T00:00:00Z"), location: time.UTC, fiscalStart: time.February}
	from, to := cal.days(Literal{Kind: LiteralRange, Text: "THIS_FISCAL_YEAR"})
	if from.Format(time.DateOnly) != "2026-02-01" || to.Format(time.DateOnly) != "2027-02-01" {
		t.Errorf("got %s to %s", from, to)
	}
}

func TestDateLiteralsOnDateTimesFollowTheZone(t *testing.T) {
	t.Parallel()
	m := newMemory()
	opt := testOptions
	opt.Location = time.FixedZone("CET", 3600)
	// 23:30 UTC on the 23rd is half past midnight on the 24th.
	if got := sorted(ids(t, m, "SELECT Id FROM Account WHERE CreatedDate = TODAY", opt)); got != "1 2" {
		t.Errorf("got %q", got)
	}
}

func TestDateFunctions(t *testing.T) {
	t.Parallel()
	cal := calendar{now: testNow, location: time.UTC, fiscalStart: time.February}
	moment := at("2026-11-24T10:00:00Z")
	for name, want := range map[string]any{
		"CALENDAR_MONTH": int64(11), "CALENDAR_QUARTER": int64(4), "CALENDAR_YEAR": int64(2026),
		"DAY_IN_MONTH": int64(24), "DAY_IN_WEEK": int64(3), "DAY_IN_YEAR": int64(328), "DAY_ONLY": "2026-11-24",
		"FISCAL_MONTH": int64(10), "FISCAL_QUARTER": int64(4), "FISCAL_YEAR": int64(2027),
		"HOUR_IN_DAY": int64(10), "WEEK_IN_MONTH": int64(4), "WEEK_IN_YEAR": int64(47),
	} {
		if got := cal.dateFunction(name, moment); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestDeletedRecordsAppearOnlyWithAllRows(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for _, where := range []string{"Name = 'Gone'", "Id = '" + id("001", 5) + "'", "IsDeleted = true"} {
		q := "SELECT Id, IsDeleted FROM Account WHERE " + where
		if got := ids(t, m, q, testOptions); got != "" {
			t.Errorf("%s without all rows: got %q", where, got)
		}
		opt := testOptions
		opt.AllRows = true
		if got := ids(t, m, q, opt); got != "5" {
			t.Errorf("%s with all rows: got %q", where, got)
		}
	}
}

func TestScopeMineGivesWhatTheUserOwns(t *testing.T) {
	t.Parallel()
	m := newMemory()
	opt := testOptions
	opt.UserID = id("005", 1)
	for scope, want := range map[string]string{"mine": "1 3", "Everything": "1 2 3 4"} {
		if got := ids(t, m, "SELECT Id FROM Account USING SCOPE "+scope+" WHERE Name != 'Nobody'", opt); got != want {
			t.Errorf("scope %s: got %q, want %q", scope, got, want)
		}
	}
}

func TestIndexesAreUsedAndTheFilterStillHolds(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.index("Account", "External__c")
	m.index("Opportunity", "AccountId")
	for _, tt := range []struct{ soql, want string }{
		{"SELECT Id FROM Account WHERE Id = '" + id("001", 1) + "'", "1"},
		{"SELECT Id FROM Account WHERE Id = '" + id("001", 1) + "' AND Name = 'zzz'", ""},
		{"SELECT Id FROM Account WHERE External__c IN ('x-1', 'X-2') AND Name = 'Acme'", "1"},
		{"SELECT Id FROM Opportunity WHERE AccountId = '" + id("001", 1)[:15] + "' AND Amount > 1000", "2"},
	} {
		m.scans = 0
		if got := sorted(ids(t, m, tt.soql, testOptions)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.soql, got, tt.want)
		}
		if m.scans != 0 {
			t.Errorf("%s scanned", tt.soql)
		}
	}
}

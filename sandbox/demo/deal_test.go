package demo

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestMoneyFitsTheOrderType(t *testing.T) {
	t.Parallel()
	org := standard(t)
	flaws := flawed(org)
	firsts := make(map[string]bool)
	tops := make(map[string]string)
	for _, a := range byObject(org)["Account"] {
		tops[text(a, "Id")] = text(a, "Ultimate_Parent_Account_ID__c")
	}
	for _, o := range byObject(org)["Opportunity"] {
		id, kind := text(o, "Id"), text(o, "Order_Type_Test__c")
		net, basis := number(o, "ARR_Net__c"), number(o, "ARR_Basis__c")
		copied := flaws[id][FlawExactDuplicate] || flaws[id][FlawNearDuplicate]
		ok := true
		switch kind[:1] {
		case "1", "2":
			ok = net > 0 && basis == 0 && text(o, "Type") == "New Business"
		case "3":
			ok = net >= 0
		case "4":
			ok = net < 0 && basis+net > 0 && text(o, "StageName") != "8-Closed Lost"
		case "5", "6":
			ok = net == -basis && basis > 0 && text(o, "StageName") == "8-Closed Lost"
		case "7":
			ok = net == 0 && number(o, "ProServ_Amount__c") > 0
		}
		if !ok {
			t.Errorf("%s %s: net %v, basis %v, %v, %v", id, kind, net, basis, o["Type"], o["StageName"])
		}
		if (text(o, "Type") == "Renewal") != (basis > 0) {
			t.Errorf("%s: %v with basis %v", id, o["Type"], basis)
		}
		if kind == orderTypes[typeFirstOrder] && text(o, "StageName") == "Closed Won" && !copied {
			if top := tops[text(o, "AccountId")]; firsts[top] {
				t.Errorf("%s: second won first order of family %s", id, top)
			} else {
				firsts[top] = true
			}
		}
		switch amount := o["Amount"].(type) {
		case nil:
			if !flaws[id][FlawNullAmount] {
				t.Errorf("%s has no amount", id)
			}
		case float64:
			if amount <= 0 || amount != math.Trunc(amount) {
				t.Errorf("%s: amount %v", id, amount)
			}
		case json.Number:
			if !strings.Contains(amount.String(), "E") || !flaws[id][FlawSciAmount] {
				t.Errorf("%s: amount %v", id, amount)
			}
			if f, err := amount.Float64(); err != nil || f <= 0 || f != math.Trunc(f) {
				t.Errorf("%s: amount %v is %v, %v", id, amount, f, err)
			}
		}
	}
}

func TestExponentFormKeepsTheNumber(t *testing.T) {
	t.Parallel()
	for in, want := range map[int64]string{12_000_000: "1.2E7", 348_000: "3.48E5", 5_000: "5.0E3", 7: "7.0E0", 1_234: "1.234E3"} {
		if got := exponentForm(in); got.String() != want {
			t.Errorf("exponentForm(%d) = %s, want %s", in, got, want)
		}
	}
}

func TestDatesFitTheStage(t *testing.T) {
	t.Parallel()
	org := standard(t)
	flaws := flawed(org)
	today := testDay.Format(time.DateOnly)
	for _, o := range byObject(org)["Opportunity"] {
		id, stage, closing := text(o, "Id"), text(o, "StageName"), text(o, "CloseDate")
		open := stage[0] >= '0' && stage[0] <= '7' && !strings.HasPrefix(stage, "10")
		if open != (closing > today) && !flaws[id][FlawPastClose] {
			t.Errorf("%s: stage %s closes on %s", id, stage, closing)
		}
		// Fiscal years begin on 1 February: FY26 on 2025-02-01; the fourth
		// quarter after 2026-08-20 ends on 2027-10-31.
		if closing < "2025-02-01" || closing > "2027-10-31" {
			if !flaws[id][FlawNearDuplicate] {
				t.Errorf("%s closes on %s", id, closing)
			}
		}
		if text(o, "CreatedDate")[:10] > closing || text(o, "CreatedDate")[:10] >= today {
			t.Errorf("%s made on %s, closes on %s", id, o["CreatedDate"], closing)
		}
		if text(o, "Start_Date__c") <= closing || text(o, "End_Date__c") <= text(o, "Start_Date__c") {
			t.Errorf("%s: close %s, start %v, end %v", id, closing, o["Start_Date__c"], o["End_Date__c"])
		}
	}
}

func TestCalendarKnowsFiscalQuarters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ today, yearStart, quarterEnd string }{
		{"2026-02-01", "2026-02-01", "2026-04-30"},
		{"2026-08-20", "2026-02-01", "2026-10-31"},
		{"2027-01-31", "2026-02-01", "2027-01-31"},
		{"2027-02-01", "2027-02-01", "2027-04-30"},
	} {
		day, err := time.Parse(time.DateOnly, c.today)
		if err != nil {
			t.Fatal(err)
		}
		cal := newCalendar(day)
		if got := cal.day(cal.fiscalYearStart(0)); got != c.yearStart {
			t.Errorf("%s: year starts %s, want %s", c.today, got, c.yearStart)
		}
		if got := cal.day(cal.quarterEndsAfter(0)); got != c.quarterEnd {
			t.Errorf("%s: quarter ends %s, want %s", c.today, got, c.quarterEnd)
		}
	}
}

func TestNearDuplicatesDifferALittle(t *testing.T) {
	t.Parallel()
	org := standard(t)
	flaws := flawed(org)
	near, exact := 0, 0
	bySaid := make(map[string]map[string]any)
	for _, o := range byObject(org)["Opportunity"] {
		id := text(o, "Id")
		key := text(o, "AccountId") + text(o, "Description") + strconv.FormatBool(o["Description"] == nil)
		twin := bySaid[key]
		bySaid[key] = o
		switch {
		case flaws[id][FlawExactDuplicate]:
			if exact++; twin == nil || text(twin, "Name") != text(o, "Name") || twin["Amount"] != o["Amount"] || twin["CloseDate"] != o["CloseDate"] {
				t.Errorf("%s is no exact twin of %v", id, twin["Id"])
			}
		case flaws[id][FlawNearDuplicate]:
			if near++; twin == nil || text(twin, "Name") == text(o, "Name") {
				t.Errorf("%s is no near twin of %v", id, twin["Id"])
			}
		}
	}
	if near < 5 || exact < 5 {
		t.Errorf("%d near and %d exact duplicates", near, exact)
	}
}

func TestTextsReadAsWrittenByPeople(t *testing.T) {
	t.Parallel()
	org := standard(t)
	flaws := flawed(org)
	told := make(map[string]string)
	for _, o := range byObject(org)["Opportunity"] {
		id, said := text(o, "Id"), text(o, "Description")
		if n := utf8.RuneCountInString(text(o, "Name")); n > 120 {
			t.Errorf("%s: name has %d characters", id, n)
		}
		if strings.ContainsAny(said, "{}") {
			t.Errorf("%s: %q", id, said)
		}
		short := flaws[id][FlawShortDescription] || flaws[id][FlawNoDescription]
		if n := utf8.RuneCountInString(said); (n < 20) != short || n > 2000 {
			t.Errorf("%s: description of %d characters", id, n)
		}
		if twin, ok := told[said]; ok && !short && !flaws[id][FlawExactDuplicate] && !flaws[id][FlawNearDuplicate] {
			t.Errorf("%s and %s tell the same: %q", id, twin, said)
		}
		told[said] = id
		if n := utf8.RuneCountInString(text(o, "Next_Steps__c")); n > 255 {
			t.Errorf("%s: next steps of %d characters", id, n)
		}
	}
}

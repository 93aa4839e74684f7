package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// stage is what Salesforce derives from an opportunity's stage.
type stage struct {
	name                 string
	closed, won          bool
	probability          float64
	category, categoryOf string // ForecastCategory and ForecastCategoryName
}

// stages are the pipeline of a GitLab-like organisation, in its order.
var stages = []stage{
	{"0-Pending Acceptance", false, false, 0, "Omitted", "Omitted"},
	{"1-Discovery", false, false, 10, "Pipeline", "Pipeline"},
	{"2-Scoping", false, false, 20, "Pipeline", "Pipeline"},
	{"3-Technical Evaluation", false, false, 35, "Pipeline", "Pipeline"},
	{"4-Proposal", false, false, 50, "BestCase", "Best Case"},
	{"5-Negotiating", false, false, 75, "Forecast", "Commit"},
	{"6-Awaiting Signature", false, false, 90, "Forecast", "Commit"},
	{"7-Closing", false, false, 95, "Forecast", "Commit"},
	{"Closed Won", true, true, 100, "Closed", "Closed"},
	{"8-Closed Lost", true, false, 0, "Omitted", "Omitted"},
	{"9-Unqualified", true, false, 0, "Omitted", "Omitted"},
	{"10-Duplicate", true, false, 0, "Omitted", "Omitted"},
}

var categoryOf = map[string]any{"Omitted": "Omitted", "Pipeline": "Pipeline", "Best Case": "BestCase", "Commit": "Forecast", "Closed": "Closed"}

func findStage(name any) (stage, bool) {
	s, _ := name.(string)
	for _, st := range stages {
		if strings.EqualFold(st.name, s) {
			return st, true
		}
	}
	return stage{}, false
}

// derive fills the fields that the system keeps from others. old is nil when
// the row is new; in tells what the client gave.
func (x *tx) derive(o *object, old, row soql.Row, in values) {
	d := deriver{x: x, o: o, old: old, row: row, in: in}
	switch o.Name {
	case "Opportunity":
		d.opportunity()
	case "Contact", "Lead", "User":
		d.personName()
	case "Task":
		d.task()
	case "Event":
		d.event()
	case "Case":
		closed := d.get("Status") == "Closed"
		d.set("IsClosed", closed)
		d.moment("ClosedDate", closed)
	case "CampaignMember":
		status, _ := d.get("Status").(string)
		responded := status == "Responded" || status == "Registered" || status == "Attended"
		d.set("HasResponded", responded)
		if responded && d.get("FirstRespondedDate") == nil {
			d.set("FirstRespondedDate", x.stamp.Format(time.DateOnly))
		}
	case "OpportunityTeamMember":
		if id, ok := d.get("UserId").(string); ok {
			if u, ok := x.st.ByID("User", id); ok {
				user := x.st.schema.byName["User"]
				d.set("Name", u[user.FieldIndex("Name")])
				d.set("Title", u[user.FieldIndex("Title")])
			}
		}
	}
	d.countries()
}

type deriver struct {
	x        *tx
	o        *object
	old, row soql.Row
	in       values
}

func (d *deriver) get(name string) any { return d.row[d.o.at(name)] }

func (d *deriver) set(name string, v any) { d.row[d.o.at(name)] = v }

func (d *deriver) given(name string) bool {
	return d.in.has[d.o.at(name)]
}

func (d *deriver) changed(name string) bool {
	i := d.o.at(name)
	return d.old == nil || d.old[i] != d.row[i]
}

// moment sets a time when the condition begins to hold and clears it when it ends.
func (d *deriver) moment(name string, holds bool) {
	switch {
	case !holds:
		d.set(name, nil)
	case d.get(name) == nil:
		d.set(name, d.x.now)
	}
}

func (d *deriver) opportunity() {
	st, known := findStage(d.get("StageName"))
	if known {
		d.set("StageName", d.x.st.share(d.o.field("StageName"), st.name))
		d.set("IsClosed", st.closed)
		d.set("IsWon", st.won)
		if d.changed("StageName") {
			if !d.given("Probability") {
				d.set("Probability", st.probability)
			}
			if !d.given("ForecastCategoryName") {
				d.set("ForecastCategoryName", d.x.st.share(d.o.field("ForecastCategoryName"), st.categoryOf))
			}
			if d.old != nil {
				d.set("LastStageChangeDate", d.x.now)
			}
		}
	}
	if name, ok := d.get("ForecastCategoryName").(string); ok {
		d.set("ForecastCategory", categoryOf[name])
	}
	amount, hasAmount := d.get("Amount").(float64)
	probability, hasProbability := d.get("Probability").(float64)
	if hasAmount && hasProbability {
		d.set("ExpectedRevenue", roundTo(amount*probability/100, 2))
	} else {
		d.set("ExpectedRevenue", nil)
	}
	if on, ok := d.get("CloseDate").(string); ok && d.changed("CloseDate") {
		if t, err := time.Parse(time.DateOnly, on); err == nil {
			year, quarter := fiscalPeriod(t, d.x.s.fiscalStart)
			d.set("FiscalYear", int64(year))
			d.set("FiscalQuarter", int64(quarter))
			d.set("Fiscal", d.x.st.share(d.o.field("Fiscal"), fmt.Sprintf("%d %d", year, quarter)))
		}
	}
}

// fiscalPeriod names the fiscal year by the calendar year in which it ends.
func fiscalPeriod(t time.Time, start time.Month) (year, quarter int) {
	months := (int(t.Month()) - int(start) + 12) % 12
	year = t.Year()
	if start != time.January && t.Month() >= start {
		year++
	}
	return year, months/3 + 1
}

func (d *deriver) personName() {
	first, _ := d.get("FirstName").(string)
	last, _ := d.get("LastName").(string)
	if d.changed("FirstName") || d.changed("LastName") {
		d.set("Name", strings.TrimSpace(first+" "+last))
	}
}

func (d *deriver) task() {
	closed := d.get("Status") == "Completed"
	d.set("IsClosed", closed)
	d.set("IsHighPriority", d.get("Priority") == "High")
	d.moment("CompletedDateTime", closed)
	d.activityAccount()
}

func (d *deriver) event() {
	start, hasStart := d.get("StartDateTime").(time.Time)
	if at, ok := d.get("ActivityDateTime").(time.Time); ok && (!hasStart || d.given("ActivityDateTime") && !d.given("StartDateTime")) {
		start, hasStart = at, true
		d.set("StartDateTime", at)
	}
	if hasStart {
		d.set("ActivityDateTime", start)
		d.set("ActivityDate", start.Format(time.DateOnly))
		end, hasEnd := d.get("EndDateTime").(time.Time)
		minutes, hasMinutes := d.get("DurationInMinutes").(int64)
		if hasMinutes && (!hasEnd || d.given("DurationInMinutes") && !d.given("EndDateTime") || d.given("StartDateTime") && !d.given("EndDateTime")) {
			end = start.Add(time.Duration(minutes) * time.Minute)
			d.set("EndDateTime", end)
			hasEnd = true
		} else if hasEnd {
			d.set("DurationInMinutes", int64(end.Sub(start)/time.Minute))
		}
		if hasEnd {
			d.set("EndDate", end.Format(time.DateOnly))
		}
	}
	d.activityAccount()
}

// activityAccount finds the account an activity belongs to, through what it is
// about or who it is with.
func (d *deriver) activityAccount() {
	if !d.changed("WhatId") && !d.changed("WhoId") {
		return
	}
	d.set("AccountId", nil)
	for _, name := range []string{"WhatId", "WhoId"} {
		id, ok := d.get(name).(string)
		if !ok || len(id) < 3 {
			continue
		}
		if id[:3] == "001" {
			d.set("AccountId", d.get(name))
			return
		}
		o := d.x.st.schema.byPrefix[id[:3]]
		if o == nil || o.at("AccountId") < 0 {
			continue
		}
		if slot, ok := d.x.st.tables[o].slots[id]; ok {
			if account := d.x.st.tables[o].rows[slot][o.at("AccountId")]; account != nil {
				d.set("AccountId", account)
				return
			}
		}
	}
}

// countries keeps a country's name and its code together, as organisations
// with state and country picklists do; names it does not know stay alone.
func (d *deriver) countries() {
	for _, name := range []string{"BillingCountry", "ShippingCountry", "MailingCountry", "Country"} {
		i, c := d.o.at(name), d.o.at(name+"Code")
		if i < 0 || c < 0 {
			continue
		}
		nameGiven, codeGiven := d.in.has[i], d.in.has[c]
		country, _ := d.row[i].(string)
		code, _ := d.row[c].(string)
		switch {
		case codeGiven && !nameGiven:
			d.row[i] = d.x.s.countries.name(code)
		case nameGiven && !codeGiven:
			d.row[c] = d.x.s.countries.code(country)
		}
	}
}

// afterInsert does what Salesforce does beside a new record.
func (x *tx) afterInsert(o *object, row soql.Row) {
	switch o.Name {
	case "Opportunity":
		x.history(o, row)
		if contact, ok := row[o.at("ContactId")].(string); ok {
			x.beside("OpportunityContactRole", "", map[string]any{"OpportunityId": row[o.id], "ContactId": contact, "IsPrimary": true})
		}
	case "EventRelation":
		x.invite(o, row)
	case "Partner":
		if opp := row[o.at("OpportunityId")]; opp != nil {
			id, _ := row[o.id].(string)
			x.beside("OpportunityPartner", id, map[string]any{
				"OpportunityId": opp, "AccountToId": row[o.at("AccountToId")],
				"Role": row[o.at("Role")], "IsPrimary": row[o.at("IsPrimary")],
			})
		}
	}
}

// invite puts an event that a user is invited to into that user's calendar, as a copy.
func (x *tx) invite(o *object, row soql.Row) {
	events := x.st.table("Event")
	event, _ := row[o.at("EventId")].(string)
	user, _ := row[o.at("RelationId")].(string)
	slot, ok := events.slots[event]
	if !ok {
		return
	}
	parent := slices.Clone(events.rows[slot])
	parent[events.obj.at("IsGroupEvent")] = true
	x.swap(events, slot, parent)
	if !strings.HasPrefix(user, "005") {
		return
	}
	fields := map[string]any{"IsChild": true, "OwnerId": user}
	for _, name := range []string{"WhoId", "WhatId", "Subject", "Location", "IsAllDayEvent", "ActivityDateTime", "ActivityDate", "DurationInMinutes", "StartDateTime", "EndDateTime", "EndDate", "Description", "AccountId", "Type"} {
		fields[name] = parent[events.obj.at(name)]
	}
	x.beside("Event", "", fields)
}

func (x *tx) afterUpdate(o *object, old, row soql.Row) {
	if o.Name != "Opportunity" {
		return
	}
	for _, name := range []string{"StageName", "Amount", "Probability", "CloseDate", "ForecastCategory"} {
		if i := o.at(name); old[i] != row[i] {
			x.history(o, row)
			return
		}
	}
}

func (x *tx) history(o *object, row soql.Row) {
	fields := map[string]any{"OpportunityId": row[o.id], "CurrencyIsoCode": row[o.currencyCode]}
	for _, name := range []string{"StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability", "ForecastCategory"} {
		fields[name] = row[o.at(name)]
	}
	x.beside("OpportunityHistory", "", fields)
}

// beside adds a record that the system makes itself; no rule is asked.
func (x *tx) beside(name, id string, fields map[string]any) {
	o := x.st.schema.byName[name]
	t := x.st.tables[o]
	row := make(soql.Row, len(o.fields))
	for i, f := range o.fields {
		row[i] = f.deflt
	}
	for k, v := range fields {
		row[o.at(k)] = v
	}
	if id == "" {
		id = t.newID()
	}
	row[o.id] = id
	row[o.createdDate], row[o.modifiedDate], row[o.stamp] = x.now, x.now, x.now
	row[o.createdBy], row[o.modifiedBy] = x.user, x.user
	x.put(t, row)
}

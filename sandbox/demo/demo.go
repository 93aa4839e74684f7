// Package demo answers the question which records a believable software vendor
// has in Salesforce: it writes the organisation of Quillmoor, an invented
// seller of a developer platform, with its customers, people and deals in
// every stage, some of them sold together with AWS, Google Cloud or Microsoft
// Azure, and with the dirt that real records have.
//
// The same options give the same bytes on every machine: all numbers come from
// a PCG seeded per record, and no floating-point arithmetic, map order or wall
// clock takes part.
package demo

import (
	"iter"
	"time"
)

// Options say which organisation to write. Zero values mean the standard one.
type Options struct {
	// Seed chooses names, sizes and chances. Each seed is another organisation
	// with the same record ids.
	Seed uint64
	// Accounts counts all accounts, the 14 partner accounts among them;
	// 0 means 400, and the least is 50.
	Accounts int
	// Opportunities counts all opportunities; 0 means 1,500.
	Opportunities int
	// People counts the users; 0 means 40, which is also the least.
	People int
	// Today is the day that open and past are told by. The zero time means
	// 2026-09-15.
	Today time.Time
	// Objects limits the records to these API names; empty means all. Records
	// may then refer to others that are not written.
	Objects []string
}

// Record is one Salesforce record. Fields holds string, float64, json.Number
// and bool values under API names; days are "YYYY-MM-DD" and instants
// RFC 3339 in UTC. A field without value is absent.
type Record struct {
	Object string
	Fields map[string]any
}

// Finding is one flaw that the generator put into one record: the truth against
// which checks can be scored.
type Finding struct {
	RecordID string
	Flaw     Flaw
}

// Joint tells what an opportunity has to do with the clouds.
type Joint struct {
	OpportunityID string
	// Clouds holds "aws", "gcp" and "azure" in this order.
	Clouds []string
	// Ready is true when the deal is joint with AWS, is being worked (stages 1
	// to 7) and has no blocking flaw and no twin: AWS would take it.
	Ready bool
}

// Org is one generated organisation, held in memory.
type Org struct {
	records  []Record
	findings []Finding
	joint    []Joint
	accounts []accountPlan
	summary  Summary
}

// Generate writes the whole organisation. The standard one takes about 0.1
// seconds and 15 MB.
func Generate(options Options) *Org {
	w := newWorld(options)
	w.findings = make([]Finding, 0, w.options.Opportunities)
	w.joint = []Joint{}
	org := &Org{}
	w.write(func(object string, fields map[string]any) bool {
		org.records = append(org.records, Record{object, fields})
		return true
	})
	org.findings, org.joint, org.accounts = w.findings, w.joint, w.accounts
	org.summary = summarise(org)
	return org
}

// Records yields object name and fields of every record in an order in which
// they can be loaded: whatever a record refers to comes before it. The maps
// belong to the organisation and must not be changed.
func (o *Org) Records() iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		for _, r := range o.records {
			if !yield(r.Object, r.Fields) {
				return
			}
		}
	}
}

// Findings returns every flaw in the order of the records.
func (o *Org) Findings() []Finding { return append([]Finding(nil), o.findings...) }

// Joint returns the opportunities that are joint with a cloud.
func (o *Org) Joint() []Joint { return append([]Joint(nil), o.joint...) }

// Stream yields the records that Generate would hold, one at a time, so that
// 100,000 opportunities need no more memory than a plan of 50,000 accounts.
// Every map is new and belongs to the caller.
func Stream(options Options) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		newWorld(options).write(yield)
	}
}

// world is what the writing of one organisation needs.
type world struct {
	options  Options
	seed     uint64
	cal      *calendar
	people   []person
	sellers  [len(geos)][]int
	accounts []accountPlan
	byFlaw   map[Flaw][]int32
	sound    []int32 // accounts without a blocking flaw
	findings []Finding
	joint    []Joint
}

func newWorld(options Options) *world {
	if options.Accounts == 0 {
		options.Accounts = 400
	}
	options.Accounts = max(options.Accounts, 50)
	if options.Opportunities == 0 {
		options.Opportunities = 1500
	}
	options.People = max(options.People, len(posts))
	if options.Today.IsZero() {
		options.Today = time.Date(2026, time.September, 15, 0, 0, 0, 0, time.UTC)
	}
	w := &world{options: options, seed: options.Seed, cal: newCalendar(options.Today)}
	w.people = hire(w.seed, options.People)
	w.sellers = sellersOf(w.people)
	w.planAccounts(options.Accounts)
	w.standings()
	return w
}

// found notes a flaw where findings are kept, which a stream does not do.
func (w *world) found(id string, flaw Flaw) {
	if w.findings != nil {
		w.findings = append(w.findings, Finding{id, flaw})
	}
}

func (w *world) wants(object string) bool {
	if len(w.options.Objects) == 0 {
		return true
	}
	for _, o := range w.options.Objects {
		if o == object {
			return true
		}
	}
	return false
}

// write yields all records, object by object.
func (w *world) write(yield func(string, map[string]any) bool) {
	_ = w.each("UserRole", len(roles), w.roleRecord, yield) &&
		w.each("User", len(w.people), w.userRecord, yield) &&
		w.each("Account", len(w.accounts), w.accountRecord, yield) &&
		w.writeContacts(yield) &&
		w.writeDeals("Opportunity", yield, func(o *deal, send func(map[string]any) bool) bool {
			w.noteJoint(o)
			return send(w.opportunityRecord(o))
		}) &&
		w.writeDeals("OpportunityTeamMember", yield, w.sendTeam) &&
		w.writeDeals("OpportunityContactRole", yield, func(o *deal, send func(map[string]any) bool) bool {
			for k := range min(w.contacts(o.account), 1+o.index%3) {
				if !send(w.contactRoleRecord(o, k)) {
					return false
				}
			}
			return true
		}) &&
		w.writeDeals("Task", yield, func(o *deal, send func(map[string]any) bool) bool {
			tasks, _ := w.activities(o)
			for k := range tasks {
				if !send(w.taskRecord(o, k)) {
					return false
				}
			}
			return true
		}) &&
		w.writeDeals("Event", yield, func(o *deal, send func(map[string]any) bool) bool {
			_, events := w.activities(o)
			for k := range events {
				if !send(w.eventRecord(o, k)) {
					return false
				}
			}
			return true
		})
}

func (w *world) each(object string, count int, record func(int) map[string]any, yield func(string, map[string]any) bool) bool {
	if !w.wants(object) {
		return true
	}
	for i := range count {
		if !yield(object, record(i)) {
			return false
		}
	}
	return true
}

func (w *world) writeContacts(yield func(string, map[string]any) bool) bool {
	if !w.wants("Contact") {
		return true
	}
	for i := range w.accounts {
		for k := range w.contacts(i) {
			if !yield("Contact", w.contactRecord(i, k)) {
				return false
			}
		}
	}
	return true
}

// writeDeals plans all deals afresh and lets records yield what belongs to
// each: planning twice costs less than holding 100,000 plans.
func (w *world) writeDeals(object string, yield func(string, map[string]any) bool, records func(*deal, func(map[string]any) bool) bool) bool {
	if !w.wants(object) {
		return true
	}
	send := func(fields map[string]any) bool { return yield(object, fields) }
	p := newPlanner(w)
	for range w.options.Opportunities {
		o := p.plan()
		if !records(&o, send) {
			return false
		}
	}
	return true
}

func (w *world) sendTeam(o *deal, send func(map[string]any) bool) bool {
	for k, user := range w.teamOf(o) {
		if user >= 0 && user != o.owner && !send(w.teamRecord(o, k, user)) {
			return false
		}
	}
	return true
}

func (w *world) noteJoint(o *deal) {
	if w.joint == nil || o.clouds == [3]useCase{} {
		return
	}
	j := Joint{OpportunityID: opportunityID(o.index), Ready: o.ready(w)}
	for cloud, use := range o.clouds {
		if use != useNone {
			j.Clouds = append(j.Clouds, cloudKeys[cloud])
		}
	}
	w.joint = append(w.joint, j)
}

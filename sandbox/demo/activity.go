package demo

var (
	teamRoles    = [...]string{"Alliance Manager", "Solutions Architect", "Sales Manager"}
	contactRoles = [...]string{"Economic Buyer", "Technical Buyer", "Champion", "Evaluator"}

	taskSubjects = []struct{ subject, kind, subtype string }{
		{"Call with platform lead about runner capacity", "Call", "Call"},
		{"Send security white paper and answers to the questionnaire", "Email", "Email"},
		{"Prepare total cost comparison", "Other", "Task"},
		{"Follow up on procurement's redlines", "Email", "Email"},
		{"Discovery call: release process and audit findings", "Call", "Call"},
		{"Ask the sponsor for the decision date", "Call", "Call"},
		{"Update the success plan after the workshop", "Other", "Task"},
		{"Check marketplace billing account with the buyer", "Email", "Email"},
	}
	eventSubjects = []string{"Technical workshop: migration of the first teams", "Executive sponsor meeting", "Demo: scanning on every change", "Pilot review with the architects", "Commercial alignment"}
	eventPlaces   = []string{"Video call", "Customer office", "Video call", "Partner office"}
)

// teamOf lists the members beside the owner: an alliance person on joint deals,
// an architect and a manager on some; -1 stands for nobody. No user comes twice.
func (w *world) teamOf(o *deal) [teamPerDeal]int {
	var d dice
	d.at(w.seed, streamTeam, o.index)
	a := w.accounts[o.account]
	geo := geoIndex(countries[a.country].geo)
	members := [teamPerDeal]int{-1, -1, -1}
	switch {
	case o.clouds[cloudAWS] != useNone:
		members[0] = pick(&d, [len(geos)][]int{geoAMER: {9, 12, 16, 6}, geoEMEA: {13, 17, 8}, geoAPJ: {14}, geoLATAM: {15}}[geo])
	case o.clouds[cloudGoogle] != useNone:
		members[0] = 10
	case o.clouds[cloudAzure] != useNone:
		members[0] = 11
	}
	if o.stage >= stageScoping && o.stage != stageUnqualified && d.perMille(550) {
		members[1] = [len(geos)]int{geoAMER: 32, geoEMEA: 33, geoAPJ: 34, geoLATAM: 32}[geo]
	}
	if d.perMille(250) {
		members[2] = 1 + geo
	}
	return members
}

const teamPerDeal = 3

func (w *world) teamRecord(o *deal, k, user int) map[string]any {
	access := "Read"
	if k == 0 {
		access = "Edit"
	}
	return map[string]any{
		"Id":                     recordID(prefixTeamMember, o.index*teamPerDeal+k+1),
		"OpportunityId":          opportunityID(o.index),
		"UserId":                 w.people[user].id,
		"TeamMemberRole":         teamRoles[k],
		"OpportunityAccessLevel": access,
		"CurrencyIsoCode":        o.currency,
	}
}

func (w *world) contactRoleRecord(o *deal, k int) map[string]any {
	return map[string]any{
		"Id":              recordID(prefixContactRole, o.index*contactsPerAccount+k+1),
		"OpportunityId":   opportunityID(o.index),
		"ContactId":       contactID(o.account, k),
		"Role":            contactRoles[k],
		"IsPrimary":       k == 0,
		"CurrencyIsoCode": o.currency,
	}
}

// activitiesPerDeal is the largest number of tasks, and of events, of a deal.
const activitiesPerDeal = 3

// activities is how many tasks and events a deal has.
func (w *world) activities(o *deal) (tasks, events int) {
	n := mix(w.seed ^ uint64(o.index)<<8 ^ uint64(streamActivity))
	return int(n % 10 * 4 / 13), int(n >> 32 % 6 / 5)
}

func (w *world) taskRecord(o *deal, k int) map[string]any {
	var d dice
	d.at(w.seed, streamActivity, o.index*8+k)
	what := pick(&d, taskSubjects)
	day := o.created + d.between(0, max(1, min(o.close, 0)-o.created))
	status := "Completed"
	if o.open() && k == 0 {
		day, status = d.between(-5, 10), [...]string{"Not Started", "In Progress"}[d.below(2)]
	}
	return map[string]any{
		"Id":           recordID(prefixTask, o.index*activitiesPerDeal+k+1),
		"WhatId":       opportunityID(o.index),
		"WhoId":        contactID(o.account, d.below(w.contacts(o.account))),
		"OwnerId":      w.people[o.owner].id,
		"Subject":      what.subject,
		"Type":         what.kind,
		"TaskSubtype":  what.subtype,
		"Status":       status,
		"Priority":     [...]string{"Normal", "Normal", "High", "Low"}[d.below(4)],
		"ActivityDate": w.cal.day(day),
		"Description":  what.subject + " (" + w.shortName(o.account) + ").",
		"CreatedDate":  w.cal.instant(min(day, -1), o.index+k),
	}
}

func (w *world) eventRecord(o *deal, k int) map[string]any {
	var d dice
	d.at(w.seed, streamActivity, o.index*8+4+k)
	day := o.created + d.between(0, max(1, min(o.close, 20)-o.created))
	start := w.cal.day(day) + [...]string{"T08:", "T10:", "T13:", "T15:"}[d.below(4)]
	return map[string]any{
		"Id":                recordID(prefixEvent, o.index*activitiesPerDeal+k+1),
		"WhatId":            opportunityID(o.index),
		"WhoId":             contactID(o.account, d.below(w.contacts(o.account))),
		"OwnerId":           w.people[o.owner].id,
		"Subject":           pick(&d, eventSubjects),
		"Type":              "Meeting",
		"Location":          pick(&d, eventPlaces),
		"StartDateTime":     start + "00:00Z",
		"EndDateTime":       start + "45:00Z",
		"DurationInMinutes": float64(45),
		"CreatedDate":       w.cal.instant(min(day, -1), o.index+k),
	}
}

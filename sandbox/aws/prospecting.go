package aws

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"
)

// Statuses of a prospecting task.
const (
	prospectingPending  = "PENDING"
	prospectingRunning  = "IN_PROGRESS"
	prospectingComplete = "COMPLETED"
	prospectingFailed   = "FAILED"
)

func (x *tx) prospectingARN(p *prospecting) string {
	return "arn:aws:partnercentral-selling:" + x.s.opt.Region + ":" + x.s.opt.AccountID + ":catalog/" + p.Catalog + "/prospecting-from-engagement-task/" + p.ID
}

// startProspecting asks AWS what it knows of the customers of up to 100
// engagements.
func (x *tx) startProspecting(in doc) (doc, *fault) {
	return x.once("StartProspectingFromEngagementTask", in, func() (doc, *fault) {
		ids := in.strs("Identifiers")
		if len(ids) == 0 {
			return nil, brokenRule(fieldError{"Identifiers", "at least one is required", codeTooFew})
		}
		p := &prospecting{ID: x.newID("task-", 14), Catalog: in.str("Catalog"), Name: in.str("TaskName"), Started: x.now, Due: x.now.Add(x.s.opt.ProspectingDelay)}
		for n, id := range ids {
			if slices.Contains(ids[:n], id) {
				return nil, brokenRule(fieldError{fmt.Sprintf("Identifiers.%d", n), "is given twice", codeDuplicate})
			}
			p.Results = append(p.Results, prospect{Engagement: id, Status: prospectingRunning})
		}
		x.out.Prospectings = append(x.out.Prospectings, p)
		return doc{
			"TaskId": p.ID, "TaskArn": x.prospectingARN(p), "TaskName": p.Name, "Identifiers": ids, "StartTime": stamp(p.Started), "TaskStatus": prospectingPending,
		}, nil
	})
}

func (x *tx) getProspecting(in doc) (doc, *fault) {
	p := x.s.state.prospectings[in.str("TaskIdentifier")]
	if p == nil || p.Catalog != in.str("Catalog") {
		return nil, notFound("Prospecting task", in.str("TaskIdentifier"))
	}
	out := doc{"TaskId": p.ID, "TaskArn": x.prospectingARN(p), "TaskName": p.Name, "StartTime": stamp(p.Started)}
	if !p.Ended.IsZero() {
		out["EndTime"] = stamp(p.Ended)
	}
	rows := make([]any, len(p.Results))
	for n, r := range p.Results {
		row := doc{"EngagementIdentifier": r.Engagement, "Status": r.Status}
		for name, v := range map[string]string{"EngagementContextId": r.Context, "ReasonCode": r.Reason, "Message": r.Message} {
			if v != "" {
				row[name] = v
			}
		}
		rows[n] = row
	}
	out["Engagements"] = rows
	return out, nil
}

func (p *prospecting) count(status string) int {
	n := 0
	for _, r := range p.Results {
		if r.Status == status {
			n++
		}
	}
	return n
}

func (x *tx) listProspecting(in doc) (doc, *fault) {
	// The model has checked the form; a missing one stays zero.
	after, _ := time.Parse(time.RFC3339Nano, in.str("StartAfter"))
	before, _ := time.Parse(time.RFC3339Nano, in.str("StartBefore"))
	var rows []pageRow
	for _, p := range x.s.state.prospectings {
		if p.Catalog != in.str("Catalog") || !names(in.strs("TaskIdentifier"), p.ID) || (len(in.strs("TaskName")) > 0 && !slices.Contains(in.strs("TaskName"), p.Name)) ||
			(!after.IsZero() && !p.Started.After(after)) || (!before.IsZero() && !p.Started.Before(before)) {
			continue
		}
		failed := p.count(prospectingFailed)
		key := stamp(p.Started)
		switch in.str("Sort", "SortBy") {
		case "TaskName":
			key = p.Name
		case "FailedEngagementCount":
			key = fmt.Sprintf("%06d", failed)
		}
		rows = append(rows, pageRow{key: key, id: p.ID, value: func() any {
			row := doc{
				"TaskId": p.ID, "TaskArn": x.prospectingARN(p), "TaskName": p.Name, "StartTime": stamp(p.Started), "TotalEngagementCount": len(p.Results),
				"CompletedEngagementCount": p.count(prospectingComplete), "FailedEngagementCount": failed,
			}
			if !p.Ended.IsZero() {
				row["EndTime"] = stamp(p.Ended)
			}
			return row
		}})
	}
	return page(in, rows, "TaskSummaries", defaultPage, in.str("Sort", "SortOrder") != "ASCENDING")
}

// finishProspecting gives each engagement a ProspectingResult, in place of an
// older one.
func (x *tx) finishProspecting(old *prospecting) {
	p := *old
	p.Ended = x.now
	p.Results = slices.Clone(old.Results)
	for n := range p.Results {
		r := &p.Results[n]
		fail := func(reason, message string) { r.Status, r.Reason, r.Message = prospectingFailed, reason, message }
		e, f := x.joined(p.Catalog, r.Engagement)
		if f != nil {
			fail("EngagementAccessDenied", f.Message)
			continue
		}
		customer := prospectOf(e)
		at := slices.IndexFunc(e.Contexts, func(c topic) bool { return c.Kind == kindProspecting })
		switch {
		case customer.str("CompanyName") == "":
			fail("ContextNotFound", "The engagement has no context that names a customer.")
			continue
		case at < 0 && len(e.Contexts) >= maxContexts:
			fail("ServiceQuotaExceeded", fmt.Sprintf("The engagement has %d contexts, the most it may have.", maxContexts))
			continue
		}
		result := doc{"Aws": map[string]any(x.accountView(customer).
			with(stamp(p.Started), "StartTime").with(stamp(p.Ended), "EndTime").
			with(p.ID, "TaskId").with(x.prospectingARN(&p), "TaskArn").with(p.Name, "TaskName"))}
		if at < 0 {
			e.addContext(kindProspecting, result)
		} else {
			e.Contexts = slices.Clone(e.Contexts)
			e.Contexts[at].Payload = result
		}
		x.touchEngagement(e, awsAccount)
		x.emitEngagementUpdated(e)
		r.Status, r.Context = prospectingComplete, x.newID("ctx-", 14)
	}
	x.out.Prospectings = append(x.out.Prospectings, &p)
}

// prospectOf is the customer that an engagement is about.
func prospectOf(e *engagement) doc {
	for _, c := range e.Contexts {
		if c.Kind == kindProject || c.Kind == kindLead {
			if customer := doc(asMap(c.Payload["Customer"])); customer.str("CompanyName") != "" {
				return customer
			}
		}
	}
	return nil
}

// regions place a country in AWS's sales map, as far as this sandbox needs one.
var regions = map[string][3]string{
	"US": {"AMER", "NAMER", "US Commercial"}, "CA": {"AMER", "NAMER", "Canada"}, "BR": {"LATAM", "South America", "Brazil"}, "MX": {"LATAM", "North LATAM", "Mexico"},
	"GB": {"EMEA", "UKI", "UK"}, "IE": {"EMEA", "UKI", "Ireland"}, "DE": {"EMEA", "DACH", "Germany"}, "CH": {"EMEA", "DACH", "Switzerland"}, "AT": {"EMEA", "DACH", "Austria"},
	"FR": {"EMEA", "Western Europe", "France"}, "NL": {"EMEA", "Benelux", "Netherlands"}, "SE": {"EMEA", "Nordics", "Sweden"}, "AE": {"EMEA", "MENAT", "Gulf"},
	"JP": {"APJ", "Japan", "Japan"}, "IN": {"APJ", "AISPL", "India"}, "SG": {"APJ", "ASEAN", "Singapore"}, "AU": {"APJ", "ANZ", "Australia"}, "NZ": {"APJ", "ANZ", "New Zealand"},
}

// accountView stands in for AWS's own view of an account: invented, and the same
// for the same customer every time.
func (x *tx) accountView(customer doc) doc {
	name := customer.str("CompanyName")
	country := customer.str("CountryCode")
	if country == "" {
		country = customer.str("Address", "CountryCode")
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(name) + "/" + country))
	pick := func(n uint32, list ...string) string { return list[(h.Sum32()/n)%uint32(len(list))] }
	view := doc{
		"AccountName": clip(strings.ToUpper(name), 255), "Segment": pick(1, "Enterprise", "Mid-Market", "SMB", "Startup"),
		"CompanySize": pick(4, "1-49", "50-249", "250-999", "1000-4999", "5000+"), "SubIndustry": pick(20, "Platforms", "Services", "Distribution", "Operations"),
		"EligiblePrograms":     []any{pick(80, "ISV Workload Migration", "Migration Acceleration Program", "ISV Accelerate")},
		"PublicProfileSummary": name + " runs its business from several sites and modernises its software delivery step by step.",
	}
	if place, ok := regions[country]; ok {
		view["Geo"], view["Region"], view["SubRegion"] = place[0], place[1], place[2]
	}
	if _, known := x.s.facts.countries[country]; known {
		view["Country"] = country
	}
	if industry := customer.str("Industry"); industry != "" {
		var errs []fieldError
		if x.s.validator.check("Industry", "", industry, &errs); len(errs) == 0 {
			view["Industry"] = industry
		}
	}
	return doc{"Customer": map[string]any(view), "Insights": map[string]any{
		"MarketplaceEngagementScore": pick(240, "High", "Medium", "Low"), "SolutionScore": pick(720, "High", "Medium", "Low"),
		"SolutionCategory": "DevOps", "SolutionSubCategory": pick(2_160, "Agile Lifecycle Management", "Application Development", "Continuous Integration and Delivery"),
	}}
}

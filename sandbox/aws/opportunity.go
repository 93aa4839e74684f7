package aws

import (
	"strings"
	"time"
)

// partnerMembers are the members of an opportunity that the partner writes.
var partnerMembers = []string{
	"PrimaryNeedsFromAws", "NationalSecurity", "PartnerOpportunityIdentifier", "Customer", "Project",
	"OpportunityType", "Marketing", "SoftwareRevenue", "LifeCycle",
}

// awsLifeCycle are the members of LifeCycle that AWS writes; they stand beside
// the document, never in it.
var awsLifeCycle = []string{"ReviewStatus", "ReviewComments", "ReviewStatusReason", "NextStepsHistory"}

func partnerDoc(in doc) doc {
	d := in.pick(partnerMembers...)
	for _, name := range awsLifeCycle {
		if d.at("LifeCycle", name) != nil {
			d = d.with(nil, "LifeCycle", name)
		}
	}
	if d.str("LifeCycle", "Stage") == "" {
		d = d.with("Prospect", "LifeCycle", "Stage")
	}
	if d.str("NationalSecurity") == "" {
		d = d.with("No", "NationalSecurity") // published field table: "automatically set to No"
	}
	return d
}

func (x *tx) createOpportunity(in doc) (doc, *fault) {
	return x.once("CreateOpportunity", in, func() (doc, *fault) { return x.makeOpportunity(in) })
}

func (x *tx) makeOpportunity(in doc) (doc, *fault) {
	catalog := in.str("Catalog")
	d := partnerDoc(in)
	errs := x.s.wrongValues(d, x.now, true)
	if catalog == CatalogAWS && in.str("Origin") != "" && in.str("Origin") != "Partner Referral" {
		errs = append(errs, fieldError{"Origin", `must be "Partner Referral" in the AWS catalog`, codeValue})
	}
	errs = append(errs, otherTooLate(d)...)
	if rs := in.str("LifeCycle", "ReviewStatus"); rs != "" && rs != statusPending {
		errs = append(errs, fieldError{"LifeCycle.ReviewStatus", `must be "Pending Submission" when an opportunity is created`, codeValue})
	}
	if len(errs) > 0 {
		return nil, brokenRule(errs...)
	}
	o := &opportunity{
		ID: x.newOpportunityID(), Catalog: catalog, Origin: in.str("Origin"), Doc: d, Team: in.list("OpportunityTeam"),
		Created: x.now, Modified: x.now, Review: review{Status: statusPending},
	}
	if o.Origin == "" {
		o.Origin = "Partner Referral"
	}
	o.VisibleAt = x.now.Add(max(x.s.opt.ReadAfterCreateLag, x.s.opt.Faults.Lag()))
	x.noteNextSteps(o, "")
	x.put(o)
	x.emitOpportunity("Opportunity Created", o)
	if f := x.tagNew(in, x.arn(catalog, "opportunity", o.ID)); f != nil {
		return nil, f
	}
	answer := doc{"Id": o.ID, "LastModifiedDate": stamp(o.Modified)}
	if p := d.str("PartnerOpportunityIdentifier"); p != "" {
		answer["PartnerOpportunityIdentifier"] = p
	}
	return answer, nil
}

// noteNextSteps keeps the history of next steps that GetOpportunity shows.
func (x *tx) noteNextSteps(o *opportunity, before string) {
	if now := o.Doc.str("LifeCycle", "NextSteps"); now != "" && now != before {
		o.NextSteps = appendNoted(o.NextSteps, noted{now, x.now})
	}
}

func appendNoted(list []noted, n noted) []noted {
	out := append([]noted{n}, list...)
	return out[:min(len(out), 50)]
}

func (x *tx) getOpportunity(in doc) (doc, *fault) {
	o, f := x.findVisible(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	out := o.Doc.pick(partnerMembers...)
	out["LifeCycle"] = o.lifeCycle(true)
	out["Catalog"] = o.Catalog
	out["Id"] = o.ID
	out["Arn"] = x.arn(o.Catalog, "opportunity", o.ID)
	out["LastModifiedDate"] = stamp(o.Modified)
	out["CreatedDate"] = stamp(o.Created)
	related := map[string]any{}
	for kind, ids := range o.Related {
		if len(ids) > 0 {
			related[kind] = ids
		}
	}
	out["RelatedEntityIdentifiers"] = related
	if len(o.Team) > 0 {
		out["OpportunityTeam"] = o.Team
	}
	return out, nil
}

func (o *opportunity) lifeCycle(history bool) map[string]any {
	out := map[string]any(doc(asMap(o.Doc["LifeCycle"])).pick("Stage", "ClosedLostReason", "NextSteps", "TargetCloseDate"))
	out["ReviewStatus"] = o.Review.Status
	if o.Review.Comments != "" {
		out["ReviewComments"] = o.Review.Comments
	}
	if o.Review.Reason != "" {
		out["ReviewStatusReason"] = o.Review.Reason
	}
	if history && len(o.NextSteps) > 0 {
		out["NextStepsHistory"] = history2wire(o.NextSteps)
	}
	return out
}

func history2wire(list []noted) []any {
	out := make([]any, len(list))
	for i, n := range list {
		out[i] = map[string]any{"Value": n.Value, "Time": stamp(n.Time)}
	}
	return out
}

// updateOpportunity replaces the whole record: a member left out becomes empty.
func (x *tx) updateOpportunity(in doc) (doc, *fault) {
	o, f := x.find(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	at, err := time.Parse(time.RFC3339Nano, in.str("LastModifiedDate"))
	if err != nil || !at.Truncate(time.Millisecond).Equal(o.Modified.Truncate(time.Millisecond)) {
		return nil, conflict("The opportunity was modified by another request. The LastModifiedDate submitted (" + in.str("LastModifiedDate") + ") is not the current one. Get the opportunity and try again.")
	}
	before, next := o.Doc, partnerDoc(in)
	changed := changedPaths(before, next)
	wanted := in.str("LifeCycle", "ReviewStatus")
	simulated := wanted != "" && wanted != o.Review.Status && o.Catalog == CatalogSandbox
	errs := x.s.lockedFields(o, changed, next, wanted, simulated)
	errs = append(errs, x.s.wrongValues(next, x.now, changed["LifeCycle.TargetCloseDate"])...)
	errs = append(errs, x.s.stageRules(o, next)...)
	if len(errs) == 0 && (o.Review.Status == statusApproved || o.Review.Status == statusActionRequired) {
		errs = x.s.missingFields(next, o.Involvement)
	}
	if len(errs) > 0 {
		return nil, brokenRule(errs...)
	}
	o.Doc = next
	x.noteNextSteps(o, before.str("LifeCycle", "NextSteps"))
	x.touch(o)
	switch {
	case simulated:
		x.simulateReview(o, in, wanted)
	case o.Review.Status == statusActionRequired && len(changed) > 0:
		// "After updates, the opportunity re-enters the validation phase."
		x.submit(o, o.Involvement, o.Visibility)
	}
	x.follow(o)
	x.put(o)
	x.updated(o)
	return doc{"Id": o.ID, "LastModifiedDate": stamp(o.Modified)}, nil
}

// simulateReview is the documented trick of the Sandbox catalog: the partner
// writes the review status that AWS would.
func (x *tx) simulateReview(o *opportunity, in doc, status string) {
	o.Review.Status, o.Review.Due = status, time.Time{}
	o.Review.Reason, o.Review.Comments = in.str("LifeCycle", "ReviewStatusReason"), in.str("LifeCycle", "ReviewComments")
	if status == statusApproved {
		x.engageAWS(o)
	}
	x.answerForAWS(o)
}

// assignOpportunity makes a partner user the owner. The owner shows in the
// opportunity's team with the title OpportunityOwner.
func (x *tx) assignOpportunity(in doc) (doc, *fault) {
	o, f := x.find(in.str("Catalog"), in.str("Identifier"))
	if f != nil {
		return nil, f
	}
	if o.Review.Status == statusRejected {
		return nil, brokenRule(fieldError{"Identifier", "a rejected opportunity is read-only", codeState})
	}
	owner := map[string]any(doc(asMap(in["Assignee"])).with("OpportunityOwner", "BusinessTitle"))
	team := []any{owner}
	for _, m := range o.Team {
		if !strings.EqualFold(doc(asMap(m)).str("BusinessTitle"), "OpportunityOwner") {
			team = append(team, m)
		}
	}
	o.Team = team[:min(len(team), 10)]
	x.touch(o)
	x.put(o)
	x.updated(o)
	return nil, nil
}

package aws

import (
	"maps"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// changedPaths names the fields that differ between two documents, in the
// published field table's paths.
func changedPaths(before, after doc) map[string]bool {
	a, b := before.leaves(), after.leaves()
	out := map[string]bool{}
	for path, v := range a {
		if b[path] != v {
			out[path] = true
		}
	}
	for path, v := range b {
		if a[path] != v {
			out[path] = true
		}
	}
	return out
}

// lockedFields says which of an update's changes the review status forbids.
// Sources: the published field table's three update columns; "Working with
// opportunity updates" for the blocked statuses.
func (s *Server) lockedFields(o *opportunity, changed map[string]bool, after doc, wantedStatus string, simulated bool) []fieldError {
	var errs []fieldError
	refuse := func(path, why string) {
		errs = append(errs, fieldError{path, why, codeNotPermitted})
	}
	status := o.Review.Status
	if wantedStatus != "" && wantedStatus != status {
		switch {
		case !simulated:
			refuse("LifeCycle.ReviewStatus", "is set by AWS and is read-only in the AWS catalog")
		case status == statusPending:
			refuse("LifeCycle.ReviewStatus", "the opportunity has not been submitted yet")
		case wantedStatus == statusPending || wantedStatus == statusSubmitted:
			refuse("LifeCycle.ReviewStatus", "cannot go back to "+wantedStatus)
		}
	}
	switch {
	case status == statusRejected:
		return append(errs, fieldError{"LifeCycle.ReviewStatus", "a rejected opportunity is read-only", codeState})
	case (status == statusSubmitted || status == statusInReview) && !simulated && len(changed) == 0:
		return append(errs, fieldError{"LifeCycle.ReviewStatus", "the opportunity cannot be updated while its review status is " + status, codeState})
	}
	may, why := s.editability(o)
	for _, path := range slices.Sorted(maps.Keys(changed)) {
		if !s.allowed(path, status, may(s.ruleFor(path))) {
			refuse(path, why)
		}
	}
	return append(errs, o.droppedNeeds(changed, after)...)
}

// droppedNeeds refuses to take back a co-sell need once AWS has accepted it.
func (o *opportunity) droppedNeeds(changed map[string]bool, after doc) []fieldError {
	if !changed["PrimaryNeedsFromAws"] || o.Review.Status != statusApproved || o.Involvement != involveCoSell {
		return nil
	}
	kept := after.strs("PrimaryNeedsFromAws")
	for _, need := range o.Doc.strs("PrimaryNeedsFromAws") {
		if !slices.Contains(kept, need) {
			return []fieldError{{"PrimaryNeedsFromAws", "an approved co-sell need cannot be taken back: " + need, codeNotPermitted}}
		}
	}
	return nil
}

// editability says which column of the field table holds for an opportunity
// now, and how to explain a refusal.
func (s *Server) editability(o *opportunity) (may func(awsselling.FieldRule) awsselling.Editable, why string) {
	always := func(e awsselling.Editable) func(awsselling.FieldRule) awsselling.Editable {
		return func(awsselling.FieldRule) awsselling.Editable { return e }
	}
	switch status := o.Review.Status; {
	case status == statusPending:
		return always(awsselling.EditableYes), ""
	case status == statusSubmitted, status == statusInReview, status == statusRejected:
		return always(awsselling.EditableNo), "cannot be changed while the review status is " + status
	case status == statusActionRequired:
		return func(r awsselling.FieldRule) awsselling.Editable { return r.ActionRequired }, "cannot be changed while the review status is Action Required"
	case o.closed():
		return func(r awsselling.FieldRule) awsselling.Editable { return r.AfterLaunched }, "cannot be changed after the opportunity is " + o.Doc.str("LifeCycle", "Stage")
	}
	return func(r awsselling.FieldRule) awsselling.Editable { return r.UntilLaunched }, "cannot be changed after approval"
}

func (o *opportunity) closed() bool {
	stage := o.Doc.str("LifeCycle", "Stage")
	return stage == stageLaunched || stage == stageClosedLost
}

func (s *Server) allowed(path, status string, e awsselling.Editable) bool {
	if path == "PartnerOpportunityIdentifier" && status == statusApproved && s.opt.LockPartnerIdentifier {
		return false
	}
	switch e {
	case awsselling.EditableYes:
		return true
	case awsselling.EditableISV:
		return !s.opt.ConsultingPartner
	case awsselling.EditableProgram:
		return s.opt.SpecialPrograms
	}
	return false
}

// ruleFor gives the table's rule of a path. The table is older than contract
// durations and partitions: the first goes with the spend it sizes, the second
// with what is fixed at submission.
func (s *Server) ruleFor(path string) awsselling.FieldRule {
	if strings.HasPrefix(path, "Project.ExpectedContractDuration") {
		path = "Project.ExpectedCustomerSpend.Amount"
	}
	switch path { // kinds of association that are younger than the table
	case "RelatedEntityIdentifiers." + relMarketSolut, "RelatedEntityIdentifiers." + relMarketProduct:
		path = "RelatedEntityIdentifiers." + relSolutions
	case "RelatedEntityIdentifiers." + relOfferSets:
		path = "RelatedEntityIdentifiers." + relOffers
	}
	if r, ok := s.facts.edit[path]; ok {
		return r
	}
	return awsselling.FieldRule{Path: path, ActionRequired: awsselling.EditableNo, UntilLaunched: awsselling.EditableNo, AfterLaunched: awsselling.EditableNo}
}

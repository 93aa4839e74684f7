package aws

import (
	"regexp"
	"strings"
	"sync"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// EditPolicy settles what AWS's publications say differently.
type EditPolicy struct {
	// LockPartnerIDAfterApproval follows the documentation, which locks
	// PartnerOpportunityIdentifier once approved; the field table lets it change.
	LockPartnerIDAfterApproval bool
}

// Locked says whether AWS takes a change of the field at the given review status
// and stage, by AWS's field table; see EditPolicy.Locked.
func Locked(reviewStatus, stage, apiPath string) (locked bool, reason, until string) {
	return EditPolicy{}.Locked(reviewStatus, stage, apiPath)
}

// The ends of a lock, for people.
const (
	untilReviewed = "until AWS has reviewed it"
	untilApproved = "until AWS has approved it"
	untilNever    = "for good"
)

var listIndexRE = regexp.MustCompile(`\[\d*\]`)

// Locked says whether AWS takes a change of the field (a path of UpdateOpportunity
// such as "Customer.Account.WebsiteUrl"; list indexes do not matter; a whole
// structure is locked when all in it is). reason says why, and when it is not
// locked, who alone may change it, if so; until is "" unless locked.
func (p EditPolicy) Locked(reviewStatus, stage, apiPath string) (locked bool, reason, until string) {
	path := listIndexRE.ReplaceAllString(apiPath, "")
	rules := rulesUnder(path)
	if len(rules) > 0 && all(rules, func(r awsselling.FieldRule) bool { return r.Create == awsselling.EditableNever }) || path == "Identifier" {
		return true, "only AWS writes it", untilNever
	}
	switch reviewStatus {
	case "", ReviewPendingSubmission:
		return false, "", ""
	case ReviewSubmitted, ReviewInReview:
		return true, "AWS is reviewing the opportunity", untilReviewed
	case ReviewRejected:
		return true, "AWS rejected the opportunity", untilNever
	case ReviewActionRequired:
		if anyEditable(rules, func(r awsselling.FieldRule) awsselling.Editable { return r.ActionRequired }) == awsselling.EditableYes {
			return false, "", ""
		}
		return true, "while AWS asks for action, it takes changes of the address, website, close date, business problem and spend only", untilApproved
	}
	switch stage {
	case StageLaunched:
		switch anyEditable(rules, func(r awsselling.FieldRule) awsselling.Editable { return r.AfterLaunched }) {
		case awsselling.EditableYes:
			return false, "", ""
		case awsselling.EditableISV:
			return false, "after launch, only software (ISV) partners may change it", ""
		case awsselling.EditableProgram:
			return false, "after launch, only partners in special programs may change it", ""
		}
		return true, "the opportunity is launched", untilNever
	case StageClosedLost:
		return true, "the opportunity is lost", untilNever
	}
	if path == "PartnerOpportunityIdentifier" && p.LockPartnerIDAfterApproval {
		return true, "AWS approved the opportunity with this id", untilNever
	}
	if len(rules) == 0 || anyEditable(rules, func(r awsselling.FieldRule) awsselling.Editable { return r.UntilLaunched }) == awsselling.EditableYes {
		return false, "", ""
	}
	return true, "AWS approved the opportunity with this value", untilNever
}

var fieldRules = sync.OnceValue(awsselling.FieldRules)

// rulesUnder gives the rule of the field, or those of the fields inside it.
func rulesUnder(path string) []awsselling.FieldRule {
	var out []awsselling.FieldRule
	for _, r := range fieldRules() {
		if r.Path == path || strings.HasPrefix(r.Path, path+".") {
			out = append(out, r)
		}
	}
	return out
}

func all(rules []awsselling.FieldRule, is func(awsselling.FieldRule) bool) bool {
	for _, r := range rules {
		if !is(r) {
			return false
		}
	}
	return true
}

// anyEditable gives the most generous answer among the rules.
func anyEditable(rules []awsselling.FieldRule, of func(awsselling.FieldRule) awsselling.Editable) awsselling.Editable {
	best := awsselling.EditableNo
	for _, r := range rules {
		switch e := of(r); e {
		case awsselling.EditableYes:
			return e
		case awsselling.EditableISV, awsselling.EditableProgram:
			best = e
		}
	}
	return best
}

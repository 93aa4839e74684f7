package aws

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// decision is what a reviewer of AWS makes of a submission.
type decision struct {
	status   string
	reason   string
	comments string
}

// advanceReview takes the next step of AWS's validation at its due time:
// Submitted, In review after a quarter of the delay, then the decision.
func (x *tx) advanceReview(o *opportunity) {
	o.Review.Due = time.Time{}
	switch o.Review.Status {
	case statusSubmitted:
		o.Review.Status = statusInReview
		if x.s.opt.AutoReview {
			o.Review.Due = o.Review.Submitted.Add(x.s.opt.ReviewDelay)
		}
		x.touch(o)
		x.put(o)
		x.updated(o)
	case statusInReview:
		x.decide(o, x.judge(o))
	default:
		x.put(o)
	}
}

// decide writes a review's outcome into the opportunity.
func (x *tx) decide(o *opportunity, d decision) {
	o.Review.Status, o.Review.Reason, o.Review.Comments, o.Review.Due = d.status, d.reason, d.comments, time.Time{}
	x.touch(o)
	if d.status == statusApproved {
		x.engageAWS(o)
	}
	x.answerForAWS(o)
	x.put(o)
	x.updated(o)
}

// Limits of the automatic reviewer. They are ours, not AWS's.
const (
	minProblemChars = 50
	minProblemWords = 8  // different ones
	maxSameProblem  = 25 // customers for which one text may stand before it is boilerplate
)

var fillers = []string{
	"lorem ipsum", "to be determined", "tbd", "goes here", "test test", "asdf", "n/a", "see crm", "as discussed",
	"customer wants to move to the cloud", "customer needs our product",
}

// judge is the automatic reviewer. It gives the reasons that a person at AWS
// gives and the same answer for the same records.
func (x *tx) judge(o *opportunity) decision {
	problem := o.Doc.str("Project", "CustomerBusinessProblem")
	if why := x.boilerplate(o, problem); why != "" {
		return decision{statusRejected, "Insufficient Information", why + " Describe this customer's own problem and why your solution on AWS solves it."}
	}
	if other := x.duplicateOf(o); other != "" {
		return decision{statusRejected, "Duplicate", "This opportunity is already registered as " + other + " for the same customer and project."}
	}
	if domain := freeMailSite(o.Doc.str("Customer", "Account", "WebsiteUrl")); domain != "" {
		return decision{statusActionRequired, "Customer Website", "The website (" + domain + ") is a mail provider's, not the customer's. Give the customer's own website, so that AWS can find the account."}
	}
	if o.Doc.str("LifeCycle", "NextSteps") == "" && !strings.Contains(strings.ToLower(problem), "next step") {
		return decision{statusActionRequired, "Next Steps", "The next step is missing. Add it with its date and owner to Customer Business Problem (as \"Next step: …\"), which you can edit now."}
	}
	return decision{statusApproved, "", ""}
}

func (x *tx) boilerplate(o *opportunity, problem string) string {
	text := normal(problem)
	words := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		words[w] = true
	}
	if len([]rune(problem)) < minProblemChars || len(words) < minProblemWords {
		return "The Customer Business Problem is too short to be validated."
	}
	for _, f := range fillers {
		if strings.Contains(" "+text+" ", " "+normal(f)+" ") {
			return "The Customer Business Problem is boilerplate."
		}
	}
	customers := map[string]bool{}
	for _, other := range x.s.state.opportunities {
		if other.normProblem == text && other.ID != o.ID && other.Catalog == o.Catalog && other.Review.Status == statusApproved {
			customers[other.normCompany] = true
		}
	}
	if len(customers) >= maxSameProblem {
		return "The same Customer Business Problem was submitted for many other customers."
	}
	return ""
}

func (x *tx) duplicateOf(o *opportunity) string {
	name, title := normal(o.Doc.str("Customer", "Account", "CompanyName")), normal(o.Doc.str("Project", "Title"))
	var found []string
	for _, other := range x.s.state.opportunities {
		if other.normTitle == title && other.normCompany == name && other.ID != o.ID && other.Catalog == o.Catalog &&
			other.Review.Status == statusApproved && !other.closed() {
			found = append(found, other.ID)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

func freeMailSite(site string) string {
	if !strings.Contains(site, "://") {
		site = "https://" + site
	}
	u, err := url.Parse(site)
	if err != nil {
		return ""
	}
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	if slices.Contains(freeMail, host) {
		return host
	}
	return ""
}

// normal is a text in lower case with single blanks and no punctuation.
func normal(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return strings.ContainsRune(" \t\r\n.,;:!?'\"()[]-–—/", r)
	}), " ")
}

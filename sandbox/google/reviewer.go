package google

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
)

// decision is what Google's reviewer makes of a submission.
type decision struct {
	state       string
	description string
	owner       seller
	team        []seller
}

// seller is a person of Google's. All of them are invented.
type seller struct {
	Name   string `json:"name"`
	Email  string `json:"email"`
	Access string `json:"access"`
}

var sellers = []seller{
	{"Ada Okafor", "ada.okafor@google.example", "OWNER"},
	{"Bruno Lindqvist", "bruno.lindqvist@google.example", "OWNER"},
	{"Chiyo Tanabe", "chiyo.tanabe@google.example", "OWNER"},
	{"Diego Sarmiento", "diego.sarmiento@google.example", "OWNER"},
}

var partnerManagers = []seller{
	{"Elif Aydin", "elif.aydin@google.example", "EDIT"}, {"Farid Rahimi", "farid.rahimi@google.example", "EDIT"},
}

// advance takes the reviewer's next step at its due time: a decision, or the end of a
// deal that we said is over.
func (x *tx) advance(o *opportunity) {
	o.Due = time.Time{}
	switch o.Doc.str("state") {
	case googlecosell.StateSubmitted:
		x.decide(o, x.judge(o))
		return
	case googlecosell.StateAccepted:
		if ready := o.Doc.str(googlecosell.PathReady); ready != "" {
			o.Doc.set("stage", ready)
		}
	}
	x.put(o, googlecosell.EventUpdated)
}

// decide writes a review's outcome into the opportunity.
func (x *tx) decide(o *opportunity, d decision) {
	o.Due = time.Time{}
	o.Doc.set("state", d.state)
	o.Doc.set("stateDescription", nil)
	if d.description != "" {
		o.Doc.set("stateDescription", d.description)
	}
	o.Doc.set("customerDisplayName", o.Doc.str("customerInfo.customerDetails.organizationName"))
	if d.state == googlecosell.StateAccepted {
		o.Doc.set("stage", googlecosell.StageQualify)
		o.Doc.set("owner", d.owner.Name)
		o.Doc.set("ownerEmail", d.owner.Email)
		o.Doc.set("qualificationInfo.dealNumber", "DR-"+strconv.FormatInt(o.ID, 10))
		o.Doc.set("partnerInfo.approveTime", stamp(x.now))
		team := []any{}
		for _, m := range append([]seller{d.owner}, d.team...) {
			team = append(team, map[string]any{"name": m.Name, "email": m.Email, "accessLevel": m.Access})
		}
		o.Doc.set("opportunityTeamMembers", team)
	}
	x.put(o, googlecosell.EventUpdated)
}

// assigned gives the owner and the team that a deal gets by itself: the same for the
// same company.
func assigned(o *opportunity) (seller, []seller) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(o.Doc.str("customerInfo.customerDetails.domain"))) // never fails
	n := int(h.Sum32() % 1024)
	return sellers[n%len(sellers)], []seller{partnerManagers[n%len(partnerManagers)]}
}

var freeMail = []string{"gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "web.de", "gmx.de"}

// judge is the automatic reviewer. Its taste is ours, and the same for the same
// records.
func (x *tx) judge(o *opportunity) decision {
	domain := strings.TrimPrefix(strings.ToLower(o.Doc.str("customerInfo.customerDetails.domain")), "www.")
	switch {
	case slices.Contains(freeMail, domain) || !strings.Contains(domain, "."):
		return decision{state: googlecosell.StateNotAccepted, description: fmt.Sprintf("The domain %q is not the customer's: the account cannot be found.", domain)}
	case o.Doc.str("opportunityInfo.description") == "" && o.Doc.str("isvSolutionConnectInfo.notes") == "":
		return decision{state: googlecosell.StateNotAccepted, description: "Describe what the customer wants: without it nobody at Google can work the deal."}
	}
	if other := x.duplicateOf(o, domain); other != "" {
		return decision{state: googlecosell.StateNotAccepted, description: "Duplicate of " + other + " for the same customer and title."}
	}
	owner, team := assigned(o)
	return decision{state: googlecosell.StateAccepted, owner: owner, team: team}
}

func (x *tx) duplicateOf(o *opportunity, domain string) string {
	var found []string
	for _, other := range x.s.state.opportunities {
		if other.ID != o.ID && other.Doc.str("state") == googlecosell.StateAccepted && !closed(other.Doc.str("stage")) &&
			strings.EqualFold(other.Doc.str("customerInfo.customerDetails.domain"), domain) &&
			strings.EqualFold(other.Doc.str("opportunityInfo.displayName"), o.Doc.str("opportunityInfo.displayName")) {
			found = append(found, other.name())
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

package aws

import (
	"context"
	"strings"

	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

// Assign makes one of our people the opportunity's assignee (AssignOpportunity).
// The call sets a value, so that it is safe to repeat.
func (p *Portal) Assign(ctx context.Context, remoteID string, to opportunity.Member) error {
	return p.client.AssignOpportunity(ctx, remoteID, assignee(to))
}

// CheckAssignee says what AWS would refuse of an assignee: e-mail, first and last
// name and business title are required (Selling API: AssigneeContact).
func (p *Portal) CheckAssignee(to opportunity.Member) string {
	c := assignee(to)
	var lacks []string
	for _, x := range []struct{ what, value string }{{"a valid e-mail address", c.Email}, {"a first name", c.FirstName}, {"a last name", c.LastName}} {
		if x.value == "" {
			lacks = append(lacks, x.what)
		}
	}
	switch {
	case to.Deleted:
		return to.Name + " is not active any more"
	case len(lacks) > 0:
		return "AWS needs " + strings.Join(lacks, " and ") + " of " + to.Name
	}
	return ""
}

// assignee writes a person as AWS takes one. AWS wants a business title; who has
// none is called a seller.
func assignee(to opportunity.Member) Contact {
	first, last := splitName(strings.TrimSpace(to.Name))
	email, _ := Email(to.Email)
	title := to.Title
	if title == "" {
		title = "Seller"
	}
	return Contact{Email: email, FirstName: clip(first, 80), LastName: clip(last, 80), BusinessTitle: clip(title, 80)}
}

// StageField is where AWS keeps the stage.
func (p *Portal) StageField() string { return stagePath }

// Stages lists AWS's stages in their order.
func (p *Portal) Stages() []string {
	return []string{StageProspect, StageQualified, StageTechnicalValidation, StageBusinessValidation, StageCommitted, StageLaunched, StageClosedLost}
}

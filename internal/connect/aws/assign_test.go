package aws

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

var (
	_ registration.Assigner = (*Portal)(nil)
	_ registration.Stager   = (*Portal)(nil)
)

func TestAnAssigneeNeedsWhatAWSRequires(t *testing.T) {
	t.Parallel()
	p := NewPortal(nil, Profile{}, nil)
	whole := opportunity.Member{Name: "Ana María Ruiz", Email: "Ana@Example.com", Title: "ABDM"}
	if why := p.CheckAssignee(whole); why != "" {
		t.Error(why)
	}
	if c := assignee(whole); c.FirstName != "Ana María" || c.LastName != "Ruiz" || c.Email != "ana@example.com" || c.BusinessTitle != "ABDM" {
		t.Errorf("%+v", c)
	}
	if c := assignee(opportunity.Member{Name: "A B"}); c.BusinessTitle != "Seller" {
		t.Errorf("%+v", c)
	}
	for _, c := range []struct {
		m    opportunity.Member
		want string
	}{
		{opportunity.Member{Name: "Ana Ruiz"}, "e-mail"},
		{opportunity.Member{Name: "Ana", Email: "a@example.com"}, "first name"},
		{opportunity.Member{Name: "Ana Ruiz", Email: "a@example.com", Deleted: true}, "not active"},
	} {
		if why := p.CheckAssignee(c.m); !strings.Contains(why, c.want) {
			t.Errorf("%+v: %q", c.m, why)
		}
	}
}

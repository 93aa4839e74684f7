package web

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

func TestADealThatIsGoneSaysWhatToDo(t *testing.T) {
	t.Parallel()
	deal := opportunity.Opportunity{Deleted: true}
	if got := goneNotice(&opportunity.Opportunity{}, nil); got.Title != "" {
		t.Errorf("a deal that is there: %+v", got)
	}
	if got := goneNotice(&deal, nil).Text; !strings.Contains(got, "recycle bin within 15 days") || strings.Contains(got, "Closed Lost") {
		t.Error(got)
	}
	deal.Purged = true
	if got := goneNotice(&deal, nil).Text; !strings.Contains(got, "has it no more") {
		t.Error(got)
	}
}

package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/registration/portaltest"
	sandbox "github.com/tandem-cosell/tandem/sandbox/aws"
)

func TestPartnerCentralIsAPortal(t *testing.T) {
	t.Parallel()
	portaltest.Run(t, func(t *testing.T) portaltest.World {
		p := openPortal(t, sandbox.Options{})
		return portaltest.World{
			Portal: NewPortal(p.Client, Profile{}, nil), Solution: "S-0050001",
			Calls:  func() int { u := p.Client.Usage(); return u.Reads + u.Writes },
			Change: registration.Values{"LifeCycle.NextSteps": `"Sign next week"`, stagePath: `"Business Validation"`},
			Accept: func(_ *testing.T, id string) {
				p.control("review", fmt.Sprintf(`{"opportunity":%q,"decision":"Approved"}`, id))
			},
			Edit: func(_ *testing.T, id string) {
				p.control("edit", fmt.Sprintf(`{"opportunity":%q,"set":{"LifeCycle.NextSteps":"Edited at AWS"}}`, id))
			},
			LoseReply: func(t *testing.T) {
				if err := p.faults.FailNext("CreateOpportunity", 1, "lost_reply"); err != nil {
					t.Fatal(err)
				}
			},
			Pass: func(_ *testing.T, d time.Duration) { p.clock.Advance(d) },
		}
	})
}

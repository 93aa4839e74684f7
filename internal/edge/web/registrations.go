package web

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func (w *Web) routesRegistrations() { w.get("/registrations", w.registrations) }

// coveragePart is how the joint deals stand at one cloud.
type coveragePart struct {
	Cloud     cloud.Cloud
	Connected bool
	Joint     int64
	Meter     ui.Meter
	Cards     []ui.StatCard
	ListHref  string
	BoardHref string
}

type coveragePage struct {
	Page   ui.Page
	Clouds []coveragePart
}

// stateMeans says in a few words what a state asks for.
func stateMeans(s registration.State) string {
	switch s {
	case registration.StateBlocked:
		return "Fields to mend in Salesforce"
	case registration.StateOffRoute:
		return "Goes by another route, or its route is to be decided"
	case registration.StateActionRequired:
		return "The partner asks for a change"
	case registration.StateFailed:
		return "A call was refused: mend and retry"
	case registration.StateRejected:
		return "The partner refused the deal"
	case registration.StateApproved:
		return "The partner took the deal"
	case registration.StateSubmitted, registration.StateInReview:
		return "The partner decides"
	case registration.StateLaunched:
		return "Won, and said so in the portal"
	case registration.StateClosedLost:
		return "Lost, and said so in the portal"
	case registration.StateElsewhere:
		return "Another tool has it: Tandem registers nothing twice"
	case registration.StateWithdrawn:
		return "Not joint any more, or closed before"
	}
	return "Tandem is at work on it"
}

func (w *Web) registrations(rw http.ResponseWriter, r *http.Request) {
	sum, err := w.app.Workspace.Summary(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	var p coveragePage
	for i := range sum.Clouds {
		p.Clouds = append(p.Clouds, w.coverage(&sum.Clouds[i]))
	}
	p.Page = w.page(r, ui.Page{
		Title: "Registrations", Nav: ui.AreaRegistrations, Lead: ui.Text("How far the joint opportunities are in the partners' portals"),
		Actions: []ui.Button{{Label: "Board", Icon: ui.IconBoard, Href: boardPath}},
	})
	w.render(rw, r, http.StatusOK, registrationsPage(p))
}

func (w *Web) coverage(c *workspace.Coverage) coveragePart {
	_, ok := w.app.Registrations.Portal(c.Cloud)
	joint := url.Values{"cloud": {string(c.Cloud)}}
	p := coveragePart{Cloud: c.Cloud, Connected: ok, Joint: c.Joint, ListHref: address(listPath, joint), BoardHref: address(boardPath, joint)}
	// Coverage is no budget that runs out: a full bar is good news.
	p.Meter = ui.Meter{Label: "In " + c.Cloud.Portal(), Used: c.Register, Limit: max(c.Joint, c.Register), Unit: "joint opportunities", WarnAt: 2, DangerAt: 3}
	for _, s := range registration.States() {
		n := c.ByState[s]
		if n == 0 {
			continue
		}
		card := ui.StatCard{
			Label: s.Label(), Value: ui.Figure(n), Note: stateMeans(s), Tone: stateTone(s),
			Href: address(listPath, url.Values{"cloud": {string(c.Cloud)}, "state": {string(s)}}),
		}
		if c.Joint > 0 && s == registration.StateApproved {
			card.Note = fmt.Sprintf("%d%% of the joint ones", 100*n/c.Joint)
		}
		p.Cards = append(p.Cards, card)
	}
	return p
}

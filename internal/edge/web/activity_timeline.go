package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// timelineShown is how many activities a timeline shows at once.
const timelineShown = 40

// timelinePart is the timeline of a deal's or an account's page, with the way to add to
// it.
type timelinePart struct {
	Timeline ui.Timeline
	Record   ui.Button
	Failed   bool // Salesforce refused one of those shown
}

const whyNotLog = "Your role reads only: ask somebody of the alliance team to record it"

// timelineOf gives the timeline of a deal or an account as the address asks for it: kind
// narrows it, before goes back in time. path is the page's own address.
func (w *Web) timelineOf(r *http.Request, q activity.Query, path string) (timelinePart, error) {
	v, _ := readQuery(r)
	chosen := activity.Filter(v.Get("kind"))
	if r.Method == http.MethodGet && slices.Contains(activity.Filters(), chosen) {
		q.Filters = []activity.Filter{chosen}
	} else {
		chosen = ""
	}
	counts, err := w.app.Activities.Counts(r.Context(), q)
	if err != nil {
		return timelinePart{}, err
	}
	q.After, q.Limit = v.Get("before"), timelineShown
	page, err := w.app.Activities.Timeline(r.Context(), q)
	if err != nil && q.After != "" { // a cursor of long ago: from the newest
		q.After = ""
		page, err = w.app.Activities.Timeline(r.Context(), q)
	}
	if err != nil {
		return timelinePart{}, err
	}
	p := timelinePart{Record: ui.Button{Label: "Record activity", Icon: ui.IconPlus, Small: true, Key: "a", Href: path + "/activities/new", Blocked: whyBlocked(r, authz.ActionLog, whyNotLog)}}
	t := &p.Timeline
	t.Empty = ui.EmptyState{Icon: ui.IconClock, Title: "Nothing happened yet", Text: "What Tandem, the partner and people do stands here: meetings and calls that you record go to Salesforce, and those made there come in."}
	at := func(kind activity.Filter, before string) string {
		v := url.Values{}
		if kind != "" {
			v.Set("kind", string(kind))
		}
		if before != "" {
			v.Set("before", before)
		}
		return address(path, v) + "#timeline"
	}
	if len(counts) > 1 || chosen != "" {
		t.Filters = append(t.Filters, ui.Tab{Label: "All", Href: at("", ""), Active: chosen == "", Count: -1})
		for _, f := range activity.Filters() {
			if n := counts[f]; n > 0 || f == chosen {
				t.Filters = append(t.Filters, ui.Tab{Label: f.Label(), Href: at(f, ""), Active: f == chosen, Count: int(n)})
			}
		}
	}
	for i := range page.Rows {
		l := &page.Rows[i]
		p.Failed = p.Failed || l.CRMState == activity.CRMStateFailed
		t.Events = append(t.Events, w.activityEvent(l, q.AccountID != ""))
	}
	if page.Next != "" {
		t.MoreHref = at(chosen, page.Next)
	}
	return p, nil
}

// activityEvent shows one activity on a timeline; named says that the timeline holds
// those of several deals.
func (w *Web) activityEvent(l *activity.Line, named bool) ui.Event {
	a := &l.Activity
	e := ui.Event{Kind: ui.ActorIntegration, Actor: a.ActorName, What: strings.TrimPrefix(a.Subject, ui.CloudName(string(a.Cloud))+": "), At: a.HappenedAt, Cloud: string(a.Cloud), Tone: eventTone(string(a.Kind))}
	switch a.ActorKind {
	case authz.KindPerson:
		e.Kind = ui.ActorPerson
	case authz.KindPortal:
		e.Kind = ui.ActorPortal
	}
	if named && l.Deal != "" {
		e.Place, e.PlaceHref = l.Deal, dealPath(a.OpportunityID, "")
	}
	if a.Origin != activity.OriginEngine {
		e.What, e.Href, e.AllDay = a.Kind.Label()+": "+a.Subject, activityPath(a.ID, ""), a.StartsAt.IsZero()
		e.Mark = w.activityMark(a)
	}
	e.DetailLabel = activityInCRM(a)
	if a.CRMState == activity.CRMStateFailed || a.CRMState == activity.CRMStateConflict {
		e.Tone = ui.ToneDanger
	}
	e.Detail = activityDetail(a)
	return e
}

// activityMark tells where an activity was made, or that it does not stand as planned.
func (w *Web) activityMark(a *activity.Activity) ui.Badge {
	switch {
	case a.Cancelled():
		return ui.Badge{Tone: ui.ToneWarn, Text: "Cancelled"}
	case a.CRMState == activity.CRMStateConflict:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Changed on both sides"}
	case !a.Done:
		return ui.Badge{Tone: ui.ToneInfo, Icon: ui.IconClock, Text: originWords(a) + " · to do"}
	case a.HappenedAt.After(w.app.Clock.Now()):
		return ui.Badge{Tone: ui.ToneInfo, Icon: ui.IconClock, Text: originWords(a) + " · planned"}
	case a.Origin == activity.OriginCRM:
		return ui.Badge{Icon: ui.IconCloud, Text: originWords(a)}
	}
	return ui.Badge{Icon: ui.IconEdit, Text: originWords(a)}
}

func originWords(a *activity.Activity) string {
	switch a.Origin {
	case activity.OriginCRM:
		return "From Salesforce"
	case activity.OriginPerson:
		return "Recorded here"
	}
	return "By Tandem"
}

// activityInCRM says how an activity stands in Salesforce.
func activityInCRM(a *activity.Activity) string {
	switch {
	case !a.GoneAt.IsZero():
		return "Deleted in Salesforce"
	case a.CRMState == activity.CRMStateLogged:
		return "In Salesforce"
	case a.CRMState == activity.CRMStatePending:
		return "On its way to Salesforce"
	case a.CRMState == activity.CRMStateFailed:
		return "Salesforce refused it"
	case a.CRMState == activity.CRMStateConflict:
		return "Somebody has to decide"
	}
	return "Not for Salesforce"
}

func activityPath(activityID, part string) string {
	return "/activities/" + url.PathEscape(activityID) + part
}

// whenCell shows when an activity is.
func whenCell(f activity.Face) templ.Component {
	switch {
	case !f.StartsAt.IsZero():
		return fromTo(f.StartsAt, f.EndsAt)
	case f.Minutes > 0:
		return dayAndMore(f.On, fmt.Sprintf("%d minutes", f.Minutes))
	}
	return dayOf(f.On)
}

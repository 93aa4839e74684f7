package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesOpportunity() {
	w.get(listPath+"/{id}", w.opportunityPage)
	w.get(listPath+"/{id}/check", w.opportunityCheck)
	w.post(listPath+"/{id}/register", w.opportunityRegister)
	w.post(listPath+"/{id}/joint", w.opportunityJoint)
	w.post(listPath+"/{id}/solutions", w.opportunitySolutions)
	w.post(listPath+"/{id}/claim", w.opportunityClaim)
	w.post(listPath+"/{id}/activities/retry", w.opportunityActivities)
	w.get("/accounts/{id}", w.accountPage)
}

// refusedForm is a form that was refused: the page shows it again, with what was
// entered and why it was refused.
type refusedForm struct {
	Form    string // "joint", "solutions" or "register"
	Cloud   cloud.Cloud
	Fields  []problem.Field
	Message string // of a refusal without fields
	Joint   string
	Reason  string
	Chosen  []string
}

func (f *refusedForm) of(form string, c cloud.Cloud) *refusedForm {
	if f == nil || f.Form != form || f.Cloud != c {
		return &refusedForm{}
	}
	return f
}

// named gives the wrong fields under the names that they have in one of several
// forms of the page.
func (f *refusedForm) named(suffix string) []problem.Field {
	out := slices.Clone(f.Fields)
	for i := range out {
		out[i].Field += suffix
	}
	return out
}

// dealPage is what the page of one opportunity shows.
type dealPage struct {
	Off      ui.Notice // flows that are off
	Page     ui.Page
	Deal     opportunity.Opportunity
	Header   ui.RecordHeader
	Refused  ui.Notice
	Gone     ui.Notice // it was deleted in Salesforce
	Clouds   []cloudPart
	Others   []cloud.Cloud // clouds with nothing to show: a person may mark it joint
	OtherRef *refusedForm
	Routes   []route.Conflict
	Tags     []tagging.Finding
	MayTag   string // why not, "" if they may
	Timeline timelinePart
	Intros   introPart
	Retry    ui.Button
	Facts    []ui.Fact
	Team     []ui.Fact
	Contacts []ui.Fact
	MayMark  string // why not, "" if they may
}

func (w *Web) opportunityPage(rw http.ResponseWriter, r *http.Request) {
	w.showDeal(rw, r, http.StatusOK, r.PathValue("id"), nil)
}

func (w *Web) showDeal(rw http.ResponseWriter, r *http.Request, status int, opportunityID string, refused *refusedForm) {
	p, err := w.readDeal(r, opportunityID, refused)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if refused != nil {
		p.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: refused.Message}
		if refused.Message == "" {
			p.Refused.Text = "Mend what is marked below and send it again."
		}
	}
	if p.Off, err = w.offNotice(r); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, status, opportunityView(p))
}

func (w *Web) readDeal(r *http.Request, opportunityID string, refused *refusedForm) (dealPage, error) {
	ctx := r.Context()
	deal, _, err := w.app.Opportunities.Get(ctx, opportunityID)
	if err != nil {
		return dealPage{}, err
	}
	members, contacts, err := w.app.Opportunities.Team(ctx, &deal)
	if err != nil {
		return dealPage{}, err
	}
	views, err := w.app.Registrations.Views(ctx, deal.ID)
	if err != nil {
		return dealPage{}, err
	}
	happened, err := w.timelineOf(r, activity.Query{OpportunityID: deal.ID}, dealPath(deal.ID, ""))
	if err != nil {
		return dealPage{}, err
	}
	intros, err := w.introPart(r, deal.ID)
	if err != nil {
		return dealPage{}, err
	}
	p := dealPage{Deal: deal, Intros: intros, OtherRef: refused, MayMark: whyBlocked(r, authz.ActionMarkJoint, whyNotMark)}
	for _, c := range cloud.All() {
		i := -1
		for k := range views {
			if views[k].Cloud == c {
				i = k
			}
		}
		if i < 0 {
			p.Others = append(p.Others, c)
			continue
		}
		p.Clouds = append(p.Clouds, w.cloudPart(r, &deal, &views[i], refused))
	}
	if p.Routes, err = w.app.Routes.Of(ctx, deal.ID); err != nil {
		return dealPage{}, err
	}
	if p.Tags, err = w.app.Tagging.Of(ctx, deal.ID); err != nil {
		return dealPage{}, err
	}
	p.MayTag = whyBlocked(r, authz.ActionUpdate, "Your role reads only: ask somebody of the alliance team")
	p.Header = w.dealHeader(r, &deal, views)
	p.Gone = goneNotice(&deal, views)
	p.Timeline = happened
	p.Retry = ui.Button{Label: "Write to Salesforce again", Icon: ui.IconRefresh, Small: true, Blocked: whyBlocked(r, authz.ActionRegister, whyNotRegister)}
	p.facts(&deal)
	p.people(members, contacts)
	p.Page = w.page(r, ui.Page{Title: deal.Name, HideTitle: true, Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}})
	return p, nil
}

func (w *Web) dealHeader(r *http.Request, deal *opportunity.Opportunity, views []registration.View) ui.RecordHeader {
	h := ui.RecordHeader{Kind: "Opportunity", Title: deal.Name, State: ui.Badge{Icon: ui.IconDeal, Text: deal.Stage}}
	switch {
	case deal.Deleted:
		h.State = ui.Badge{Tone: ui.ToneDanger, Text: "Deleted in Salesforce"}
	case deal.Won:
		h.State.Tone = ui.ToneSuccess
	}
	for i := range views {
		if b, ok := viewBadge(&views[i]); ok {
			h.Marks = append(h.Marks, b)
		}
	}
	h.Next = w.nextAction(r, deal, views)
	closes := closeCell(deal.CloseOn, daysLate(deal.Closed, deal.CloseOn, w.dayNow()))
	h.Facts = []ui.Fact{
		{Label: "Account", Value: accountCell(deal.AccountID, deal.AccountName)},
		{Label: "Amount", Value: amountOf(deal.Amount(), false)},
		{Label: "Closes", Value: closes},
		{Label: "Owner", Value: ui.PersonName(deal.OwnerName)},
		{Label: "Salesforce id", Value: ui.Copy{Text: deal.CRMID, What: "the Salesforce id"}},
	}
	if href := w.crmLink(deal.CRMID); href != "" {
		h.Actions = append(h.Actions, ui.Button{Label: "Open in Salesforce", Icon: ui.IconExternal, Href: href})
	}
	return h
}

// goneNotice says of a deal that was deleted in Salesforce what that means and what to
// do; none of one that is there.
func goneNotice(deal *opportunity.Opportunity, views []registration.View) ui.Notice {
	if !deal.Deleted {
		return ui.Notice{}
	}
	text, stays := "Nothing more is written to Salesforce. ", false
	for i := range views {
		if reg := views[i].Registration; reg != nil && reg.RemoteID != "" {
			text += fmt.Sprintf("The registration in %s (%s) is kept. ", views[i].Cloud.Portal(), reg.RemoteID)
			stays = true
		}
	}
	if deal.Purged {
		text += "Salesforce has it no more, not even in its recycle bin, or Tandem's user may not see it any more: if the user should see it, have the administrator share it."
	} else {
		text += "If the deal goes on, restore it from Salesforce's recycle bin within 15 days: its registration and all that waits to be written go on by themselves."
	}
	if stays {
		text += " If it is off, set its stage to Closed Lost below, which closes it at the partner, too."
	}
	return ui.Notice{Tone: ui.ToneWarn, Title: "This opportunity was deleted in Salesforce", Text: text}
}

// viewBadge marks how the deal stands at a cloud; none where it is not joint and
// was never registered.
func viewBadge(v *registration.View) (ui.Badge, bool) {
	switch {
	case v.Registration != nil:
		return stateBadge(v.Cloud, v.Registration.State, v.Registration.Blocking), true
	case v.Joint != nil && v.Joint.Joint:
		return stateBadge(v.Cloud, "", 0), true
	}
	return ui.Badge{}, false
}

// nextAction picks the most urgent of what the clouds ask for.
func (w *Web) nextAction(r *http.Request, deal *opportunity.Opportunity, views []registration.View) ui.NextAction {
	var best ui.NextAction
	if deal.Deleted {
		return best // the notice says all there is to do
	}
	weight := 0
	for i := range views {
		if n, x := w.nextAt(r, deal, &views[i]); x > weight {
			best, weight = n, x
		}
	}
	return best
}

// nextAt says what one cloud asks for, and how urgent that is.
func (w *Web) nextAt(r *http.Request, deal *opportunity.Opportunity, v *registration.View) (ui.NextAction, int) {
	at, reg := "#"+string(v.Cloud), v.Registration
	name := ui.CloudName(string(v.Cloud))
	send := func(label string) *ui.Button {
		return &ui.Button{Label: label, Variant: ui.VariantPrimary, Attrs: templ.Attributes{"form": registerFormID(v.Cloud)}, Blocked: whyBlocked(r, authz.ActionRegister, whyNotRegister)}
	}
	if !v.Connected {
		if v.Joint == nil || !v.Joint.Joint || deal.Closed {
			return ui.NextAction{}, 0
		}
		n := ui.NextAction{Tone: ui.ToneInfo, Text: "Connect " + v.Cloud.Portal() + " to register it there"}
		if may(r, authz.ActionReadOperations) {
			n.Act = &ui.Button{Label: "Go to Connections", Href: "/connections"}
		}
		return n, 1
	}
	if reg == nil {
		if v.Joint == nil || !v.Joint.Joint || deal.Closed {
			return ui.NextAction{}, 0
		}
		if n := v.Findings.Errors(); n > 0 {
			return mendAction(v, name), 50
		}
		return ui.NextAction{Tone: ui.ToneInfo, Text: "Register it with " + name, Why: "All checks hold.", Act: send("Register now")}, 40
	}
	switch reg.State {
	case registration.StateActionRequired:
		n := ui.NextAction{Tone: ui.ToneDanger, Text: name + " asks for a change", Why: reg.ReviewComment, Act: &ui.Button{Label: "See what it asks", Variant: ui.VariantPrimary, Href: at}}
		return n, 100
	case registration.StateElsewhere:
		return ui.NextAction{Tone: ui.ToneWarn, Text: "Another tool has registered it, or is about to", Why: reg.Reason, Act: &ui.Button{Label: "See what it says", Variant: ui.VariantPrimary, Href: at + "-claims"}}, 75
	case registration.StateFailed:
		return ui.NextAction{Tone: ui.ToneDanger, Text: v.Cloud.Portal() + " refused a call: mend it and try again", Why: reg.Error, Act: send("Retry")}, 90
	case registration.StateBlocked:
		if len(v.Findings) > 0 && v.Findings.Errors() == 0 {
			return ui.NextAction{Tone: ui.ToneInfo, Text: "Register it with " + name, Why: "It was blocked; all checks hold now.", Act: send("Register now")}, 60
		}
		return mendAction(v, name), 70
	case registration.StateOffRoute:
		n := ui.NextAction{Tone: ui.ToneWarn, Text: "Settle its route: it is not sent to " + name, Why: reg.Reason, Act: &ui.Button{Label: "See the route conflict", Variant: ui.VariantPrimary, Href: routePath(reg.StoppedBy)}}
		return n, 65
	case registration.StateRejected:
		return ui.NextAction{Tone: ui.ToneDanger, Text: name + " rejected it: tell its owner", Why: reg.ReviewComment, Act: &ui.Button{Label: "Read why", Href: at}}, 30
	}
	switch {
	case reg.Conflicts > 0:
		return ui.NextAction{
			Tone: ui.ToneWarn, Text: "Settle " + plural(reg.Conflicts, "field", "fields") + " that changed in Salesforce and at " + name,
			Act: &ui.Button{Label: "Settle " + plural(reg.Conflicts, "conflict", "conflicts"), Variant: ui.VariantPrimary, Href: at + "-conflicts"},
		}, 85
	case reg.Refused > 0:
		return ui.NextAction{
			Tone: ui.ToneDanger, Text: v.Cloud.Portal() + " takes " + plural(reg.Refused, "field", "fields") + " not as they are",
			Act: &ui.Button{Label: "Mend and send again", Variant: ui.VariantPrimary, Href: at + "-refused"},
		}, 82
	case reg.CRMError != "":
		return ui.NextAction{Tone: ui.ToneDanger, Text: "Salesforce refused the registration record", Why: reg.CRMError, Act: send("Retry")}, 80
	case reg.State == registration.StateSubmitted || reg.State == registration.StateInReview:
		return ui.NextAction{Tone: ui.ToneInfo, Text: "Wait for " + name + " to decide", Why: "Tandem asks again by itself and tells you here."}, 10
	case !reg.State.InPortal() && reg.State != registration.StateWithdrawn:
		return ui.NextAction{Tone: ui.ToneInfo, Text: "Nothing: Tandem is at work on it", Why: "It is being sent to " + v.Cloud.Portal() + "."}, 5
	}
	return ui.NextAction{}, 0
}

// mendAction asks to mend what blocks; a missing solution is chosen here.
func mendAction(v *registration.View, name string) ui.NextAction {
	n := int64(v.Findings.Errors())
	why := blockingLabels(v.Findings)
	if n == 0 && v.Registration != nil {
		n, why = v.Registration.Blocking, blockingLabels(v.Registration.Findings)
	}
	if len(v.Chosen) == 0 && n == 1 && len(v.Solutions) > 0 {
		return ui.NextAction{Tone: ui.ToneWarn, Text: "Choose a solution for " + name, Why: why, Act: &ui.Button{Label: "Choose a solution", Variant: ui.VariantPrimary, Href: "#" + string(v.Cloud) + "-solutions"}}
	}
	return ui.NextAction{
		Tone: ui.ToneWarn, Text: "Mend " + plural(n, "field", "fields") + " before it can be registered with " + name, Why: why,
		Act: &ui.Button{Label: "Mend " + plural(n, "field", "fields"), Variant: ui.VariantPrimary, Href: "#" + string(v.Cloud) + "-findings"},
	}
}

func eventTone(kind string) ui.Tone {
	switch kind {
	case "approved", "registered", "launched", "approval_given":
		return ui.ToneSuccess
	case "action_required", "rejected", "failed", "approval_refused", "approval_superseded":
		return ui.ToneDanger
	}
	return ui.ToneNeutral
}

func (p *dealPage) facts(o *opportunity.Opportunity) {
	add := func(label, value string) {
		if value != "" {
			p.Facts = append(p.Facts, ui.Fact{Label: label, Value: ui.Text(value)})
		}
	}
	add("Order type", o.OrderType)
	add("Type", o.Type)
	if arr := o.ARRNet(); !arr.IsNone() {
		p.Facts = append(p.Facts, ui.Fact{Label: "Net ARR", Value: amountOf(arr, false)})
	}
	add("Deal path", o.DealPath)
	add("SQL source", o.SQLSource)
	add("Lead source", o.LeadSource)
	add("Resale partner", o.FulfillmentPartner)
	add("Influence partner", o.InfluencePartner)
	add("Deal registration partner", o.DRPartner)
	add("Distributor", o.Distributor)
	add("Segment", o.Segment)
	add("Geo and region", joined(" · ", o.Geo, o.Region, o.Area))
	if !o.StartOn.IsZero() {
		p.Facts = append(p.Facts, ui.Fact{Label: "Starts", Value: dayOf(o.StartOn)})
	}
	if !o.EndOn.IsZero() {
		p.Facts = append(p.Facts, ui.Fact{Label: "Ends", Value: dayOf(o.EndOn)})
	}
	if o.PushCount > 0 {
		add("Pushed", plural(o.PushCount, "time", "times"))
	}
	add("Forecast category", o.ForecastCategory)
	add("Competitors", o.Competitors)
	add("Lost because", o.LostReason)
	add("Next steps", o.NextSteps)
	add("Description", o.Description)
	p.Facts = append(p.Facts, ui.Fact{Label: "Changed in Salesforce", Value: ui.Time{At: o.CRMModstamp, Style: ui.TimeAgo}})
}

func (p *dealPage) people(members []opportunity.Member, contacts []opportunity.Contact) {
	for _, m := range members {
		p.Team = append(p.Team, ui.Fact{Label: fallback(m.Role, "Team"), Value: nameCell(m.Name, m.Title, m.Email, m.Phone)})
	}
	for _, c := range contacts {
		role := fallback(c.Role, "Contact")
		if c.Primary {
			role += " (primary)"
		}
		p.Contacts = append(p.Contacts, ui.Fact{Label: role, Value: nameCell(joined(" ", c.FirstName, c.LastName), c.Title, c.Email, c.Phone)})
	}
}

// opportunityActivities has what Salesforce refused written again.
func (w *Web) opportunityActivities(rw http.ResponseWriter, r *http.Request) {
	if _, _, err := w.app.Opportunities.Get(r.Context(), r.PathValue("id")); err != nil {
		w.fail(rw, r, err)
		return
	}
	if err := w.app.Activities.Retry(r.Context(), r.PathValue("id")); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, dealPath(r.PathValue("id"), "timeline"), "Tandem writes them to Salesforce again", "")
}

func dealPath(opportunityID, part string) string {
	if part != "" {
		part = "#" + part
	}
	return listPath + "/" + opportunityID + part
}

// jointStamp marks the decision that a person saw, so that a form cannot
// overrule one that came later unseen.
func jointStamp(j *opportunity.Joint) string {
	if j == nil {
		return "none"
	}
	return fmt.Sprintf("%t-%s-%d", j.Joint, j.Source, j.DecidedAt.UnixMilli())
}

func (w *Web) jointAt(ctx context.Context, opportunityID string, c cloud.Cloud) (*opportunity.Joint, error) {
	_, joint, err := w.app.Opportunities.Get(ctx, opportunityID)
	if err != nil {
		return nil, err
	}
	for i := range joint {
		if joint[i].Cloud == c {
			return &joint[i], nil
		}
	}
	return nil, nil //nolint:nilnil // nobody decided
}

// blockingLabels names the fields that block.
func blockingLabels(list registration.Findings) string {
	var out []string
	for _, f := range list {
		if f.Severity == registration.SeverityError && !slices.Contains(out, f.Label) {
			out = append(out, f.Label)
		}
	}
	return strings.Join(out, ", ")
}

package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// activityForm is the form for one activity, as it was opened or as it was refused.
type activityForm struct {
	Page    ui.Page
	Refused ui.Notice
	Fields  []problem.Field
	Action  string
	Back    string
	Do      string

	Kind     activity.Kind
	ID       string // of a new one, so that sending the form twice records once
	Version  int64  // of one that is changed
	Subject  string
	On       string
	From     string
	Minutes  string
	Zone     string
	ZoneHint string
	Location string
	Notes    string
	Owner    string
	Owners   []ui.Option
	NoOwner  string
	Who      []string // values of those ticked
	Groups   []attendeeGroup
	Others   string
}

// attendeeGroup is some people to choose from.
type attendeeGroup struct {
	Label   string
	Options []ui.Option
}

func (f *activityForm) fault(name string) string { return ui.FieldError(f.Fields, name) }

// What asks for the kind in words.
func (f *activityForm) What() string { return "The " + strings.ToLower(f.Kind.Label()) }

// attendeeValue is a person as a checkbox sends them.
func attendeeValue(x activity.Attendee) string {
	return url.Values{"n": {x.Name}, "e": {x.Email}, "c": {x.Company}, "s": {string(x.Side)}}.Encode()
}

func attendeeOf(value string) (activity.Attendee, bool) {
	v, err := url.ParseQuery(value)
	return activity.Attendee{Name: v.Get("n"), Email: v.Get("e"), Company: v.Get("c"), Side: activity.Side(v.Get("s"))}, err == nil && len(v) > 0
}

// attendeesIn reads the lines of the text field: what holds an @ is the address, what
// stands before it the name, what is left the company.
func attendeesIn(text string) []activity.Attendee {
	var out []activity.Attendee
	for line := range strings.Lines(text) {
		x := activity.Attendee{Side: activity.SidePartner}
		var rest []string
		for part := range strings.SplitSeq(line, ",") {
			switch part = strings.TrimSpace(part); {
			case part == "":
			case strings.Contains(part, "@") && x.Email == "":
				x.Email = strings.Trim(part, "<>")
			default:
				rest = append(rest, part)
			}
		}
		if len(rest) > 0 {
			x.Name, x.Company = rest[0], strings.Join(rest[1:], ", ")
		}
		if x.Name+x.Email != "" {
			out = append(out, x)
		}
	}
	return out
}

// known gives the people around a deal: our team, the partner's sellers, the customer's
// contacts. An account has none.
func (w *Web) known(r *http.Request, opportunityID string) (people []activity.Attendee, team []opportunity.Member, err error) {
	if opportunityID == "" {
		return nil, nil, nil
	}
	deal, _, err := w.app.Opportunities.Get(r.Context(), opportunityID)
	if err != nil {
		return nil, nil, err
	}
	members, contacts, err := w.app.Opportunities.Team(r.Context(), &deal)
	if err != nil {
		return nil, nil, err
	}
	views, err := w.app.Registrations.Views(r.Context(), deal.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		people = append(people, activity.Attendee{Name: m.Name, Email: strings.ToLower(m.Email), Side: activity.SideOurs})
	}
	for i := range views {
		if views[i].Registration == nil {
			continue
		}
		for _, s := range views[i].Registration.Sellers {
			people = append(people, activity.Attendee{Name: s.Name, Email: strings.ToLower(s.Email), Company: views[i].Cloud.Label(), Side: activity.SidePartner})
		}
	}
	for _, c := range contacts {
		people = append(people, activity.Attendee{Name: joined(" ", c.FirstName, c.LastName), Email: strings.ToLower(c.Email), Company: deal.AccountName, Side: activity.SideCustomer})
	}
	team = members
	if deal.OwnerCRMID != "" && !slices.ContainsFunc(members, func(m opportunity.Member) bool { return m.PersonCRMID == deal.OwnerCRMID }) {
		team = append([]opportunity.Member{{PersonCRMID: deal.OwnerCRMID, Name: deal.OwnerName, Role: "Owner of the deal"}}, team...)
	}
	return people, team, nil
}

// offer fills the choices of the form: who takes part and whose it is.
func (f *activityForm) offer(w *Web, r *http.Request, opportunityID string) error {
	people, team, err := w.known(r, opportunityID)
	if err != nil {
		return err
	}
	for _, s := range f.Who { // somebody who is not among them any more stays to be unticked
		x, ok := attendeeOf(s)
		if ok && !slices.ContainsFunc(people, func(p activity.Attendee) bool { return attendeeValue(p) == s }) {
			people = append(people, x)
		}
	}
	for _, side := range []activity.Side{activity.SideOurs, activity.SidePartner, activity.SideCustomer} {
		g := attendeeGroup{Label: map[activity.Side]string{activity.SideOurs: "Our people", activity.SidePartner: "The partner's people", activity.SideCustomer: "The customer's people"}[side]}
		for _, p := range people {
			if value := attendeeValue(p); p.Side == side {
				g.Options = append(g.Options, ui.Option{Value: value, Label: fallback(p.Name, p.Email), Hint: joined(", ", emailUnder(p), companyOf(p)), Selected: slices.Contains(f.Who, value)})
			}
		}
		if len(g.Options) > 0 {
			f.Groups = append(f.Groups, g)
		}
	}
	f.NoOwner = "Mine, or else the owner's"
	me := person(r.Context())
	if me.CRMID != nil {
		f.NoOwner = "Mine"
	}
	seen := map[string]bool{"": true}
	for _, m := range team {
		if me.CRMID != nil && m.PersonCRMID == *me.CRMID || seen[m.PersonCRMID] {
			continue
		}
		seen[m.PersonCRMID] = true
		f.Owners = append(f.Owners, ui.Option{Value: m.PersonCRMID, Label: joined(", ", m.Name, m.Role), Selected: m.PersonCRMID == f.Owner})
	}
	return nil
}

// companyOf gives the company, but not of our own people.
func companyOf(p activity.Attendee) string {
	if p.Side == activity.SideOurs {
		return ""
	}
	return p.Company
}

// readActivityForm takes the form as it was sent, and what it says of an activity.
func readActivityForm(r *http.Request, k activity.Kind) (*activityForm, activity.Input, problem.List) {
	f := &activityForm{
		Kind: k, ID: r.PostFormValue("id"), Subject: r.PostFormValue("subject"), On: r.PostFormValue("on"), From: r.PostFormValue("from"),
		Minutes: strings.TrimSpace(r.PostFormValue("minutes")), Zone: r.PostFormValue("zone"), Location: r.PostFormValue("location"), Notes: r.PostFormValue("notes"),
		Owner: r.PostFormValue("owner"), Who: r.PostForm["who"], Others: r.PostFormValue("attendees"),
	}
	in := activity.Input{Kind: k, Subject: f.Subject, Notes: f.Notes, Location: f.Location, OwnerCRMID: f.Owner}
	for _, s := range f.Who {
		if x, ok := attendeeOf(s); ok {
			in.Attendees = append(in.Attendees, x)
		}
	}
	in.Attendees = append(in.Attendees, attendeesIn(f.Others)...)
	var bad problem.List
	day, err := date.Parse(strings.TrimSpace(f.On))
	if err != nil || day.IsZero() {
		bad.Add("on", "required", "Say on which day it is, such as 2026-11-24")
	}
	minutes, err := strconv.ParseInt(f.Minutes, 10, 64)
	if f.Minutes != "" && (err != nil || minutes < 0 || minutes > 20160) {
		bad.Add("minutes", "malformed", "Give a number of minutes, such as 30")
		minutes = 0
	}
	if k.Object() == activity.ObjectTask {
		in.On, in.Minutes = day, minutes
		return f, in, bad
	}
	at, known := zone.Load(f.Zone)
	if !known {
		bad.Add("zone", "unknown_zone", "Choose the zone of the time")
	}
	clock, err := time.Parse("15:04", strings.TrimSpace(f.From))
	if err != nil {
		bad.Add("from", "required", "Say when it begins, such as 14:30")
	}
	if minutes == 0 {
		bad.Add("minutes", "required", "Say how many minutes it lasts")
	}
	if len(bad) == 0 {
		d := day.Time()
		in.StartsAt = time.Date(d.Year(), d.Month(), d.Day(), clock.Hour(), clock.Minute(), 0, 0, at)
		in.EndsAt = in.StartsAt.Add(time.Duration(minutes) * time.Minute)
	}
	return f, in, bad
}

// wrong gives all that is wrong with a form: what could not be read of it, and what the
// rules say to the rest.
func wrong(bad problem.List, in activity.Input) error {
	if len(bad) == 0 {
		return nil
	}
	if p := asProblem(in.Validate()); p != nil {
		for _, x := range p.Fields {
			name := fallback(fieldNames[x.Field], x.Field)
			if ui.FieldError(bad, name) == "" && name != "from" {
				bad.Add(name, x.Code, x.Message)
			}
		}
	}
	return bad.Err()
}

// fieldNames are the form's names of what the service finds wrong.
var fieldNames = map[string]string{"starts_at": "from", "ends_at": "minutes"}

// refuse puts what is wrong into the form; false leaves it to the error page.
func (f *activityForm) refuse(err error) bool {
	fields, message, ok := fieldsOf(err)
	if !ok {
		return false
	}
	for i := range fields {
		if name, ok := fieldNames[fields[i].Field]; ok {
			fields[i].Field = name
		}
	}
	f.Fields = fields
	if message != "" {
		f.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: message}
	}
	return true
}

// zoneOf gives the zone in which the person works.
func zoneOf(r *http.Request) (name, hint string) {
	name = person(r.Context()).Zone
	if _, ok := zone.Load(name); !ok {
		return "UTC", "Salesforce does not say in which zone you work."
	}
	return name, ""
}

// target gives the deal or account of the address, and that address.
func target(r *http.Request) (opportunityID, accountID, path string) {
	placeID := r.PathValue("id")
	if strings.HasPrefix(r.URL.Path, "/accounts/") {
		return "", placeID, "/accounts/" + url.PathEscape(placeID)
	}
	return placeID, "", dealPath(url.PathEscape(placeID), "")
}

func (w *Web) activityNew(rw http.ResponseWriter, r *http.Request) {
	if err := authz.Require(r.Context(), authz.ActionLog); err != nil {
		w.fail(rw, r, err)
		return
	}
	k := activity.Kind(r.URL.Query().Get("kind"))
	if !slices.Contains(activity.Recordable(), k) {
		k = activity.KindMeeting
	}
	f := &activityForm{Kind: k, ID: id.New("act"), Minutes: "30"}
	f.Zone, f.ZoneHint = zoneOf(r)
	here, _ := zone.Load(f.Zone)
	f.On = string(date.Of(w.app.Clock.Now().In(here)))
	if k == activity.KindCall {
		f.Minutes = ""
	}
	w.showNewActivity(rw, r, http.StatusOK, f)
}

func (w *Web) showNewActivity(rw http.ResponseWriter, r *http.Request, status int, f *activityForm) {
	opportunityID, accountID, path := target(r)
	where, err := w.placeOf(r, opportunityID, accountID)
	if err == nil {
		err = f.offer(w, r, opportunityID)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f.Action, f.Back, f.Do = path+"/activities", path+"#timeline", "Record it"
	tabs := &ui.Tabs{Label: "What it is"}
	for _, k := range activity.Recordable() {
		tabs.Items = append(tabs.Items, ui.Tab{Label: k.Label(), Href: path + "/activities/new?kind=" + string(k), Active: k == f.Kind})
	}
	f.Page = w.page(r, ui.Page{Title: "Record an activity", Nav: ui.AreaOpportunities, Crumbs: where.Crumbs, Tabs: tabs, Lead: ui.Text("It goes to Salesforce by itself, on " + where.Name + ".")})
	w.render(rw, r, status, activityFormView(f))
}

func (w *Web) activityRecord(rw http.ResponseWriter, r *http.Request) {
	f, in, bad := readActivityForm(r, activity.Kind(r.PostFormValue("kind")))
	opportunityID, accountID, path := target(r)
	in.ID, in.OpportunityID, in.AccountID = f.ID, opportunityID, accountID
	err := authz.Require(r.Context(), authz.ActionLog)
	if err == nil {
		err = wrong(bad, in)
	}
	if err == nil {
		_, err = w.app.Activities.Record(r.Context(), in, false)
	}
	switch {
	case err == nil:
		w.done(rw, r, path+"#timeline", f.Kind.Label()+" recorded: Tandem writes it to Salesforce", "")
	case slices.Contains(activity.Recordable(), f.Kind) && f.refuse(err):
		w.showNewActivity(rw, r, ui.StatusOf(problem.KindOf(err)), f)
	default:
		w.fail(rw, r, err)
	}
}

func (w *Web) activityEdit(rw http.ResponseWriter, r *http.Request) {
	a, err := w.app.Activities.Get(r.Context(), r.PathValue("id"))
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionLog)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f := &activityForm{Kind: a.Kind, ID: a.ID, Version: a.Version, Subject: a.Subject, On: string(a.On), Location: a.Location, Notes: a.Body, Owner: a.OwnerCRMID}
	f.Zone, f.ZoneHint = zoneOf(r)
	if a.Minutes > 0 {
		f.Minutes = strconv.FormatInt(a.Minutes, 10)
	}
	if !a.StartsAt.IsZero() {
		here, _ := zone.Load(f.Zone)
		start := a.StartsAt.In(here)
		f.On, f.From, f.Minutes = start.Format(time.DateOnly), start.Format("15:04"), strconv.Itoa(int(a.EndsAt.Sub(a.StartsAt)/time.Minute))
	}
	for _, x := range a.Attendees.V {
		f.Who = append(f.Who, attendeeValue(x))
	}
	w.showEditActivity(rw, r, http.StatusOK, f, &a)
}

func (w *Web) showEditActivity(rw http.ResponseWriter, r *http.Request, status int, f *activityForm, a *activity.Activity) {
	where, err := w.placeOf(r, a.OpportunityID, a.AccountID)
	if err == nil {
		err = f.offer(w, r, a.OpportunityID)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f.NoOwner = ""
	if !slices.ContainsFunc(f.Owners, func(o ui.Option) bool { return o.Value == a.OwnerCRMID }) {
		f.Owners = append([]ui.Option{{Value: a.OwnerCRMID, Label: fallback(a.OwnerName, "Nobody of ours"), Selected: f.Owner == a.OwnerCRMID}}, f.Owners...)
	}
	f.Action, f.Back, f.Do = activityPath(a.ID, ""), activityPath(a.ID, ""), "Save"
	f.Page = w.page(r, ui.Page{Title: "Change the " + strings.ToLower(a.Kind.Label()), Nav: ui.AreaOpportunities, Crumbs: append(where.Crumbs, ui.Crumb{Label: a.Subject, Href: activityPath(a.ID, "")})})
	w.render(rw, r, status, activityFormView(f))
}

func (w *Web) activityChange(rw http.ResponseWriter, r *http.Request) {
	a, err := w.app.Activities.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f, in, bad := readActivityForm(r, a.Kind)
	if f.Version, err = positive(r.PostFormValue("version")); err != nil {
		w.fail(rw, r, err)
		return
	}
	in.OpportunityID, in.AccountID = a.OpportunityID, a.AccountID
	if err = wrong(bad, in); err == nil {
		_, err = w.app.Activities.Change(r.Context(), activity.Wish{ID: a.ID, Version: f.Version}, in)
	}
	switch {
	case err == nil:
		w.done(rw, r, activityPath(a.ID, ""), "Saved: Tandem writes it to Salesforce", "")
	case f.refuse(err):
		if problem.Is(err, problem.KindPrecondition) {
			f.Version = a.Version // what was typed stays; sending it again means it
			f.Refused.Text = "Somebody changed it since you opened this page, or Salesforce did: it now is “" + a.Subject + "”. Send it again to put yours in its place."
		}
		w.showEditActivity(rw, r, ui.StatusOf(problem.KindOf(err)), f, &a)
	default:
		w.fail(rw, r, err)
	}
}

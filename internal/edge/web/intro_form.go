package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func zoneOptions(chosen string) []ui.Option {
	var out []ui.Option
	for _, name := range zone.Choices(chosen) {
		out = append(out, ui.Option{Value: name, Label: strings.ReplaceAll(name, "_", " "), Selected: name == chosen})
	}
	return out
}

// partyValue is one of the two as a form sends them.
func partyValue(p intro.Party) string {
	return url.Values{"n": {p.Name}, "e": {p.Email}, "c": {p.Company}, "r": {p.Role}, "i": {p.CRMID}}.Encode()
}

func partyOf(value string) intro.Party {
	v, err := url.ParseQuery(value)
	if err != nil {
		return intro.Party{}
	}
	return intro.Party{Name: v.Get("n"), Email: v.Get("e"), Company: v.Get("c"), Role: v.Get("r"), CRMID: v.Get("i")}
}

// introForm is the page on which two sellers are introduced: who, and then when.
type introForm struct {
	Page    ui.Page
	Refused ui.Notice
	Fields  []problem.Field
	Path    string // of the deal
	ID      string
	Cloud   cloud.Cloud
	Clouds  []ui.Option

	Ours, Theirs           []ui.Option
	OtherOurs, OtherTheirs string // somebody who is not among them: name, e-mail
	OursZone, TheirsZone   string
	Minutes                string
	From                   string

	Pair      intro.Meeting // the two who were chosen, to show their clocks
	Chosen    bool
	Slots     []ui.Option
	Stretched bool
	Day, Time string // a time of one's own
	Title     string
	Agenda    string
	Location  string
	Blocked   string
}

func (f *introForm) fault(name string) string { return ui.FieldError(f.Fields, name) }

// somebody reads "name, e-mail" or gives the one who was chosen.
func somebody(other, chosen string) intro.Party {
	if list := attendeesIn(other); len(list) > 0 {
		return intro.Party{Name: fallback(list[0].Name, list[0].Email), Email: list[0].Email, Company: list[0].Company}
	}
	return partyOf(chosen)
}

// fill offers the candidates and takes over what was chosen.
func (f *introForm) fill(w *Web, r *http.Request, v url.Values) error {
	deal, joint, err := w.app.Opportunities.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	f.Path, f.Cloud = dealPath(deal.ID, ""), cloud.Cloud(v.Get("cloud"))
	for _, j := range joint {
		if j.Joint && !f.Cloud.Valid() {
			f.Cloud = j.Cloud
		}
	}
	if !f.Cloud.Valid() {
		f.Cloud = cloud.AWS
	}
	for _, c := range cloud.All() {
		f.Clouds = append(f.Clouds, ui.Option{Value: string(c), Label: c.Label(), Selected: c == f.Cloud})
	}
	match, err := w.app.Intros.Suggest(r.Context(), deal.ID, f.Cloud)
	if err != nil {
		return err
	}
	f.OtherOurs, f.OtherTheirs, f.Minutes, f.From = v.Get("other_ours"), v.Get("other_theirs"), fallback(v.Get("minutes"), "30"), v.Get("from")
	f.Pair.Cloud = f.Cloud
	f.Pair.Ours.V = f.choose(&f.Ours, match.Ours, v.Get("ours"), f.OtherOurs)
	f.Pair.Theirs.V = f.choose(&f.Theirs, match.Theirs, v.Get("theirs"), f.OtherTheirs)
	mine, _ := zoneOf(r)
	f.OursZone = v.Get("ours_zone")
	if f.OursZone == "" {
		f.OursZone = mine
		if z := zoneOfCandidate(match.Ours, f.Pair.Ours.V); z != "" {
			f.OursZone = z
		}
	}
	f.TheirsZone = fallback(v.Get("theirs_zone"), f.OursZone)
	f.Pair.Ours.V.Zone, f.Pair.Theirs.V.Zone = f.OursZone, f.TheirsZone
	f.Chosen = f.Pair.Ours.V.Name != "" && f.Pair.Theirs.V.Name != ""
	f.Title, f.Agenda, f.Location = v.Get("title"), v.Get("agenda"), v.Get("location")
	if f.Title == "" && f.Chosen {
		f.Title = "Introduction: " + f.Pair.Ours.V.Name + " and " + f.Pair.Theirs.V.Name + " on " + fallback(deal.AccountName, deal.Name)
	}
	f.Blocked = whyBlocked(r, authz.ActionLog, whyNotIntroduce)
	f.Page = w.page(r, ui.Page{Title: "Introduce sellers", Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}, {Label: deal.Name, Href: f.Path}}, Lead: ui.Text("Who of ours meets whom of the partner's on " + deal.Name + ".")})
	return nil
}

// choose offers candidates of one side and gives who is chosen: the first until a person
// says otherwise.
func (f *introForm) choose(to *[]ui.Option, list []intro.Candidate, value, other string) intro.Party {
	chosen := intro.Party{}
	for i, c := range list {
		v := partyValue(c.Party)
		if value == "" && i == 0 || v == value {
			chosen = c.Party
		}
		*to = append(*to, ui.Option{Value: v, Label: c.Name, Hint: joined(", ", c.Why, c.Email)})
	}
	if chosen.Name == "" {
		chosen = partyOf(value)
	}
	for i := range *to {
		(*to)[i].Selected = strings.TrimSpace(other) == "" && (*to)[i].Value == partyValue(chosen)
	}
	if strings.TrimSpace(other) != "" {
		return somebody(other, "")
	}
	return chosen
}

func zoneOfCandidate(list []intro.Candidate, p intro.Party) string {
	i := slices.IndexFunc(list, func(c intro.Candidate) bool { return c.CRMID != "" && c.CRMID == p.CRMID })
	if i < 0 {
		return ""
	}
	return list[i].Zone
}

// times finds what to propose, with the times that were ticked before kept.
func (f *introForm) times(w *Web, r *http.Request, ticked []string, tick bool) error {
	minutes, err := strconv.Atoi(strings.TrimSpace(f.Minutes))
	if err != nil {
		minutes = -1
	}
	found, err := w.app.Intros.Slots(r.Context(), intro.SlotQuery{OursZone: f.OursZone, TheirsZone: f.TheirsZone, From: date.Date(f.From), Minutes: minutes, OursCRMID: f.Pair.Ours.V.CRMID})
	if fields, _, ok := fieldsOf(err); ok {
		for _, x := range fields {
			if f.fault(x.Field) == "" {
				f.Fields = append(f.Fields, x)
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	f.Stretched = found.Stretched
	list := found.Slots
	for _, v := range ticked {
		if s, ok := slotOf(v); ok && !slices.ContainsFunc(list, func(x intro.Slot) bool { return slotValue(x) == v }) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b intro.Slot) int { return a.StartsAt.Compare(b.StartsAt) })
	for i, s := range list {
		f.Slots = append(f.Slots, slotOption(&f.Pair, s, slices.Contains(ticked, slotValue(s)) || tick && i < 3))
	}
	return nil
}

func (w *Web) introNew(rw http.ResponseWriter, r *http.Request) {
	v, _ := readQuery(r)
	f := &introForm{ID: id.New("int")}
	err := authz.Require(r.Context(), authz.ActionLog)
	if err == nil {
		err = f.fill(w, r, v)
	}
	if err == nil && f.Chosen {
		err = f.times(w, r, nil, true)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, introNewHTML(f))
}

// ownTime reads a day and a time of day in a zone; none when both are empty.
func ownTime(day, clock, zoneName string, minutes int) (s intro.Slot, given bool, bad problem.List) {
	day, clock = strings.TrimSpace(day), strings.TrimSpace(clock)
	if day == "" && clock == "" {
		return s, false, nil
	}
	d, err := date.Parse(day)
	t, terr := time.Parse("15:04", clock)
	l, ok := zone.Load(zoneName)
	switch {
	case err != nil || d.IsZero():
		bad.Add("day", "malformed", "Give the day of your own time, such as 2026-11-24")
	case terr != nil:
		bad.Add("time", "malformed", "Give the time of day, such as 14:30")
	case !ok:
		bad.Add("zone", "unknown_zone", "Choose the zone of the time")
	default:
		x := d.Time()
		s.StartsAt = time.Date(x.Year(), x.Month(), x.Day(), t.Hour(), t.Minute(), 0, 0, l)
		s.EndsAt = s.StartsAt.Add(time.Duration(minutes) * time.Minute)
	}
	return s, true, bad
}

func (w *Web) introPropose(rw http.ResponseWriter, r *http.Request) {
	f := &introForm{ID: r.PostFormValue("id"), Day: r.PostFormValue("day"), Time: r.PostFormValue("time")}
	err := authz.Require(r.Context(), authz.ActionLog)
	if err == nil {
		err = f.fill(w, r, r.PostForm)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	minutes, err := strconv.Atoi(strings.TrimSpace(f.Minutes))
	if err != nil {
		minutes = 0
	}
	in := intro.Input{ID: f.ID, OpportunityID: r.PathValue("id"), Cloud: f.Cloud, Title: r.PostFormValue("title"), Agenda: f.Agenda, Location: f.Location, Ours: f.Pair.Ours.V, Theirs: f.Pair.Theirs.V}
	for _, v := range r.PostForm["slots"] {
		if s, ok := slotOf(v); ok {
			in.Slots = append(in.Slots, s)
		}
	}
	own, given, bad := ownTime(f.Day, f.Time, f.OursZone, minutes)
	if given && len(bad) == 0 {
		in.Slots = append(in.Slots, own)
	}
	var m intro.Meeting
	if err = bad.Err(); err == nil {
		m, err = w.app.Intros.Propose(r.Context(), in, false)
	}
	if err == nil {
		w.done(rw, r, introPath(m.ID, "#mail"), "The times are kept: send them to both", "")
		return
	}
	fields, message, ok := fieldsOf(err)
	if ok {
		for i, x := range fields {
			if side, is := strings.CutSuffix(x.Field, "_email"); is { // a candidate without an address: name another
				fields[i].Field = "other_" + side
			}
		}
		f.Fields = fields
		if message != "" {
			f.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was kept", Text: message}
		}
		f.Title = r.PostFormValue("title")
		err = f.times(w, r, r.PostForm["slots"], false)
	}
	if !ok || err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusUnprocessableEntity, introNewHTML(f))
}

// slotIn reads the time that a form agrees on: one of those proposed, or another.
func slotIn(r *http.Request) (intro.Slot, error) {
	minutes, err := strconv.Atoi(strings.TrimSpace(fallback(r.PostFormValue("minutes"), "30")))
	if err != nil || minutes < 1 || minutes > 480 {
		return intro.Slot{}, problem.Invalid("minutes", "malformed", "Give a number of minutes, such as 30")
	}
	own, given, bad := ownTime(r.PostFormValue("day"), r.PostFormValue("time"), r.PostFormValue("zone"), minutes)
	if err := bad.Err(); err != nil {
		return own, err
	}
	if given {
		return own, nil
	}
	s, ok := slotOf(r.PostFormValue("slot"))
	if !ok {
		return s, problem.Invalid("slot", "required", "Choose one of the times, or give another")
	}
	return s, nil
}

// introEditForm is the form in which a meeting is changed.
type introEditForm struct {
	Page    ui.Page
	Refused ui.Notice
	Fields  []problem.Field
	M       intro.Meeting
	Version int64
}

func (f *introEditForm) fault(name string) string { return ui.FieldError(f.Fields, name) }

func (w *Web) introEdit(rw http.ResponseWriter, r *http.Request) {
	m, err := w.app.Intros.Get(r.Context(), r.PathValue("id"))
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionLog)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.showIntroEdit(rw, r, http.StatusOK, &introEditForm{M: m, Version: m.Version})
}

func (w *Web) showIntroEdit(rw http.ResponseWriter, r *http.Request, status int, f *introEditForm) {
	where, err := w.placeOf(r, f.M.OpportunityID, "")
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f.Page = w.page(r, ui.Page{Title: "Change the intro meeting", Nav: ui.AreaOpportunities, Crumbs: append(where.Crumbs, ui.Crumb{Label: f.M.Title, Href: introPath(f.M.ID, "")})})
	w.render(rw, r, status, introEditHTML(f))
}

func (w *Web) introChange(rw http.ResponseWriter, r *http.Request) {
	m, err := w.app.Intros.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	version, err := positive(r.PostFormValue("version"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	party := func(name string, before intro.Party) intro.Party {
		p := intro.Party{Name: r.PostFormValue(name), Email: r.PostFormValue(name + "_email"), Company: before.Company, Role: r.PostFormValue(name + "_role"), Zone: r.PostFormValue(name + "_zone")}
		if strings.EqualFold(strings.TrimSpace(p.Email), before.Email) {
			p.CRMID = before.CRMID // still the same person
		}
		return p
	}
	in := intro.Input{Title: r.PostFormValue("title"), Agenda: r.PostFormValue("agenda"), Location: r.PostFormValue("location"), Ours: party("ours", m.Ours.V), Theirs: party("theirs", m.Theirs.V), Slots: m.Slots.V}
	_, err = w.app.Intros.Change(r.Context(), intro.Wish{ID: m.ID, Version: version}, in)
	if err == nil {
		said := "Saved"
		if m.State == intro.StateConfirmed {
			said = "Saved: send the invitation again"
		}
		w.done(rw, r, introPath(m.ID, ""), said, "")
		return
	}
	fields, message, ok := fieldsOf(err)
	if !ok {
		w.fail(rw, r, err)
		return
	}
	f := &introEditForm{Fields: fields, M: m, Version: version}
	f.M.Title, f.M.Agenda, f.M.Location, f.M.Ours.V, f.M.Theirs.V = in.Title, in.Agenda, in.Location, in.Ours, in.Theirs
	if message != "" {
		f.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: message}
	}
	w.showIntroEdit(rw, r, ui.StatusOf(problem.KindOf(err)), f)
}

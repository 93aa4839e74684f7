package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Where automation is.
const (
	automationPath = "/automation"
	digestsPath    = automationPath + "/digests"
)

func flowPath(id automation.FlowID) string {
	return automationPath + "/flows/" + url.PathEscape(string(id))
}

func digestPath(week string) string { return digestsPath + "/" + url.PathEscape(week) }

func (w *Web) routesAutomation() {
	w.get(automationPath, func(rw http.ResponseWriter, r *http.Request) {
		w.automation(rw, r, http.StatusOK, automationPage{})
	})
	w.post(automationPath+"/pause", w.automationPause)
	w.post(automationPath+"/schedule", w.automationSchedule)
	w.get(automationPath+"/flows/{flow}", func(rw http.ResponseWriter, r *http.Request) {
		w.flow(rw, r, http.StatusOK, flowPage{})
	})
	w.post(automationPath+"/flows/{flow}", w.flowSwitch)
	w.get(automationPath+"/flows/{flow}/dry-run", w.flowDry)
	w.get(digestsPath, w.digests)
	w.get(digestsPath+"/{week}", w.digest)
	w.get(digestsPath+"/{week}/text", w.digestText)
	w.post(digestsPath+"/{week}/read", w.digestRead)
	for _, form := range []string{"pause", "schedule"} { // a reload after a refused form
		w.get(automationPath+"/"+form, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, automationPath, http.StatusSeeOther)
		})
	}
}

// switchForm is the form that switches something on or off.
type switchForm struct {
	Action  string
	Off     bool // what it switches is off now
	Version int64
	Why     string
	Fields  []problem.Field
	Stale   bool
	Switch  ui.Button
}

type automationPage struct {
	Page     ui.Page
	Paused   *automation.Change
	May      bool
	Form     switchForm
	Flows    ui.DataTable
	Rules    ui.DataTable
	Digests  ui.DataTable
	Schedule scheduleForm
}

type scheduleForm struct {
	Weekday, Hour, Zone ui.SelectField
	Version             int64
	Fields              []problem.Field
	Stands              string
}

func (w *Web) automation(rw http.ResponseWriter, r *http.Request, status int, p automationPage) {
	ctx := r.Context()
	all, err := w.app.Automation.Overview(ctx)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	waits, err := w.waiting(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rules, err := w.app.Automation.Rules(ctx)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	list, err := w.app.Automation.Digests(ctx, 5)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	c, row, err := w.app.Automation.Schedule(ctx)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p.Paused, p.May = all.State.Paused, may(r, authz.ActionChangeSettings)
	p.Form.Action, p.Form.Off, p.Form.Version = automationPath+"/pause", p.Paused != nil, all.Version
	p.Form.Switch = ui.Button{Label: "Pause everything", Icon: ui.IconStop, Variant: ui.VariantDanger, Name: "on", Value: "no"}
	if p.Form.Off {
		p.Form.Switch = ui.Button{Label: "End the pause", Icon: ui.IconBolt, Variant: ui.VariantPrimary, Name: "on", Value: "yes"}
	}
	p.Flows, p.Rules, p.Digests = flowsTable(all.Flows, waits), rulesTable(rules), digestsTable("digests", list)
	p.Schedule = scheduleOf(c, row.Version, p.Schedule.Fields)
	p.Page = w.page(r, ui.Page{Title: "Automation", Nav: ui.AreaAutomation, Lead: ui.Text("What Tandem does with Salesforce by itself: what it does, whether it is on, what it did, and who changed it.")})
	w.render(rw, r, status, automationHTML(p))
}

// waiting gives how many records wait for each flow that writes.
func (w *Web) waiting(r *http.Request) (map[automation.FlowID]int64, error) {
	list, err := w.app.Sync.Waits(r.Context())
	out := map[automation.FlowID]int64{}
	for _, x := range list {
		out[x.Flow] = x.Waiting
	}
	return out, err
}

func modeBadge(m automation.Mode) ui.Badge {
	switch m {
	case automation.ModeReads:
		return ui.Badge{Tone: ui.ToneNeutral, Text: "Reads", Icon: ui.IconDownload}
	case automation.ModeWrites:
		return ui.Badge{Tone: ui.ToneInfo, Text: "Writes", Icon: ui.IconUpload}
	}
	return ui.Badge{Tone: ui.ToneNeutral, Text: "Checks", Icon: ui.IconEye}
}

func offBadge(off *automation.Off) ui.Badge {
	switch {
	case off == nil:
		return ui.Badge{Tone: ui.ToneSuccess, Text: "On"}
	case off.All:
		return ui.Badge{Tone: ui.ToneWarn, Text: "Paused", Icon: ui.IconStop}
	}
	return ui.Badge{Tone: ui.ToneWarn, Text: "Off", Icon: ui.IconStop}
}

func flowsTable(list []automation.View, waits map[automation.FlowID]int64) ui.DataTable {
	t := ui.DataTable{ID: "flows", Caption: "What Tandem does with Salesforce", NoChooser: true, Columns: []ui.Column{
		{Key: "name", Label: "Flow", Fixed: true, Grow: true, Wrap: true},
		{Key: "state", Label: "State"},
		{Key: "last", Label: "Last run"},
		{Key: "waits", Label: "Waits", End: true},
		{Key: "changed", Label: "Changed in 7 days", End: true},
		{Key: "refused", Label: "Refused", End: true},
		{Key: "errors", Label: "Errors", End: true},
		{Key: "who", Label: "Switched by"},
	}}
	for i := range list {
		v := &list[i]
		row := ui.Row{ID: string(v.ID), Name: v.Name, Href: flowPath(v.ID), Cells: []templ.Component{
			ui.Text(v.Name), flowState(v), lastRun(v.Last), waitsCell(v, waits), ui.Figure(v.Week.Changed), ui.Figure(v.Week.Refused), ui.Figure(v.Week.Failures), switchedBy(v.Changed),
		}}
		if v.Off != nil {
			row.Tone = ui.ToneWarn
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func waitsCell(v *automation.View, waits map[automation.FlowID]int64) templ.Component {
	if v.Mode != automation.ModeWrites {
		return ui.None()
	}
	return ui.Figure(waits[v.ID])
}

func lastRun(l *automation.Last) templ.Component {
	switch {
	case l == nil:
		return ui.Muted("Never")
	case l.EndedAt.IsZero():
		return ui.Text("Runs")
	}
	return ui.Time{At: l.EndedAt, Style: ui.TimeAgo}
}

func switchedBy(s *automation.Switched) templ.Component {
	if s == nil {
		return ui.Muted("Nobody")
	}
	return whoAndWhen(s.By, s.At)
}

// rulePaths is where each rule is changed.
var rulePaths = map[string]string{
	"joint_rule": "/settings/joint-rule", "tagging_rules": "/settings/tagging", "field_owners": "/settings/field-owners", "default_solutions": "/settings/solutions",
	"activity_cancel": cancelledPath, "approval_rules": "/settings/policies", "service_levels": "/settings/service-levels", "fiscal_year": "/settings/fiscal-year",
	automation.ScheduleSetting: automationPath + "#schedule",
}

func rulesTable(list []automation.Rule) ui.DataTable {
	t := ui.DataTable{ID: "rules", Caption: "Rules that decide what the flows do", NoChooser: true, Columns: []ui.Column{{Key: "name", Label: "Rule or setting", Fixed: true, Grow: true}, {Key: "who", Label: "Changed by"}}}
	for _, x := range list {
		who := ui.Muted("As it came")
		if x.ChangedBy != "" {
			who = whoAndWhen(x.ChangedBy, x.ChangedAt)
		}
		t.Rows = append(t.Rows, ui.Row{ID: x.Name, Href: rulePaths[x.Name], Cells: []templ.Component{ui.Text(strings.ToUpper(x.Words[:1]) + x.Words[1:]), who}})
	}
	return t
}

func digestsTable(id string, list []automation.Digest) ui.DataTable {
	t := ui.DataTable{
		ID: id, Caption: "Weekly digests", NoChooser: true, Columns: []ui.Column{{Key: "week", Label: "Week", Fixed: true}, {Key: "what", Label: "In short", Grow: true, Wrap: true}, {Key: "made", Label: "Made"}},
		Empty: ui.EmptyState{Icon: ui.IconInbox, Title: "No digest yet", Text: "Once a week Tandem sums up what its flows did, what went wrong, what is off, and who changed which rule. The first one is made at the end of the first week."},
	}
	for i := range list {
		d := &list[i]
		t.Rows = append(t.Rows, ui.Row{ID: d.Week, Href: digestPath(d.Week), Cells: []templ.Component{ui.Text("To " + string(d.Last())), ui.Text(d.Summary()), ui.Time{At: d.MadeAt, Style: ui.TimeAgo}}})
	}
	return t
}

func scheduleOf(c automation.Schedule, version int64, fields []problem.Field) scheduleForm {
	f := scheduleForm{
		Version: version, Fields: fields, Stands: fmt.Sprintf("%s at %02d:00, %s", c.Weekday, c.Hour, c.Zone),
		Weekday: ui.SelectField{Name: "weekday", Label: "Day", Error: faultOf(fields, "weekday")}, Hour: ui.SelectField{Name: "hour", Label: "Hour", Error: faultOf(fields, "hour")},
		Zone: ui.SelectField{Name: "zone", Label: "Time zone", Error: faultOf(fields, "zone"), Hint: "The days of the history are those of this zone, too."},
	}
	for d := range 7 {
		day := time.Weekday((d + 1) % 7)
		f.Weekday.Options = append(f.Weekday.Options, ui.Option{Value: strconv.Itoa(int(day)), Label: day.String(), Selected: day == c.Weekday})
	}
	for h := range 24 {
		f.Hour.Options = append(f.Hour.Options, ui.Option{Value: strconv.Itoa(h), Label: fmt.Sprintf("%02d:00", h), Selected: h == c.Hour})
	}
	for _, name := range zone.Choices(c.Zone) {
		f.Zone.Options = append(f.Zone.Options, ui.Option{Value: name, Label: name, Selected: name == c.Zone})
	}
	return f
}

// switchWish reads what a form of switches wants.
func switchWish(r *http.Request) (on bool, why string, version int64, err error) {
	version, err = formVersion(r)
	return r.PostFormValue("on") == "yes", r.PostFormValue("why"), version, err
}

func (w *Web) automationPause(rw http.ResponseWriter, r *http.Request) {
	on, why, version, err := switchWish(r)
	switch {
	case err != nil:
	case on:
		err = w.app.Automation.Resume(r.Context(), why, version)
	default:
		err = w.app.Automation.Pause(r.Context(), why, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil && on:
		w.done(rw, r, automationPath, "The pause is over: what waited goes out", "")
	case err == nil:
		w.done(rw, r, automationPath, "Paused: what would be done waits", "")
	case conflict(err):
		w.automation(rw, r, http.StatusPreconditionFailed, automationPage{Form: switchForm{Why: why, Stale: true}})
	case invalid:
		w.automation(rw, r, http.StatusUnprocessableEntity, automationPage{Form: switchForm{Why: why, Fields: fields}})
	default:
		w.fail(rw, r, err)
	}
}

func (w *Web) automationSchedule(rw http.ResponseWriter, r *http.Request) {
	number := func(name string) int {
		n, err := strconv.Atoi(r.PostFormValue(name))
		if err != nil {
			return -1
		}
		return n
	}
	_, _, version, err := switchWish(r)
	if err == nil {
		err = w.app.Automation.SetSchedule(r.Context(), automation.Schedule{Weekday: time.Weekday(number("weekday")), Hour: number("hour"), Zone: r.PostFormValue("zone")}, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, automationPath, "Saved: it holds for the next digest", "")
	case invalid:
		w.automation(rw, r, http.StatusUnprocessableEntity, automationPage{Schedule: scheduleForm{Fields: fields}})
	default:
		w.fail(rw, r, err)
	}
}

// offNotice says that flows are off, on pages whose records wait for them; without
// a title none is.
func (w *Web) offNotice(r *http.Request) (ui.Notice, error) {
	state, _, err := w.app.Automation.State(r.Context())
	if err != nil {
		return ui.Notice{}, err
	}
	n := ui.Notice{Tone: ui.ToneWarn, Actions: []ui.Button{{Label: "Automation", Href: automationPath, Small: true}}}
	var off []string
	for _, f := range automation.Flows() {
		if x := state.OffOf(f.ID); x != nil {
			n.Title = "Waits: " + x.String()
			if x.All {
				n.Text = "Nothing is read from or written to Salesforce meanwhile, and nothing is lost."
				return n, nil
			}
			off = append(off, x.String()+". "+f.OffText+".")
		}
	}
	if len(off) > 0 {
		n.Title, n.Text = "Some of what goes to Salesforce waits", strings.Join(off, " ")
	}
	return n, nil
}

type flowPage struct {
	Page     ui.Page
	Detail   automation.Detail
	Facts    []ui.Fact
	May      bool
	Form     switchForm
	Days     ui.DataTable
	Errors   ui.DataTable
	Switches ui.DataTable
}

func (w *Web) flow(rw http.ResponseWriter, r *http.Request, status int, p flowPage) {
	id := automation.FlowID(r.PathValue("flow"))
	var err error
	if p.Detail, err = w.app.Automation.Detail(r.Context(), id); err != nil {
		w.fail(rw, r, err)
		return
	}
	waits, err := w.waiting(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := &p.Detail
	p.May, p.Facts = may(r, authz.ActionChangeSettings), flowFacts(d, waits)
	p.Form.Action, p.Form.Off, p.Form.Version = flowPath(id), d.Off != nil, d.Version
	p.Form.Switch = ui.Button{Label: "Switch it off", Icon: ui.IconStop, Variant: ui.VariantDanger, Name: "on", Value: "no"}
	if p.Form.Off {
		p.Form.Switch = ui.Button{Label: "Switch it on", Icon: ui.IconBolt, Variant: ui.VariantPrimary, Name: "on", Value: "yes"}
	}
	p.Days, p.Switches = daysTable(d), switchesTable(d)
	if p.Errors, err = w.troublesTable(r, d); err != nil {
		w.fail(rw, r, err)
		return
	}
	p.Page = w.page(r, ui.Page{
		Title: d.Name, Nav: ui.AreaAutomation, Crumbs: []ui.Crumb{{Label: "Automation", Href: automationPath}}, Lead: ui.Text(d.Does),
		Actions: []ui.Button{{Label: "Dry run", Icon: ui.IconEye, Href: flowPath(id) + "/dry-run", Blocked: whyBlocked(r, authz.ActionSync, "Your role may not ask Salesforce")}},
	})
	w.render(rw, r, status, flowHTML(p))
}

func flowFacts(d *automation.Detail, waits map[automation.FlowID]int64) []ui.Fact {
	out := []ui.Fact{
		{Label: "To Salesforce it", Value: modeBadge(d.Mode)},
		{Label: "Touches", Value: ui.Text(d.Objects)},
		{Label: "Runs", Value: ui.Text(d.When)},
		{Label: "While it is off", Value: ui.Text(d.OffText)},
		{Label: "Last run", Value: lastRun(d.Last)},
	}
	if l := d.Last; l != nil {
		out = append(out, ui.Fact{Label: "It looked at", Value: ui.Text(plural(l.Looked, "record", "records") + ": " + countsWords(l.Counts))})
		if l.Message != "" {
			out = append(out, ui.Fact{Label: "It ended with", Value: ui.Text(l.Message)})
		}
	}
	if d.Mode == automation.ModeWrites {
		out = append(out, ui.Fact{Label: "Waits now", Value: ui.Text(plural(waits[d.ID], "record", "records"))})
	}
	return out
}

func countsWords(c automation.Counts) string {
	return fmt.Sprintf("%s changed, %s as they should be, %s refused, %s put off by an error", ui.Count(c.Changed), ui.Count(c.Unchanged), ui.Count(c.Refused), ui.Count(c.Failures))
}

func daysTable(d *automation.Detail) ui.DataTable {
	t := ui.DataTable{ID: "days", Caption: "By day", NoChooser: true, Columns: []ui.Column{
		{Key: "day", Label: "Day", Fixed: true},
		{Key: "runs", Label: "Runs", End: true},
		{Key: "looked", Label: "Looked at", End: true},
		{Key: "bar", Label: "Changed", Grow: true},
		{Key: "unchanged", Label: "Unchanged", End: true},
		{Key: "refused", Label: "Refused", End: true},
		{Key: "errors", Label: "Errors", End: true},
	}, Empty: ui.EmptyState{Icon: ui.IconClock, Title: "It did nothing yet", Text: "What it does is summed up here by day, for 90 days."}}
	most := int64(1)
	for _, x := range d.Days {
		most = max(most, x.Changed)
	}
	for _, x := range d.Days {
		row := ui.Row{ID: string(x.On), Cells: []templ.Component{ui.Text(string(x.On)), ui.Figure(x.Runs), ui.Figure(x.Looked), dayBar(x.Changed, most), ui.Figure(x.Unchanged), ui.Figure(x.Refused), ui.Figure(x.Failures)}}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func switchesTable(d *automation.Detail) ui.DataTable {
	t := ui.DataTable{
		ID: "switches", Caption: "Who switched it", NoChooser: true, Columns: []ui.Column{{Key: "what", Label: "What", Fixed: true}, {Key: "why", Label: "Why", Grow: true, Wrap: true}, {Key: "who", Label: "Who"}},
		Empty: ui.EmptyState{Icon: ui.IconPerson, Title: "Nobody switched it", Text: "It is on as it came."},
	}
	for i, x := range d.Switches {
		what := "Switched off"
		switch {
		case x.All && x.On:
			what = "The pause of everything ended"
		case x.All:
			what = "Everything was paused"
		case x.On:
			what = "Switched on"
		}
		t.Rows = append(t.Rows, ui.Row{ID: "switch-" + strconv.Itoa(i), Cells: []templ.Component{ui.Text(what), textOr(x.Why), whoAndWhen(x.By, x.At)}})
	}
	return t
}

// opportunitiesOf gives the addresses of opportunities by their CRM ids.
func (w *Web) opportunitiesOf(r *http.Request, crmIDs []string) (map[string]string, error) {
	list, err := opportunity.ByCRMIDs(r.Context(), w.app.DB, crmIDs)
	out := map[string]string{}
	for i := range list {
		out[list[i].CRMID] = listPath + "/" + list[i].ID
	}
	return out, err
}

func (w *Web) troublesTable(r *http.Request, d *automation.Detail) (ui.DataTable, error) {
	t := ui.DataTable{
		ID: "errors", Caption: "The latest errors", NoChooser: true, Columns: []ui.Column{{Key: "what", Label: "Error", Fixed: true, Grow: true, Wrap: true}, {Key: "about", Label: "Record"}, {Key: "times", Label: "Times", End: true}, {Key: "when", Label: "Last"}},
		Empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: "No errors", Text: "What Salesforce refuses, or does not answer, is listed here with its record."},
	}
	var ids []string
	for _, x := range d.Troubles {
		if x.Kind == automation.AboutOpportunity {
			ids = append(ids, x.Subject)
		}
	}
	hrefs, err := w.opportunitiesOf(r, ids)
	for i, x := range d.Troubles {
		t.Rows = append(t.Rows, ui.Row{ID: "error-" + strconv.Itoa(i), Href: hrefs[x.Subject], Cells: []templ.Component{ui.Text(x.Message), textOr(x.Subject), ui.Figure(x.Times), ui.Time{At: x.LastAt, Style: ui.TimeAgo}}})
	}
	return t, err
}

func (w *Web) flowSwitch(rw http.ResponseWriter, r *http.Request) {
	on, why, version, err := switchWish(r)
	id := automation.FlowID(r.PathValue("flow"))
	if err == nil {
		err = w.app.Automation.Switch(r.Context(), id, on, why, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil && on:
		w.done(rw, r, flowPath(id), "It is on: what waited goes out", "")
	case err == nil:
		w.done(rw, r, flowPath(id), "It is off: what it would do waits", "")
	case conflict(err):
		w.flow(rw, r, http.StatusPreconditionFailed, flowPage{Form: switchForm{Why: why, Stale: true}})
	case invalid:
		w.flow(rw, r, http.StatusUnprocessableEntity, flowPage{Form: switchForm{Why: why, Fields: fields}})
	default:
		w.fail(rw, r, err)
	}
}

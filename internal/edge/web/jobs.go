package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

func (w *Web) routesJobs() {
	w.get("/jobs", w.jobs)
	w.get("/jobs/{id}", w.job)
	w.post("/jobs/{id}", w.jobAct)
	w.routesRiver()
}

// jobsPerPage is how many jobs one page lists.
const jobsPerPage = 50

// jobTab is one of the groups that people think in.
type jobTab struct {
	key, label string
	states     []string
	empty      ui.EmptyState
	live       bool // the page looks again by itself
}

var jobTabs = []jobTab{
	{key: "failed", label: "Failed", states: []string{"discarded", "cancelled"}, empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: "No job has failed", Text: "A job that met something only a person can mend, or that ran out of attempts, stands here with its error and can be retried."}},
	{key: "running", label: "Running", states: []string{"running"}, live: true, empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing runs at this moment", Text: "Jobs are short: most end within a second. This list looks again by itself."}},
	{key: "waiting", label: "Waiting", states: []string{"available", "scheduled", "retryable", "pending"}, live: true, empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing waits", Text: "Work that is due soon, and work that is tried again after a passing error, stands here."}},
	{key: "done", label: "Done", states: []string{"completed"}, empty: ui.EmptyState{Icon: ui.IconJobs, Title: "Nothing was done yet", Text: "Jobs that went well are kept for a day."}},
}

type jobsData struct {
	page    ui.Page
	filters ui.FilterBar
	table   ui.DataTable
	live    string // the address to look at again; "" does not
}

func (w *Web) jobs(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	kind := r.FormValue("kind")
	var kinds []string
	if kind != "" {
		kinds = []string{kind}
	}
	counts, err := w.app.Jobs.Counts(ctx, kinds...)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	tab, err := chosenTab(r.FormValue("state"), counts)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	before := int64(0)
	if s := r.FormValue("before"); s != "" {
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 1 {
			w.fail(rw, r, problem.Invalid("before", "malformed", "This page of the list does not exist: begin at the newest job"))
			return
		}
	}
	list, err := w.app.Jobs.List(ctx, jobs.Filter{States: tab.states, Kinds: kinds, Before: before, Limit: jobsPerPage + 1})
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := jobsData{page: w.page(r, ui.Page{
		Title: "Jobs", Nav: ui.AreaJobs, Lead: ui.Text("The work that Tandem does by itself, and what became of it."), Tabs: tabsOfJobs(tab, kind, counts),
		Actions: []ui.Button{{Label: "Queues in detail", Icon: ui.IconExternal, Variant: ui.VariantGhost, Href: riverPrefix + "/"}},
	})}
	d.filters = jobFilters(tab.key, kind)
	d.table = ui.DataTable{ID: "jobs", Caption: tab.label + " jobs", Empty: tab.empty, Columns: []ui.Column{
		{Key: "what", Label: "Job", Fixed: true},
		{Key: "about", Label: "About", Grow: true},
		{Key: "state", Label: "State"},
		{Key: "attempts", Label: "Attempts", End: true},
		{Key: "when", Label: "When"},
		{Key: "error", Label: "Last error"},
	}}
	if tab.key == "done" {
		d.table.Columns[len(d.table.Columns)-1].Hidden = true
	}
	more := len(list) > jobsPerPage
	list = list[:min(len(list), jobsPerPage)]
	if kind != "" {
		d.table.Empty = ui.EmptyState{Icon: ui.IconFilter, Title: "No such job here", Text: "No job in this state does this. Look under another state, or at all jobs.", Actions: []ui.Button{{Label: "Show all kinds", Href: jobsAddress(tab.key, "", 0)}}}
	}
	about := w.subjects(r, list)
	for _, j := range list {
		d.table.Rows = append(d.table.Rows, jobRow(j, about[j.ID]))
	}
	if before > 0 || more {
		d.table.Pager = &ui.Pager{To: len(list), Total: -1}
		if before > 0 {
			d.table.Pager.FirstHref = jobsAddress(tab.key, kind, 0)
		}
		if more {
			d.table.Pager.NextHref = jobsAddress(tab.key, kind, list[len(list)-1].ID)
		}
	}
	if tab.live && before == 0 {
		d.live = jobsAddress(tab.key, kind, 0)
	}
	w.render(rw, r, http.StatusOK, jobsPage(d))
}

// chosenTab is the tab asked for; without a wish, the first that holds anything,
// so that what failed is seen first.
func chosenTab(key string, counts map[string]int64) (jobTab, error) {
	for _, t := range jobTabs {
		if key == t.key || key == "" && t.count(counts) > 0 {
			return t, nil
		}
	}
	if key == "" {
		return jobTabs[1], nil // nothing of this kind anywhere, or nothing at all
	}
	return jobTab{}, problem.Invalid("state", "unknown_state", "There is no such group of jobs: choose one of the tabs")
}

func (t jobTab) count(counts map[string]int64) int64 {
	var n int64
	for _, s := range t.states {
		n += counts[s]
	}
	return n
}

func tabsOfJobs(active jobTab, kind string, counts map[string]int64) *ui.Tabs {
	tabs := &ui.Tabs{Label: "States of jobs"}
	for _, t := range jobTabs {
		tabs.Items = append(tabs.Items, ui.Tab{Label: t.label, Href: jobsAddress(t.key, kind, 0), Active: t.key == active.key, Count: int(t.count(counts))})
	}
	return tabs
}

// jobFilters narrows the jobs to what they do.
func jobFilters(tab, kind string) ui.FilterBar {
	f := ui.Filter{Name: "kind", Label: "What it does", Kind: ui.FilterOne, On: kind != "", RemoveHref: jobsAddress(tab, "", 0)}
	if f.On {
		f.Shown = jobWords(kind)
	}
	for _, k := range sync.JobKinds() {
		f.Options = append(f.Options, ui.Option{Value: k, Label: jobWords(k), Selected: k == kind})
	}
	bar := ui.FilterBar{ID: "f", Action: "/jobs", Filters: []ui.Filter{f}, Keep: []ui.Param{{Name: "state", Value: tab}}}
	if f.On {
		bar.ClearHref = f.RemoveHref
	}
	return bar
}

func jobsAddress(tab, kind string, before int64) string {
	v := url.Values{"state": {tab}}
	if kind != "" {
		v.Set("kind", kind)
	}
	if before > 0 {
		v.Set("before", strconv.FormatInt(before, 10))
	}
	return "/jobs?" + v.Encode()
}

// subject is the record a job is about.
type subject struct{ href, name string }

// subjects finds the opportunities of the registrations that jobs move on. One
// that is gone is left out.
func (w *Web) subjects(r *http.Request, list []jobs.Job) map[int64]subject {
	out := map[int64]subject{}
	byRegistration := map[string]subject{}
	for _, j := range list {
		if j.Kind != (sync.AdvanceArgs{}).Kind() {
			continue
		}
		var args sync.AdvanceArgs
		if err := json.Unmarshal([]byte(j.Args), &args); err != nil || args.RegistrationID == "" {
			continue
		}
		s, seen := byRegistration[args.RegistrationID]
		if !seen {
			s = w.subjectOf(r, args.RegistrationID)
			byRegistration[args.RegistrationID] = s
		}
		if s.href != "" {
			out[j.ID] = s
		}
	}
	return out
}

func (w *Web) subjectOf(r *http.Request, registrationID string) subject {
	reg, err := w.app.Registrations.Get(r.Context(), registrationID)
	if err != nil {
		w.log.DebugContext(r.Context(), "a job's registration is not there", "registration", registrationID, "error", err)
		return subject{}
	}
	o, _, err := w.app.Opportunities.Get(r.Context(), reg.OpportunityID)
	if err != nil {
		w.log.DebugContext(r.Context(), "a job's opportunity is not there", "opportunity", reg.OpportunityID, "error", err)
		return subject{}
	}
	return subject{href: "/opportunities/" + url.PathEscape(o.ID), name: o.Name}
}

// jobWords says what a kind of job does.
func jobWords(kind string) string {
	switch kind {
	case (sync.PullArgs{}).Kind():
		return "Read Salesforce"
	case (sync.PushArgs{}).Kind():
		return "Write to Salesforce"
	case (sync.ReconcileArgs{}).Kind():
		return "Compare with Salesforce which records there are"
	case (sync.AdvanceArgs{}).Kind():
		return "Move a registration on"
	case (sync.InvitationsArgs{}).Kind():
		return "Look for invitations"
	case (sync.InvitationArgs{}).Kind():
		return "Move an invitation on"
	case (sync.SweepArgs{}).Kind():
		return "Look for what is due"
	case (sync.RefreshArgs{}).Kind():
		return "Check the portals"
	case (sync.HearArgs{}).Kind():
		return "Fetch a portal's events"
	case (sync.UrgentArgs{}).Kind():
		return "Move a registration on for a person"
	case (sync.ChangesArgs{}).Kind():
		return "Follow what changed in a portal"
	case (sync.DecideArgs{}).Kind():
		return "Ask the joint rule anew"
	case (sync.TaggingArgs{}).Kind():
		return "Look at the tags of all deals"
	case (sync.DigestArgs{}).Kind():
		return "Look whether a digest is due"
	case (sync.RouteArgs{}).Kind():
		return "Look at the routes of all deals"
	case (sync.RouteDealArgs{}).Kind():
		return "Look at the route of a deal"
	case (sync.BulkArgs{}).Kind():
		return "Do an act on many deals"
	}
	return kind
}

func jobState(state string) ui.Badge {
	switch state {
	case "running":
		return ui.Badge{Tone: ui.ToneInfo, Text: "Running", Icon: ui.IconRefresh}
	case "completed":
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Done"}
	case "available":
		return ui.Badge{Text: "Next in line", Icon: ui.IconClock}
	case "scheduled", "pending":
		return ui.Badge{Text: "Planned", Icon: ui.IconClock}
	case "retryable":
		return ui.Badge{Tone: ui.ToneWarn, Text: "Tries again", Icon: ui.IconRefresh}
	case "cancelled":
		return ui.Badge{Tone: ui.ToneDanger, Text: "Ended early", Icon: ui.IconStop}
	case "discarded":
		return ui.Badge{Tone: ui.ToneDanger, Text: "Gave up", Icon: ui.IconStop}
	}
	return ui.Badge{Text: state}
}

func jobRow(j jobs.Job, about subject) ui.Row {
	row := ui.Row{ID: strconv.FormatInt(j.ID, 10), Href: "/jobs/" + strconv.FormatInt(j.ID, 10), Name: jobWords(j.Kind)}
	on := ui.Muted("the whole system")
	if about.href != "" {
		on = ui.Link(about.href, short(about.name, 60))
	}
	words, _ := splitError(lastError(j))
	row.Cells = []templ.Component{ui.Text(jobWords(j.Kind)), on, jobState(j.State), ui.Text(attempts(j)), ui.Time{At: jobTime(j), Style: ui.TimeAgo}, jobError(short(words, 120))}
	return row
}

func attempts(j jobs.Job) string {
	return strconv.Itoa(j.Attempt) + " of " + strconv.Itoa(j.MaxAttempts)
}

func lastError(j jobs.Job) string {
	if len(j.Errors) == 0 {
		return ""
	}
	return j.Errors[len(j.Errors)-1].Error
}

// jobTime is the moment that matters most: the end, the start, or when it is due.
func jobTime(j jobs.Job) time.Time {
	switch {
	case !j.FinalizedAt.IsZero():
		return j.FinalizedAt
	case j.State == "running":
		return j.AttemptedAt
	}
	return j.ScheduledAt
}

type jobData struct {
	page  ui.Page
	job   jobs.Job
	about subject
	args  string
	acts  []jobAct
}

// jobAct is what a person can do with a job in its state.
type jobAct struct {
	name    string // the value that is posted
	button  ui.Button
	confirm ui.Confirm
}

func (w *Web) job(rw http.ResponseWriter, r *http.Request) {
	if r.PathValue("id") == "river" { // without the slash that its pages need
		http.Redirect(rw, r, riverPrefix+"/", http.StatusMovedPermanently)
		return
	}
	j, err := w.findJob(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := jobData{job: j, about: w.subjects(r, []jobs.Job{j})[j.ID], args: indented(j.Args)}
	if may(r, authz.ActionRetryJob) {
		d.acts = jobActs(j)
	}
	d.page = ui.Page{Title: jobWords(j.Kind), Nav: ui.AreaJobs, Crumbs: []ui.Crumb{{Label: "Jobs", Href: "/jobs"}}, Lead: jobState(j.State)}
	for _, a := range d.acts {
		if r.FormValue("confirm") == a.name {
			d.page.Actions = nil
			w.render(rw, r, http.StatusOK, confirmJobPage(w.page(r, d.page), a.confirm))
			return
		}
		d.page.Actions = append(d.page.Actions, a.button)
	}
	d.page = w.page(r, d.page)
	w.render(rw, r, http.StatusOK, jobPage(d))
}

func (w *Web) findJob(r *http.Request) (jobs.Job, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return jobs.Job{}, problem.NotFound("job", r.PathValue("id"))
	}
	return w.app.Jobs.Get(r.Context(), id)
}

func jobActs(j jobs.Job) []jobAct {
	address := "/jobs/" + strconv.FormatInt(j.ID, 10)
	facts := []ui.Fact{{Label: "Job", Value: ui.Text(jobWords(j.Kind))}, {Label: "Attempts", Value: ui.Text(attempts(j))}}
	act := func(name, label, title, text string, icon ui.IconName, danger bool) jobAct {
		a := jobAct{name: name, button: ui.Button{Label: label, Icon: icon, Href: address + "?confirm=" + name, OpensDialog: name}}
		a.confirm = ui.Confirm{ID: name, Title: title, Text: text, Facts: facts, Post: address, Hidden: map[string]string{"act": name}, Do: label, Danger: danger, Back: address}
		if !danger {
			a.button.Variant = ui.VariantPrimary
		}
		return a
	}
	again := act("retry", "Try again", "Try this job again?", "It is put at the front of the line with the same arguments. Nothing is sent twice: each call has a key by which the outside system knows it.", ui.IconRefresh, false)
	end := act("cancel", "End this job", "End this job?", "It is not tried again. What it was to do is found by the next look for what is due, if it is still to be done.", ui.IconStop, true)
	switch j.State {
	case "discarded", "cancelled":
		return []jobAct{again}
	case "completed":
		again.button.Label, again.button.Variant, again.confirm.Do = "Run again", ui.VariantSecondary, "Run again"
		return []jobAct{again}
	case "retryable", "scheduled":
		return []jobAct{again, end}
	}
	return []jobAct{end}
}

func (w *Web) jobAct(rw http.ResponseWriter, r *http.Request) {
	j, err := w.findJob(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	message := ""
	switch r.PostFormValue("act") {
	case "retry":
		_, err = w.app.Jobs.Retry(r.Context(), j.ID)
		message = "The job is tried again"
	case "cancel":
		_, err = w.app.Jobs.Cancel(r.Context(), j.ID)
		message = "The job ends"
	default:
		err = problem.Invalid("act", "unknown_act", "A job can be tried again or ended")
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, "/jobs/"+strconv.FormatInt(j.ID, 10), message, "")
}

func indented(s string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(s), "", "  "); err != nil {
		return s
	}
	return b.String()
}

func jobFacts(d jobData) []ui.Fact {
	j := d.job
	facts := []ui.Fact{{Label: "Number", Value: ui.Text(strconv.FormatInt(j.ID, 10))}, {Label: "State", Value: jobState(j.State)}}
	if d.about.href != "" {
		facts = append(facts, ui.Fact{Label: "About", Value: ui.Link(d.about.href, d.about.name)})
	}
	facts = append(facts, ui.Fact{Label: "Attempts", Value: ui.Text(attempts(j))}, ui.Fact{Label: "Made", Value: ui.Time{At: j.CreatedAt}})
	if j.FinalizedAt.IsZero() && j.State != "running" {
		facts = append(facts, ui.Fact{Label: "Due", Value: ui.Time{At: j.ScheduledAt, Style: ui.TimeAgo}})
	}
	if !j.AttemptedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: "Last begun", Value: ui.Time{At: j.AttemptedAt}})
	}
	if !j.FinalizedAt.IsZero() {
		facts = append(facts, ui.Fact{Label: "Ended", Value: ui.Time{At: j.FinalizedAt}})
		if took := j.FinalizedAt.Sub(j.AttemptedAt); took > 0 && !j.AttemptedAt.IsZero() {
			facts = append(facts, ui.Fact{Label: "Took", Value: ui.Text(took.Round(time.Millisecond).String())})
		}
	}
	return append(facts, ui.Fact{Label: "Line", Value: ui.Text(j.Queue)}, ui.Fact{Label: "Kind", Value: ui.Text(j.Kind)})
}

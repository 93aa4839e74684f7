package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// cloudPart is one cloud's section of the page of an opportunity.
type cloudPart struct {
	Deal      string // id of the opportunity
	Cloud     cloud.Cloud
	View      *registration.View
	Reg       *registration.Registration // nil: none
	Badge     ui.Badge
	Steps     ui.ReviewSteps
	Findings  ui.FindingsList
	Compare   ui.CompareTable // where the two differ
	Same      ui.CompareTable // where they agree, or theirs is not read
	Fields    fieldsPart
	Locked    string // why the locked fields are, if all for one reason
	Facts     []ui.Fact
	Register  ui.Button
	Check     ui.Button
	Seen      string // state that the person sees, for the forms
	Solutions []ui.Option
	MayChoose string // why the solutions cannot be chosen now, "" if they can
	SolForm   *refusedForm
	JointForm *refusedForm
	JointSeen string
	MayMark   string
}

func registerFormID(c cloud.Cloud) string { return "register-" + string(c) }

func (w *Web) cloudPart(r *http.Request, deal *opportunity.Opportunity, v *registration.View, refused *refusedForm) cloudPart {
	p := cloudPart{
		Deal: deal.ID, Cloud: v.Cloud, View: v, Reg: v.Registration, SolForm: refused.of("solutions", v.Cloud), JointForm: refused.of("joint", v.Cloud),
		JointSeen: jointStamp(v.Joint), MayMark: whyBlocked(r, authz.ActionMarkJoint, whyNotMark),
	}
	p.Badge, _ = viewBadge(v)
	if p.Badge.Text == "" {
		p.Badge = ui.Badge{Text: ui.CloudName(string(v.Cloud)) + " · Not joint"}
	}
	if !v.Connected {
		return p
	}
	p.Compare = ui.CompareTable{ID: string(v.Cloud) + "-fields", Caption: "Our values beside those of " + v.Cloud.Portal(), Partner: v.Cloud.Portal(), OurAt: deal.CRMModstamp}
	read := p.Reg != nil && !p.Reg.RemoteReadAt.IsZero()
	if read {
		p.Compare.ReadAt = p.Reg.RemoteReadAt
	}
	p.Same = p.Compare
	p.Same.ID += "-same"
	p.Locked = lockReason(v.Pairs)
	for i := range v.Pairs {
		l := compareLine(&v.Pairs[i], read, p.Locked != "")
		if v.Following {
			w.stand(r, deal, v, &v.Pairs[i], &l)
		}
		if l.State == ui.CompareSame || l.State == ui.CompareUnknown {
			p.Same.Lines = append(p.Same.Lines, l)
		} else {
			p.Compare.Lines = append(p.Compare.Lines, l)
		}
	}
	p.Fields = w.fieldsPart(r, deal, v)
	inPortal := p.Reg != nil && p.Reg.State.InPortal()
	if !inPortal {
		p.Findings = ui.FindingsList{Against: v.Cloud.Portal(), CheckedAt: w.app.Clock.Now()}
		for i := range v.Findings {
			p.Findings.Findings = append(p.Findings.Findings, w.finding(deal, &v.Findings[i]))
		}
	}
	p.steps()
	p.facts()
	p.acts(r, deal)
	for _, s := range v.Solutions {
		label := s.Name
		p.Solutions = append(p.Solutions, ui.Option{Value: s.RemoteID, Label: label, Hint: joined(" · ", s.RemoteID, s.Category, s.Status), Selected: slices.Contains(chosenOf(p.SolForm, v), s.RemoteID)})
	}
	switch {
	case !may(r, authz.ActionRegister):
		p.MayChoose = whyNotRegister
	case p.Reg == nil:
		p.MayChoose = "It can be chosen as soon as the registration is opened"
	case cmp.Or(p.Reg.FailedFrom, p.Reg.State).InPortal() && p.Reg.State != registration.StateCreated:
		p.MayChoose = "They were linked when the deal was registered: change them in " + v.Cloud.Portal()
	}
	return p
}

func chosenOf(f *refusedForm, v *registration.View) []string {
	if f.Form != "" {
		return f.Chosen
	}
	return v.Chosen
}

// acts says what can be done: register, try again, check without sending.
func (p *cloudPart) acts(r *http.Request, deal *opportunity.Opportunity) {
	blocked := whyBlocked(r, authz.ActionRegister, whyNotRegister)
	p.Check = ui.Button{Label: "Check without sending", Icon: ui.IconEye, Small: true, Href: dealPath(deal.ID, "") + "/check?cloud=" + string(p.Cloud), Blocked: blocked}
	p.Register = ui.Button{Label: "Register now", Icon: ui.IconRegister, Small: true, Blocked: blocked}
	joint := p.View.Joint != nil && p.View.Joint.Joint
	if p.Reg == nil {
		p.Seen = "none"
		if !joint && blocked == "" {
			p.Register.Blocked = "It is not joint with " + p.Cloud.Label() + ": mark it as joint first"
		}
		return
	}
	p.Seen = string(p.Reg.State)
	switch p.Reg.State {
	case registration.StateBlocked:
		p.Register.Label, p.Register.Icon = "Check again and register", ui.IconRefresh
	case registration.StateFailed:
		p.Register.Label, p.Register.Icon = "Retry", ui.IconRefresh
	case registration.StateOffRoute:
		if blocked == "" {
			p.Register.Blocked = p.Reg.Reason
		}
	case registration.StateWithdrawn:
		if !joint && blocked == "" {
			p.Register.Blocked = "It is not joint with " + p.Cloud.Label() + ": mark it as joint first"
		}
	default:
		p.Register.Label, p.Register.Icon = "Read from the portal now", ui.IconRefresh
		if !p.Reg.State.InPortal() {
			p.Register.Label = "Go on now"
		}
		switch {
		case p.Reg.CRMError != "":
			p.Register.Label = "Retry"
		case p.View.Following: // the fields have a button that reads it
			p.Register = ui.Button{}
		}
	}
	if p.Reg.State.InPortal() {
		p.Check = ui.Button{}
	}
}

// steps shows how far the review is.
func (p *cloudPart) steps() {
	reg := p.Reg
	if reg == nil {
		return
	}
	steps := []ui.Step{{Label: "Created", At: reg.CreatedRemoteAt}, {Label: "Submitted", At: reg.SubmittedAt}, {Label: "In review"}, {Label: "Decision"}}
	done := 0 // how many steps are done
	switch reg.State {
	case registration.StateCreated, registration.StateAssociated, registration.StateSubmitting:
		done = 1
	case registration.StateSubmitted:
		done = 2
	case registration.StateInReview:
		done = 2
		steps[2].Note = reg.RemoteStatus
	case registration.StateApproved, registration.StateLaunched, registration.StateClosedLost, registration.StateRejected, registration.StateActionRequired:
		done = 3
		steps[3] = ui.Step{Label: reg.State.Label(), At: reg.DecidedAt}
	case registration.StateFailed, registration.StateOffRoute:
		if reg.RemoteID != "" {
			done = 1
		}
		if !reg.SubmittedAt.IsZero() {
			done = 2
		}
	}
	for i := range steps {
		switch {
		case i < done:
			steps[i].State = ui.StepDone
		case i == done && reg.State == registration.StateFailed:
			steps[i].State, steps[i].Note = ui.StepFailed, "Refused"
		case i == done && reg.State != registration.StateWithdrawn:
			steps[i].State = ui.StepCurrent
		default:
			steps[i].State = ui.StepTodo
		}
	}
	switch reg.State {
	case registration.StateApproved, registration.StateLaunched, registration.StateClosedLost:
		steps[3].State = ui.StepDone
	case registration.StateRejected, registration.StateActionRequired:
		steps[3].State = ui.StepFailed
	case registration.StateOffRoute:
		steps[done].State, steps[done].Note = ui.StepFailed, "Held by route"
	case registration.StateBlocked:
		steps[0].State, steps[0].Note = ui.StepFailed, plural(reg.Blocking, "field to mend", "fields to mend")
	}
	p.Steps = ui.ReviewSteps{Label: "Review at " + p.Cloud.Label(), Steps: steps}
}

func (p *cloudPart) facts() {
	reg := p.Reg
	if reg == nil {
		return
	}
	add := func(label, value string) {
		if value != "" {
			p.Facts = append(p.Facts, ui.Fact{Label: label, Value: ui.Text(value)})
		}
	}
	if reg.RemoteID != "" {
		p.Facts = append(p.Facts, ui.Fact{Label: "Id in " + p.Cloud.Portal(), Value: ui.Copy{Text: reg.RemoteID, What: "the id in " + p.Cloud.Portal()}})
	}
	add("Status there", reg.RemoteStatus)
	add("Stage there", reg.RemoteStage)
	add("How they work it", reg.Motion)
	if !reg.RemoteReadAt.IsZero() {
		p.Facts = append(p.Facts, ui.Fact{Label: "Read from there", Value: ui.Time{At: reg.RemoteReadAt, Style: ui.TimeAgo}})
	}
	switch {
	case reg.CRMError != "":
		add("In Salesforce", "Refused: "+reg.CRMError)
	case reg.CRMDirty:
		add("In Salesforce", "On its way")
	case reg.CRMRowID != "":
		p.Facts = append(p.Facts, ui.Fact{Label: "In Salesforce", Value: ui.Copy{Text: reg.CRMRowID, What: "the id of the registration record in Salesforce"}})
	}
	for _, s := range reg.Sellers {
		p.Facts = append(p.Facts, ui.Fact{Label: fallback(s.Role, "Partner seller"), Value: nameCell(s.Name, s.Email)})
	}
}

// lockReason gives why fields are locked, if all of them are for one reason.
func lockReason(pairs []registration.FieldPair) string {
	why := ""
	for i := range pairs {
		if f := &pairs[i]; f.Locked {
			if why != "" && why != lockWords(f) {
				return ""
			}
			why = lockWords(f)
		}
	}
	return why
}

// lockWords says why a field is locked and until when.
func lockWords(f *registration.FieldPair) string {
	s := f.LockReason
	if s != "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if f.LockedUntil != "" {
		s += ", until " + strings.TrimPrefix(f.LockedUntil, "until ")
	}
	return s
}

// compareLine shows one field; told says that the page gives the reason of the
// locks once for all.
func compareLine(f *registration.FieldPair, read, told bool) ui.CompareLine {
	l := ui.CompareLine{Field: f.Label, Remote: f.Path}
	if f.Ours != "" {
		l.Ours = ui.Text(f.Ours)
	}
	if f.Theirs != "" {
		l.Theirs = ui.Text(f.Theirs)
	}
	switch {
	case !read:
		l.State = ui.CompareUnknown
	case f.Same:
		l.State = ui.CompareSame
	case f.Theirs == "":
		l.State = ui.CompareOnlyOurs
	case f.Ours == "":
		l.State = ui.CompareTheirs
	default:
		l.State = ui.CompareDiffers
	}
	if f.How != "" || f.CRMField != "" {
		l.How = howCell(f.How, f.CRMField)
	}
	if f.Locked {
		l.Lock = &ui.Lock{Reason: lockWords(f)}
		if told {
			l.Lock.Reason = "Locked"
		}
	}
	return l
}

// finding shows one result of a check, with where it is mended.
func (w *Web) finding(deal *opportunity.Opportunity, f *registration.Finding) ui.Finding {
	x := ui.Finding{Severity: ui.SeverityWarns, Field: f.Label, Remote: f.Field, Message: f.Message, Found: f.Value, Mend: f.Mend}
	if f.Severity == registration.SeverityError {
		x.Severity = ui.SeverityBlocks
	}
	if f.CRMField != "" {
		x.Mend = strings.TrimSuffix(x.Mend, ".") + ". In Salesforce: " + f.CRMField
		id := deal.CRMID
		if strings.HasPrefix(f.CRMField, "Account.") {
			id = deal.AccountCRMID
		}
		if x.MendHref = w.crmLink(id); x.MendHref != "" {
			x.MendLabel = "Open in Salesforce"
		}
	}
	if f.Source != "" {
		x.Message = strings.TrimSuffix(x.Message, ".") + ". Rule: " + f.Source
		if strings.HasPrefix(f.Source, "https://") {
			x.Message, x.SourceHref, x.SourceLabel = f.Message, f.Source, "The rule"
		}
	}
	return x
}

// dryPage is a check without sending.
type dryPage struct {
	Page     ui.Page
	Notice   ui.Notice
	Findings ui.FindingsList
	Payload  string // indented JSON, "" if there is none
	Cloud    cloud.Cloud
	Deal     string
	Seen     string
	Register ui.Button
}

// opportunityCheck shows what would be sent, and sends nothing.
func (w *Web) opportunityCheck(rw http.ResponseWriter, r *http.Request) {
	c := cloud.Cloud(r.URL.Query().Get("cloud"))
	if !c.Valid() {
		w.fail(rw, r, problem.Invalid("cloud", "unknown_cloud", "Use aws, azure or gcp"))
		return
	}
	deal, joint, err := w.app.Opportunities.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	reg, payload, err := w.app.Registrations.Register(r.Context(), deal.ID, c, true)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	state, err := w.stateAt(r, deal.ID, c)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := dryPage{Cloud: c, Deal: deal.ID, Seen: fallback(string(state), "none"), Findings: ui.FindingsList{Against: c.Portal(), CheckedAt: w.app.Clock.Now()}}
	for i := range reg.Findings {
		p.Findings.Findings = append(p.Findings.Findings, w.finding(&deal, &reg.Findings[i]))
	}
	p.Register = ui.Button{Label: "Register now", Icon: ui.IconRegister, Variant: ui.VariantPrimary}
	switch {
	case reg.Blocking > 0:
		p.Notice = ui.Notice{Tone: ui.ToneWarn, Title: plural(reg.Blocking, "finding blocks", "findings block") + " it", Text: "Nothing was sent. " + c.Portal() + " would refuse it as it is."}
		p.Register.Blocked = "Mend what blocks it first"
	case state.InPortal() && state != "":
		p.Notice = ui.Notice{Tone: ui.ToneInfo, Title: "It is in " + c.Portal() + " already", Text: "Nothing was sent. Below is what a new registration would send."}
		p.Register.Blocked = "It is registered already: " + state.Label()
	case !slices.Contains(opportunity.JointWith(joint), c):
		p.Notice = ui.Notice{Tone: ui.ToneInfo, Title: "It would pass", Text: "Nothing was sent. It is not joint with " + c.Label() + ", so it is not registered."}
		p.Register.Blocked = "It is not joint with " + c.Label() + ": mark it as joint first"
	default:
		p.Notice = ui.Notice{Tone: ui.ToneSuccess, Title: "It would pass", Text: "Nothing was sent. This is what would be."}
	}
	if len(payload) > 0 {
		var b bytes.Buffer
		if err := json.Indent(&b, payload, "", "  "); err != nil {
			w.fail(rw, r, err)
			return
		}
		p.Payload = b.String()
	}
	p.Page = w.page(r, ui.Page{
		Title: "Check without sending", Nav: ui.AreaOpportunities, Lead: ui.Text(deal.Name + " · " + c.Portal()),
		Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}, {Label: deal.Name, Href: dealPath(deal.ID, string(c))}},
	})
	w.render(rw, r, http.StatusOK, dryView(p))
}

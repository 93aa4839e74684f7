package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// bulkLimit is how many rows one act takes.
const bulkLimit = bulk.Most

// bulkRow is what will happen, or happened, to one opportunity.
type bulkRow struct {
	ID, Name, Account string
	Will              bool // it is among those that the act changes
	Outcome           ui.Badge
	Why               string
}

// bulkPage is the preview or the result of an act on many opportunities.
type bulkPage struct {
	Page   ui.Page
	Notice ui.Notice
	Rows   []bulkRow
	Cloud  cloud.Cloud
	Clouds []ui.Option // more than one: a choice
	Done   bool
	Do     ui.Button
	Back   string

	// The form of the joint decision.
	Joint  string
	Reason string
	Fields []problem.Field
}

func (p *bulkPage) ids() []string {
	var out []string
	for _, r := range p.Rows {
		if r.Will {
			out = append(out, r.ID)
		}
	}
	return out
}

// selected gives the ids that the form sent.
func selected(r *http.Request) ([]string, error) {
	var out []string
	for _, s := range r.Form["id"] {
		if id.Valid("opp", s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch {
	case len(out) == 0:
		return nil, &problem.Error{Kind: problem.KindInvalid, Code: "nothing_selected", Message: "No opportunity was selected: tick the rows to act on, then press the button again"}
	case len(out) > bulkLimit:
		return nil, &problem.Error{Kind: problem.KindInvalid, Code: "too_many_selected", Message: fmt.Sprintf("%s opportunities were selected: act on at most %d at once", ui.Count(int64(len(out))), bulkLimit)}
	}
	return out, nil
}

// bulkStart does what all bulk acts begin with: who may, what is selected.
func (o *opportunities) bulkStart(rw http.ResponseWriter, r *http.Request, a authz.Action) ([]string, bool) {
	if err := authz.Require(r.Context(), a); err != nil {
		o.fail(rw, r, err)
		return nil, false
	}
	ids, err := selected(r)
	if err != nil {
		o.fail(rw, r, err)
		return nil, false
	}
	return ids, true
}

func (o *opportunities) bulkCloud(r *http.Request) (cloud.Cloud, []ui.Option, error) {
	clouds := o.connected()
	if len(clouds) == 0 {
		return "", nil, problem.Conflict("not_connected", "No partner's portal is connected: see Connections")
	}
	c := cmp.Or(cloud.Cloud(r.FormValue("cloud")), clouds[0])
	if !slices.Contains(clouds, c) {
		return "", nil, problem.Conflict("not_connected", "That partner's portal is not connected: see Connections")
	}
	var options []ui.Option
	for _, x := range clouds {
		options = append(options, ui.Option{Value: string(x), Label: x.Label(), Selected: x == c})
	}
	return c, options, nil
}

// bulkRegister shows what would happen to each selected opportunity.
func (o *opportunities) bulkRegister(rw http.ResponseWriter, r *http.Request) {
	ids, ok := o.bulkStart(rw, r, authz.ActionRegister)
	if !ok {
		return
	}
	c, options, err := o.bulkCloud(r)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	p := bulkPage{Cloud: c, Clouds: options, Back: back(r, listPath)}
	n := 0
	for _, x := range ids {
		row, err := o.foresee(r, x, c)
		if err != nil {
			o.fail(rw, r, err)
			return
		}
		if row.Will {
			n++
		}
		p.Rows = append(p.Rows, row)
	}
	p.Do = ui.Button{Label: "Register " + plural(int64(n), "opportunity", "opportunities") + " with " + c.Label(), Variant: ui.VariantPrimary, Icon: ui.IconRegister}
	if n == 0 {
		p.Do.Label, p.Do.Blocked = "Register with "+c.Label(), "None of the selected opportunities can be registered now; each row says why"
	}
	p.Page = o.page(r, ui.Page{
		Title: "Register with " + c.Label(), Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}},
		Lead: ui.Text(fmt.Sprintf("%d of %d selected would be sent to %s. Nothing was sent yet.", n, len(ids), c.Portal())),
	})
	o.render(rw, r, http.StatusOK, bulkRegisterPage(p))
}

// foresee says what Register would do to one opportunity.
func (o *opportunities) foresee(r *http.Request, opportunityID string, c cloud.Cloud) (bulkRow, error) {
	deal, joint, err := o.app.Opportunities.Get(r.Context(), opportunityID)
	if problem.Is(err, problem.KindNotFound) {
		return bulkRow{ID: opportunityID, Name: opportunityID, Outcome: ui.Badge{Text: "Left out"}, Why: "It is not there any more"}, nil
	}
	if err != nil {
		return bulkRow{}, err
	}
	row := bulkRow{ID: deal.ID, Name: deal.Name, Account: deal.AccountName}
	have, err := o.app.Workspace.Registrations(r.Context(), workspace.RegistrationQuery{OpportunityID: deal.ID, Clouds: []cloud.Cloud{c}, Limit: 1})
	if err != nil {
		return row, err
	}
	var state registration.State
	if len(have.Rows) > 0 {
		state = have.Rows[0].State
	}
	switch {
	case state.InPortal() && state != "":
		row.Outcome, row.Why = ui.Badge{Text: "Left out"}, "It is in "+c.Portal()+" already: "+state.Label()
		return row, nil
	case !slices.Contains(opportunity.JointWith(joint), c):
		row.Outcome, row.Why = ui.Badge{Text: "Left out"}, "It is not joint with "+c.Label()+": mark it as joint first"
		return row, nil
	}
	dry, _, err := o.app.Registrations.Register(r.Context(), deal.ID, c, true)
	switch {
	case err != nil && problem.KindOf(err) == problem.KindInternal:
		return row, err
	case err != nil:
		row.Outcome, row.Why = ui.Badge{Tone: ui.ToneDanger, Text: "Cannot be sent"}, err.Error()
	case dry.Blocking > 0:
		row.Outcome, row.Why = ui.Badge{Tone: ui.ToneWarn, Text: plural(dry.Blocking, "field to mend", "fields to mend")}, blockingLabels(dry.Findings)
	case state == registration.StateFailed:
		row.Will, row.Outcome, row.Why = true, ui.Badge{Tone: ui.ToneInfo, Text: "Will be tried again"}, have.Rows[0].Error
	default:
		row.Will, row.Outcome, row.Why = true, ui.Badge{Tone: ui.ToneSuccess, Text: "Will be registered"}, "All checks hold"
		if n := len(dry.Findings); n > 0 {
			row.Why = "Nothing blocks it; " + plural(int64(n), "warning", "warnings")
		}
	}
	return row, nil
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

// bulkRegisterDo registers what was confirmed and tells of each.
func (o *opportunities) bulkRegisterDo(rw http.ResponseWriter, r *http.Request) {
	ids, ok := o.bulkStart(rw, r, authz.ActionRegister)
	if !ok {
		return
	}
	c, _, err := o.bulkCloud(r)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	p := bulkPage{Cloud: c, Done: true, Back: listPath}
	done, waiting := 0, 0
	for _, x := range ids {
		row, err := o.foresee(r, x, c)
		if err != nil {
			o.fail(rw, r, err)
			return
		}
		if row.Will {
			res, err := o.app.Approvals.Register(r.Context(), x, c)
			switch {
			case err == nil && res.Waiting != nil:
				waiting++
				row.Outcome, row.Why = ui.Badge{Tone: ui.ToneInfo, Text: "Waits for approval"}, res.Waiting.Message()
			case err == nil:
				done++
				row.Outcome, row.Why = ui.Badge{Tone: ui.ToneSuccess, Text: "On its way"}, "Tandem sends it to "+c.Portal()+" now"
			case problem.KindOf(err) == problem.KindInternal:
				o.fail(rw, r, err)
				return
			default:
				row.Outcome, row.Why = ui.Badge{Tone: ui.ToneDanger, Text: "Refused"}, err.Error()
			}
		}
		p.Rows = append(p.Rows, row)
	}
	title := fmt.Sprintf("%d of %d are on their way to %s", done, len(ids), c.Portal())
	if waiting > 0 {
		title += fmt.Sprintf(", %d wait for approval", waiting)
	}
	o.bulkResult(rw, r, p, title, done+waiting == len(ids))
}

func (o *opportunities) bulkResult(rw http.ResponseWriter, r *http.Request, p bulkPage, title string, all bool) {
	p.Notice = ui.Notice{Tone: ui.ToneSuccess, Title: title}
	if !all {
		p.Notice.Tone, p.Notice.Text = ui.ToneWarn, "The rows that were left out say why."
	}
	p.Page = o.page(r, ui.Page{Title: "What was done", Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}})
	o.render(rw, r, http.StatusOK, bulkRegisterPage(p))
}

// bulkJoint asks for the decision on the selected opportunities.
func (o *opportunities) bulkJoint(rw http.ResponseWriter, r *http.Request) {
	ids, ok := o.bulkStart(rw, r, authz.ActionMarkJoint)
	if !ok {
		return
	}
	o.jointForm(rw, r, http.StatusOK, ids, bulkPage{Cloud: cloud.AWS, Joint: "yes", Back: back(r, listPath)})
}

func (o *opportunities) jointForm(rw http.ResponseWriter, r *http.Request, status int, ids []string, p bulkPage) {
	for _, c := range cloud.All() {
		p.Clouds = append(p.Clouds, ui.Option{Value: string(c), Label: c.Label(), Selected: c == p.Cloud})
	}
	for _, x := range ids {
		deal, joint, err := o.app.Opportunities.Get(r.Context(), x)
		if problem.Is(err, problem.KindNotFound) {
			continue
		}
		if err != nil {
			o.fail(rw, r, err)
			return
		}
		p.Rows = append(p.Rows, bulkRow{ID: deal.ID, Name: deal.Name, Account: deal.AccountName, Will: true, Outcome: jointNow(joint), Why: jointWhy(joint)})
	}
	p.Page = o.page(r, ui.Page{
		Title: "Joint or not", Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}},
		Lead: ui.Text("Your word outranks the rule, until you give it back to the rule. Joint deals that pass the checks are registered."),
	})
	o.render(rw, r, status, bulkJointPage(p))
}

// jointNow says with which clouds an opportunity is joint.
func jointNow(joint []opportunity.Joint) ui.Badge {
	var names []string
	for _, c := range opportunity.JointWith(joint) {
		names = append(names, ui.CloudName(string(c)))
	}
	if len(names) == 0 {
		return ui.Badge{Text: "Not joint"}
	}
	return ui.Badge{Tone: ui.ToneInfo, Text: "Joint with " + strings.Join(names, ", ")}
}

func jointWhy(joint []opportunity.Joint) string {
	var out []string
	for _, j := range joint {
		out = append(out, j.Why)
	}
	return strings.Join(out, "; ")
}

// jointChoice reads the decision of a form: yes, no, or the rule's (nil).
func jointChoice(s string) (*bool, error) {
	switch s {
	case "yes":
		return new(true), nil
	case "no":
		return new(false), nil
	case "rule":
		return nil, nil //nolint:nilnil // nil is the third choice
	}
	return nil, problem.Invalid("joint", "required", "Choose joint, not joint, or the rule's decision")
}

func (o *opportunities) bulkJointDo(rw http.ResponseWriter, r *http.Request) {
	ids, ok := o.bulkStart(rw, r, authz.ActionMarkJoint)
	if !ok {
		return
	}
	form := bulkPage{Cloud: cloud.Cloud(r.FormValue("cloud")), Joint: r.FormValue("joint"), Reason: r.FormValue("reason"), Back: localPath(r.FormValue("back"), listPath)}
	joint, err := jointChoice(form.Joint)
	p := bulkPage{Cloud: form.Cloud, Done: true, Back: form.Back}
	done, waiting := 0, 0
	for _, x := range ids {
		var res approval.Result
		if err == nil {
			res, err = o.app.Approvals.MarkJoint(r.Context(), x, form.Cloud, joint, form.Reason)
		}
		if fields, _, ok := fieldsOf(err); ok && len(fields) > 0 && done+waiting == 0 {
			form.Fields = fields
			o.jointForm(rw, r, http.StatusUnprocessableEntity, ids, form)
			return
		}
		row := bulkRow{ID: x, Name: x}
		switch {
		case err == nil:
			done++
			if res.Waiting != nil {
				done--
				waiting++
			}
			deal, now, gerr := o.app.Opportunities.Get(r.Context(), x)
			if gerr != nil {
				o.fail(rw, r, gerr)
				return
			}
			row.Name, row.Account, row.Outcome, row.Why = deal.Name, deal.AccountName, jointNow(now), jointWhy(now)
			if res.Waiting != nil {
				row.Outcome, row.Why = ui.Badge{Tone: ui.ToneInfo, Text: "Waits for approval"}, res.Waiting.Message()
			}
		case problem.KindOf(err) == problem.KindInternal:
			o.fail(rw, r, err)
			return
		default:
			row.Outcome, row.Why = ui.Badge{Tone: ui.ToneDanger, Text: "Refused"}, err.Error()
			err = nil
		}
		p.Rows = append(p.Rows, row)
	}
	title := fmt.Sprintf("%d of %d were decided", done, len(ids))
	if waiting > 0 {
		title += fmt.Sprintf(", %d wait for approval", waiting)
	}
	o.bulkResult(rw, r, p, title, done+waiting == len(ids))
}

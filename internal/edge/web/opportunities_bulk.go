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
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// bulkLimit is how many rows one act takes.
const bulkLimit = bulk.Most

// bulkRow is how one opportunity stands in a joint decision.
type bulkRow struct {
	ID, Name, Account string
	Outcome           ui.Badge
	Why               string
}

// bulkPage is the form of a joint decision on many opportunities, or its result.
type bulkPage struct {
	Page   ui.Page
	Notice ui.Notice
	Rows   []bulkRow
	Cloud  cloud.Cloud
	Clouds []ui.Option
	Back   string
	Joint  string
	Reason string
	Fields []problem.Field
}

func (p *bulkPage) ids() []string {
	var out []string
	for _, r := range p.Rows {
		out = append(out, r.ID)
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

func (o *opportunities) bulkResult(rw http.ResponseWriter, r *http.Request, p bulkPage, title string, all bool) {
	p.Notice = ui.Notice{Tone: ui.ToneSuccess, Title: title}
	if !all {
		p.Notice.Tone, p.Notice.Text = ui.ToneWarn, "The rows that were left out say why."
	}
	p.Page = o.page(r, ui.Page{Title: "What was done", Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}})
	o.render(rw, r, http.StatusOK, bulkResultPage(p))
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
		p.Rows = append(p.Rows, bulkRow{ID: deal.ID, Name: deal.Name, Account: deal.AccountName, Outcome: jointNow(joint), Why: jointWhy(joint)})
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
	p := bulkPage{Cloud: form.Cloud, Back: form.Back}
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

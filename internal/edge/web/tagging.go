package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const taggingPath = "/tagging"

func (w *Web) routesTagging() {
	w.get(taggingPath, w.tagging)
	w.post(taggingPath+"/correct", w.taggingCorrect)
	w.post(taggingPath+"/accept", w.taggingAccept)
	w.post(taggingPath+"/reopen", w.taggingReopen)
	w.post(taggingPath+"/corrections/{id}/withdraw", w.taggingWithdraw)
	for _, act := range []string{"correct", "accept", "reopen"} { // a reload after a refused form
		w.get(taggingPath+"/"+act, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, taggingPath, http.StatusSeeOther) })
	}
}

type taggingPage struct {
	Page    ui.Page
	Filters ui.FilterBar
	Table   ui.DataTable
	Notice  ui.Notice
}

// tagRef names a finding as somebody saw it.
type tagRef struct {
	Opportunity string `json:"o"`
	Rule        string `json:"r"`
	Tags        string `json:"t"`
}

func refOf(x *tagging.Finding) string {
	text, err := json.Marshal(tagRef{x.Opportunity.ID, x.Rule.ID, x.Tags})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errTagRef = problem.Invalid("id", "malformed", "The form is not whole: open the list again")

func readTagRef(text string) (tagRef, error) {
	var x tagRef
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &x) != nil || x.Opportunity == "" || x.Rule == "" {
		return x, errTagRef
	}
	return x, nil
}

func (w *Web) tagging(rw http.ResponseWriter, r *http.Request) {
	v, bad := readQuery(r)
	if err := bad.Err(); err != nil {
		w.fail(rw, r, err)
		return
	}
	q := tagging.Query{Rules: v["rule"], Owners: v["owner"], Open: v.Get("status") == "open", After: v.Get("after")}
	page, err := w.app.Tagging.List(r.Context(), q)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	bar, err := w.taggingFilters(r, v)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	why := whyBlocked(r, authz.ActionUpdate, "Your role reads only: ask somebody of the alliance team")
	p := taggingPage{Filters: bar, Table: taggingTable(page.Rows, why)}
	p.Table.Bulk = []ui.Button{{Label: "Correct in Salesforce", Icon: ui.IconCheck, FormAction: taggingPath + "/correct", Blocked: why}}
	p.Table.Pager = &ui.Pager{To: len(page.Rows), Total: -1}
	base := copied(v, "after")
	if q.After != "" {
		p.Table.Pager.FirstHref = address(taggingPath, base)
	}
	if page.Next != "" {
		next := copied(base)
		next.Set("after", page.Next)
		p.Table.Pager.NextHref = address(taggingPath, next)
	}
	p.Page = w.page(r, ui.Page{Title: "Tagging", Nav: ui.AreaTagging, Lead: ui.Text("Deals whose partner and route fields in Salesforce are wrong, what that breaks, and the correction.")})
	w.render(rw, r, http.StatusOK, taggingHTML(p))
}

func (w *Web) taggingFilters(r *http.Request, v url.Values) (ui.FilterBar, error) {
	base := copied(v, "after")
	bar := ui.FilterBar{ID: "f", Action: taggingPath, Keep: keptParams(base)}
	rules, _, err := w.app.Tagging.Rules(r.Context())
	if err != nil {
		return bar, err
	}
	counts, err := w.app.Tagging.Counts(r.Context())
	if err != nil {
		return bar, err
	}
	choices, err := w.app.Workspace.Choices(r.Context())
	if err != nil {
		return bar, err
	}
	var options, owners []ui.Option
	for i := range rules {
		if at := slices.IndexFunc(counts, func(c tagging.RuleCount) bool { return c.Rule == rules[i].ID }); at >= 0 {
			options = append(options, ui.Option{Value: rules[i].ID, Label: rules[i].Title, Hint: ui.Count(counts[at].Count)})
		}
	}
	for _, x := range choices.Owners {
		owners = append(owners, ui.Option{Value: x.Value, Label: x.Label})
	}
	filterMany(&bar, base, "rule", "What is wrong", options)
	filterMany(&bar, base, "owner", "Owner", owners)
	filterMany(&bar, base, "status", "Status", []ui.Option{{Value: "open", Label: "Open deals only"}})
	return bar, nil
}

func taggingTable(rows []tagging.Finding, blocked string) ui.DataTable {
	t := ui.DataTable{
		ID: "tags", Caption: "Deals that are tagged wrongly", NoChooser: true,
		Columns: []ui.Column{{Key: "name", Label: "Opportunity", Fixed: true}, {Key: "what", Label: "What is wrong", Grow: true}, {Key: "fix", Label: "Correction"}, {Key: "owner", Label: "Owner"}, {Key: "age", Label: "Since"}},
		Empty:   ui.EmptyState{Icon: ui.IconCheckCircle, Title: "No deal is tagged wrongly", Text: "Deals whose partner and route fields break a tagging rule are listed here, each with what it breaks and a correction to confirm."},
	}
	for i := range rows {
		x := &rows[i]
		t.Rows = append(t.Rows, ui.Row{
			ID: refOf(x), Name: x.Opportunity.Name + ", " + x.Rule.Title, Href: listPath + "/" + x.Opportunity.ID,
			Cells: []templ.Component{ui.Two(x.Opportunity.Name, x.Opportunity.AccountName), tagWrong(x), tagFix(x, blocked), ui.PersonName(x.Opportunity.OwnerName), ui.Time{At: x.FoundAt, Style: ui.TimeAgo}},
		})
	}
	return t
}

// breaksBadges says what a rule's fault breaks, each as a badge.
func breaksBadges(list []tagging.Breaks) []ui.Badge {
	out := make([]ui.Badge, len(list))
	for i, b := range list {
		out[i] = ui.Badge{Tone: ui.ToneWarn, Text: b.Label()}
	}
	return out
}

func valueWords(s string) string { return fallback(s, "empty") }

// lastWords says how the last correction of a finding went; ok false when there is
// none to speak of.
func lastWords(c *tagging.Correction) (n ui.Notice, ok bool) {
	if c == nil {
		return n, false
	}
	switch c.State {
	case tagging.CorrectionPending:
		return ui.Notice{Tone: ui.ToneInfo, Text: "Confirmed by " + c.AskedBy + ", on its way to Salesforce"}, true
	case tagging.CorrectionWritten:
		return ui.Notice{Tone: ui.ToneSuccess, Text: "Salesforce has it. This goes with the next read."}, true
	case tagging.CorrectionRefused:
		return ui.Notice{Tone: ui.ToneDanger, Title: "Salesforce refused it", Text: c.Error}, true
	case tagging.CorrectionOvertaken:
		return ui.Notice{Tone: ui.ToneWarn, Text: c.Error}, true
	}
	return n, false
}

func (w *Web) taggingCorrect(rw http.ResponseWriter, r *http.Request) {
	ids := r.PostForm["id"]
	if len(ids) == 0 {
		w.fail(rw, r, problem.Invalid("id", "required", "Select at least one deal"))
		return
	}
	if len(ids) > 200 {
		w.fail(rw, r, problem.Invalid("id", "too_many", "Correct at most 200 deals at once"))
		return
	}
	var done []tagging.Correction
	var refused []string
	for _, text := range ids {
		ref, err := readTagRef(text)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		c, err := w.app.Tagging.Correct(r.Context(), ref.Opportunity, ref.Rule, ref.Tags)
		switch problem.KindOf(err) {
		case "":
			done = append(done, c)
		case problem.KindConflict, problem.KindPrecondition, problem.KindNotFound:
			if len(ids) == 1 {
				w.fail(rw, r, err)
				return
			}
			refused = append(refused, err.Error())
		default:
			w.fail(rw, r, err)
			return
		}
	}
	undo := ""
	message := fmt.Sprintf("%d %s on the way to Salesforce", len(done), noun(len(done), "correction"))
	if len(ids) == 1 {
		undo = taggingPath + "/corrections/" + done[0].ID + "/withdraw"
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		w.sessions.Put(r.Context(), keyWarning, fmt.Sprintf("%d left out. %s", len(refused), strings.Join(slices.Compact(refused), " ")))
	}
	w.done(rw, r, back(r, taggingPath), message, undo)
}

func (w *Web) taggingWithdraw(rw http.ResponseWriter, r *http.Request) {
	if err := w.app.Tagging.Withdraw(r.Context(), r.PathValue("id")); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, back(r, taggingPath), "Withdrawn: Salesforce does not get it", "")
}

func (w *Web) taggingAccept(rw http.ResponseWriter, r *http.Request) {
	ref, err := readTagRef(r.PostFormValue("finding"))
	if err == nil {
		err = w.app.Tagging.Accept(r.Context(), ref.Opportunity, ref.Rule, ref.Tags, r.PostFormValue("reason"))
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	undo := taggingPath + "/reopen?" + url.Values{"opportunity": {ref.Opportunity}, "rule": {ref.Rule}}.Encode()
	w.done(rw, r, back(r, taggingPath), "Accepted as it is, while its tags stay as they are", undo)
}

func (w *Web) taggingReopen(rw http.ResponseWriter, r *http.Request) {
	if err := w.app.Tagging.Reopen(r.Context(), r.FormValue("opportunity"), r.FormValue("rule")); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, back(r, taggingPath), "It counts as wrong again", "")
}

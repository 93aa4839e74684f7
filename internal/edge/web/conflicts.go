package web

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const (
	conflictsPath = "/conflicts"
	// conflictsShown is how many conflicts the page shows.
	conflictsShown = 200

	whyNotUpdate = "Your role reads only: ask somebody of the alliance team to change it"
)

func (w *Web) routesConflicts() {
	w.get(conflictsPath, func(rw http.ResponseWriter, r *http.Request) { w.showConflicts(rw, r, http.StatusOK, nil) })
	w.post(conflictsPath, w.settleConflict)
}

// valueInput is how a person enters a field's value.
type valueInput struct {
	ID      string // of the element
	Info    registration.FieldInfo
	Entered []string
	Fault   string
	Faults  map[string]string // of rows: by row and column
	Added   int               // the number of a row that was just added, 0 for none
	Action  string            // where the form goes
}

// kind is the HTML type of a one-line input.
func (v valueInput) kind() string {
	if v.Info.Input == registration.InputDate {
		return "date"
	}
	return "text"
}

func (v valueInput) first() string {
	if len(v.Entered) == 0 {
		return ""
	}
	return v.Entered[0]
}

// choices lists the options, and a value that is none of them, so that it is not
// lost unseen.
func (v valueInput) choices() []string {
	out := slices.Clone(v.Info.Options)
	for _, e := range v.Entered {
		if e != "" && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// side is one of the three values of a conflict.
type side struct {
	Label string
	Runs  []run
}

// conflictPart is one conflict, with all that is needed to settle it.
type conflictPart struct {
	ID             string
	RegistrationID string
	Path           string
	Label          string
	Portal         string
	Reason         string
	Field          registration.Field
	Sides          []side
	Input          valueInput
	Open           bool      // the form for another value
	Notice         ui.Notice // what became of an attempt to settle it
	Back           string
	Blocked        string // why this person cannot settle it
	Lock           registration.Lock
}

// conflictGroup is one deal with its conflicts.
type conflictGroup struct {
	First     registration.OpenField
	Conflicts []conflictPart
}

type conflictsData struct {
	page   ui.Page
	notice ui.Notice
	groups []conflictGroup
	empty  ui.EmptyState
	total  int64
}

// refusedSettle is an attempt to settle that was refused.
type refusedSettle struct {
	RegistrationID string
	Path           string
	Entered        []string
	Added          int             // the number of a row that was just added
	Fields         []problem.Field // what is wrong with what was entered
	Message        string          // why nothing was done; "" when a row was added or removed only
}

func conflictID(f *registration.Field) string { return f.RegistrationID + "-" + f.Path }

// conflictOf lays a conflict out for people.
func (w *Web) conflictOf(r *http.Request, c cloud.Cloud, info registration.FieldInfo, f registration.Field, back string, refused *refusedSettle) conflictPart {
	p := conflictPart{
		ID: conflictID(&f), RegistrationID: f.RegistrationID, Path: f.Path, Label: fallback(f.Label, f.Path), Portal: c.Portal(), Reason: f.Reason, Field: f,
		Back: back, Blocked: whyBlocked(r, authz.ActionUpdate, whyNotUpdate),
		Input: valueInput{ID: conflictID(&f) + "-value", Info: info, Entered: info.Entered(fallback(f.Ours, f.Theirs)), Action: conflictsPath},
	}
	base, ours, theirs := info.Text(f.Base), info.Text(f.Ours), info.Text(f.Theirs)
	theirBase := info.Text(f.BaseTheirs)
	left, right := apart(base, theirBase, ours, theirs)
	p.Sides = []side{{"Ours, in Salesforce", left}, {"Last agreed", []run{{text: base}}}, {"In " + c.Portal(), right}}
	if base != theirBase {
		p.Sides[1] = side{"Left different, as", []run{{text: "ours: " + fallback(base, "nothing") + "\ntheirs: " + fallback(theirBase, "nothing")}}}
	}
	if refused != nil && refused.RegistrationID == f.RegistrationID && refused.Path == f.Path {
		if refused.Message != "" {
			p.Notice = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was done", Text: refused.Message}
		}
		if refused.Entered != nil {
			p.Open, p.Input.Entered, p.Input.Added = true, refused.Entered, refused.Added
			p.Input.faults(refused.Fields)
		}
	}
	return p
}

func infoOf(infos []registration.FieldInfo, path string) registration.FieldInfo {
	if i := slices.IndexFunc(infos, func(f registration.FieldInfo) bool { return f.Path == path }); i >= 0 {
		return infos[i]
	}
	return registration.FieldInfo{Path: path, Label: path, Input: registration.InputJSON}
}

func (w *Web) showConflicts(rw http.ResponseWriter, r *http.Request, status int, refused *refusedSettle) {
	open, err := w.app.Registrations.Open(r.Context(), registration.FieldConflict, conflictsShown)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := conflictsData{empty: ui.EmptyState{
		Icon: ui.IconCheckCircle, Title: "Nothing is in conflict",
		Text: "A field that changes in Salesforce and in a partner's portal between two looks stands here until somebody says which value holds. Who wins a field without being asked is a setting.",
	}}
	if may(r, authz.ActionChangeSettings) {
		d.empty.Actions = []ui.Button{{Label: "Who wins each field", Href: "/settings/field-owners"}}
	}
	if d.total, err = w.app.Registrations.CountOpen(r.Context(), registration.FieldConflict); err != nil {
		w.fail(rw, r, err)
		return
	}
	infos := map[cloud.Cloud][]registration.FieldInfo{}
	at := map[string]int{}
	seen := false
	for _, f := range open {
		if _, ok := infos[f.Cloud]; !ok {
			if infos[f.Cloud], err = w.app.Registrations.FieldInfos(r.Context(), f.Cloud); err != nil {
				w.fail(rw, r, err)
				return
			}
		}
		i, ok := at[f.RegistrationID]
		if !ok {
			i = len(d.groups)
			at[f.RegistrationID] = i
			d.groups = append(d.groups, conflictGroup{First: f})
		}
		part := w.conflictOf(r, f.Cloud, infoOf(infos[f.Cloud], f.Path), f.Field, conflictsPath, refused)
		seen = seen || part.Notice.Title != ""
		d.groups[i].Conflicts = append(d.groups[i].Conflicts, part)
	}
	if refused != nil && refused.Message != "" {
		d.notice = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was done", Text: refused.Message}
		if seen {
			d.notice.Actions = []ui.Button{{Label: "Show the values as they are now", Small: true, Href: "#" + refused.RegistrationID + "-" + refused.Path}}
		} else {
			d.notice.Tone, d.notice.Title = ui.ToneInfo, "This conflict is no more"
		}
	}
	lead := ui.Text("Fields that changed on both sides. Nothing is sent and nothing is lost until somebody decides.")
	if d.total > int64(len(open)) {
		lead = ui.Text("These are the " + strconv.Itoa(len(open)) + " oldest of " + ui.Count(d.total) + " fields that changed on both sides.")
	}
	d.page = w.page(r, ui.Page{
		Title: "Conflicts", Nav: ui.AreaConflicts, Lead: lead,
		Shortcuts: []ui.Shortcut{
			{Keys: []string{"j", "k"}, Does: "Next and previous conflict"},
			{Keys: []string{"1"}, Does: "Keep ours"},
			{Keys: []string{"2"}, Does: "Take theirs"},
			{Keys: []string{"3"}, Does: "Leave both as they are"},
			{Keys: []string{"4"}, Does: "Enter another value"},
		},
	})
	w.render(rw, r, status, conflictsView(d))
}

func (w *Web) settleConflict(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	x := refusedSettle{RegistrationID: r.PostFormValue("registration"), Path: r.PostFormValue("path")}
	ours, theirs := r.PostFormValue("ours"), r.PostFormValue("theirs")
	choice := registration.Choice(r.PostFormValue("choice"))
	reg, err := w.app.Registrations.Get(ctx, x.RegistrationID)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	infos, err := w.app.Registrations.FieldInfos(ctx, reg.Cloud)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	info, value := infoOf(infos, x.Path), ""
	if choice == registration.ChoiceEdit {
		var added int
		var asked bool
		if x.Entered, added, asked = enteredValue(r, info); asked {
			x.Added = added + 1
			w.showConflicts(rw, r, http.StatusOK, &x)
			return
		}
		value, err = info.Value(x.Entered, fallback(ours, theirs))
	}
	var res approval.Result
	if err == nil {
		res, err = w.app.Approvals.Settle(ctx, x.RegistrationID, x.Path, choice, ours, theirs, value)
	}
	switch kind := problem.KindOf(err); {
	case err == nil:
		w.done(rw, r, localPath(r.PostFormValue("back"), conflictsPath), doneOrWaits(res, settledWords(choice, info.Label, reg.Cloud)), "")
	case kind == problem.KindNotFound:
		x.Message = info.Label + " was settled already, or the two sides agree by now."
		w.showConflicts(rw, r, http.StatusNotFound, &x)
	case kind == problem.KindInvalid && choice == registration.ChoiceEdit:
		p := asProblem(err)
		x.Message = "The value that you entered cannot be used: mend it and send it again."
		if x.Fields = p.Fields; len(x.Fields) == 0 {
			x.Fields = []problem.Field{{Field: "value", Message: p.Message}}
		}
		w.showConflicts(rw, r, http.StatusUnprocessableEntity, &x)
	case kind == problem.KindPrecondition || kind == problem.KindConflict:
		x.Message = asProblem(err).Message
		w.showConflicts(rw, r, ui.StatusOf(kind), &x)
	default:
		w.fail(rw, r, err)
	}
}

// doneOrWaits says what was done, or that a Director decides on it first.
func doneOrWaits(res approval.Result, done string) string {
	if res.Waiting != nil {
		return res.Waiting.Message()
	}
	return done
}

func settledWords(choice registration.Choice, label string, c cloud.Cloud) string {
	switch choice {
	case registration.ChoiceOurs:
		return label + ": ours goes to " + c.Portal()
	case registration.ChoiceTheirs:
		return label + ": the value of " + c.Portal() + " is taken over"
	case registration.ChoiceBoth:
		return label + ": each side keeps its own until one changes"
	}
	return label + ": the new value goes to " + c.Portal() + " and, where it has the field, to Salesforce"
}

package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func createPath(id string) string { return invitationPath(id) + "/create" }

// createForm is what was entered into the form of a new opportunity, nil at first.
type createForm struct {
	Values map[string]string
	Query  string // the account that is looked for
	Fields []problem.Field
	Notice ui.Notice
}

// createPage shows what an opportunity would be made of in Salesforce, from what.
type createPage struct {
	Page   ui.Page
	Offer  invitation.Invitation
	Notice ui.Notice
	Form   createForm
	Inputs []createInput
	Facts  []ui.Fact
	Asks   bool
	Make   ui.Button
}

// createInput is one field of the new opportunity.
type createInput struct {
	invitation.FormField
	Hint     string
	Error    string
	Accounts []ui.Option // of the account
	People   []ui.Option // of the owner
	None     bool        // no account is called what was looked for
}

func (w *Web) invitationCreate(rw http.ResponseWriter, r *http.Request) {
	w.showCreate(rw, r, http.StatusOK, createForm{})
}

// showCreate shows the form, with what was entered if it was sent before.
func (w *Web) showCreate(rw http.ResponseWriter, r *http.Request, status int, form createForm) {
	p, err := w.readCreate(r, form)
	if problem.Is(err, problem.KindConflict) && p != nil { // it cannot be made: the page says why
		p.Notice = ui.Notice{Tone: ui.ToneWarn, Title: "No opportunity can be made of it in Salesforce now", Text: asProblem(err).Message}
		status, err = http.StatusConflict, nil
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, status, createView(p))
}

func (w *Web) readCreate(r *http.Request, form createForm) (*createPage, error) {
	ctx := r.Context()
	i, err := w.app.Invitations.Get(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p := &createPage{Offer: i, Form: form, Notice: form.Notice, Facts: offerFacts(&i)}
	p.Page = w.page(r, ui.Page{
		Title: "Create in Salesforce", Nav: ui.AreaInvitations, Lead: ui.Text(i.Name()),
		Crumbs: []ui.Crumb{{Label: "Invitations", Href: invitationsPath}, {Label: i.Name(), Href: invitationPath(i.ID)}},
	})
	p.Make = ui.Button{Label: "Create in Salesforce", Icon: ui.IconCheck, Variant: ui.VariantPrimary}
	f, err := w.app.Invitations.Form(ctx, i.ID)
	if err != nil {
		return p, err
	}
	if p.Asks, err = w.asks(ctx, authz.ActionAccept); err != nil {
		return nil, err
	}
	people, err := w.app.Team.People(ctx)
	if err != nil {
		return nil, err
	}
	found := f.Accounts
	if form.Query != "" {
		page, err := w.app.Accounts.List(ctx, form.Query, "", 20)
		if err != nil {
			return nil, err
		}
		found = page.Rows
	}
	for _, x := range f.Fields {
		in := createInput{FormField: x, Error: x.Fault, Hint: createHint(&i, &x)}
		if form.Values != nil {
			in.Value, in.Error = form.Values[x.Name], faultOf(form.Fields, x.Name)
		}
		switch x.Name {
		case invitation.FieldAccount:
			in.Accounts, in.None = accountOptions(found, f.Accounts, in.Value), form.Query != "" && len(found) == 0
		case invitation.FieldOwner:
			for _, one := range people {
				if one.Active && one.CRMID != nil {
					in.People = append(in.People, ui.Option{Value: *one.CRMID, Label: joined(" · ", one.Name, one.Title), Selected: *one.CRMID == in.Value})
				}
			}
		}
		p.Inputs = append(p.Inputs, in)
	}
	return p, nil
}

// accountOptions shows the accounts that were found; the chosen one stays among them.
func accountOptions(found, suggested []account.Account, chosen string) []ui.Option {
	isChosen := func(a account.Account) bool { return a.CRMID == chosen }
	if n := slices.IndexFunc(suggested, isChosen); n >= 0 && !slices.ContainsFunc(found, isChosen) {
		found = append([]account.Account{suggested[n]}, found...)
	}
	var out []ui.Option
	for i := range found {
		a := &found[i]
		owner := ""
		if a.OwnerName != "" {
			owner = "owned by " + a.OwnerName
		}
		out = append(out, ui.Option{Value: a.CRMID, Label: a.Name, Hint: joined(" · ", a.Website, joined(", ", a.City, a.Country), owner), Selected: a.CRMID == chosen})
	}
	return out
}

// createHint says where a value comes from and where it goes.
func createHint(i *invitation.Invitation, f *invitation.FormField) string {
	switch {
	case f.From != "" && strings.ContainsRune(f.From, ' '):
		return strings.ToUpper(f.From[:1]) + f.From[1:] + " → " + f.CRMField
	case f.From != "":
		return i.Cloud.Label() + " " + f.From + " → " + f.CRMField
	case strings.HasPrefix(f.Name, "opportunity."):
		return "→ " + f.CRMField
	}
	return "Your organisation requires it → " + f.CRMField
}

// asks reports whether what the person does needs a Director's approval.
func (w *Web) asks(ctx context.Context, action authz.Action) (bool, error) {
	v, err := authz.Decide(ctx, action, authz.Facts{AmountUSD: authz.Dollars(0)})
	return v.Ruling == authz.RulingNeedsApproval, err
}

// createInputType is the HTML type of a field that is entered in one line.
func createInputType(f *createInput) string {
	switch f.FormField.Input {
	case registration.InputDate:
		return "date"
	case registration.InputLong:
		return "textarea"
	}
	return "text"
}

// createOptions are a list's values, with one of its own that is not on it.
func createOptions(f *createInput) []ui.Option {
	var out []ui.Option
	known := f.Value == ""
	for _, o := range f.Options {
		out = append(out, ui.Option{Value: o, Label: o, Selected: o == f.Value})
		known = known || o == f.Value
	}
	if !known {
		out = append(out, ui.Option{Value: f.Value, Label: f.Value, Selected: true})
	}
	return out
}

func (w *Web) invitationCreateNow(rw http.ResponseWriter, r *http.Request) {
	version, err := positive(r.PostFormValue("version"))
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionAccept)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	form := createForm{Values: map[string]string{}, Query: strings.TrimSpace(r.PostFormValue("account_query"))}
	for name := range r.PostForm {
		switch name {
		case "version", "account_query", "find":
		default:
			form.Values[name] = r.PostFormValue(name)
		}
	}
	if r.PostFormValue("find") != "" {
		w.showCreate(rw, r, http.StatusOK, form)
		return
	}
	if _, chosen := form.Values[invitation.FieldAccount]; !chosen {
		form.Values[invitation.FieldAccount] = "" // no button of the group is pressed
	}
	res, err := w.app.Invitations.Create(r.Context(), invitation.Answer{ID: r.PathValue("id"), Version: version}, form.Values)
	if err != nil {
		fields, message, ok := fieldsOf(err)
		if !ok {
			w.fail(rw, r, err)
			return
		}
		form.Fields = fields
		form.Notice = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was made", Text: message}
		w.showCreate(rw, r, ui.StatusOf(problem.KindOf(err)), form)
		return
	}
	said := "Tandem makes it in Salesforce now, and links it"
	if res.Waiting != nil {
		said = res.Waiting.Message()
	}
	w.done(rw, r, invitationPath(res.Invitation.ID), said, "")
}

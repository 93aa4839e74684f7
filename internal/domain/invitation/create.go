package invitation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// CRM is Salesforce as far as an invitation is made an opportunity in it. What it
// refuses is a problem of kind remote, with the fields that it names.
type CRM interface {
	// NewOpportunityFields describes what a new opportunity can be given, and what
	// the organisation requires of one. A problem of kind conflict says why none can
	// be made.
	NewOpportunityFields(ctx context.Context) ([]NewField, error)
	// MadeOpportunity finds the opportunity that was made under a key, "" for none.
	MadeOpportunity(ctx context.Context, key string) (crmID string, err error)
	// MakeOpportunity makes an opportunity under a key, by the names of NewField. It
	// is safe to repeat: a key is there once.
	MakeOpportunity(ctx context.Context, key string, values map[string]string) (crmID string, err error)
	// Opportunity reads one opportunity.
	Opportunity(ctx context.Context, crmID string) (opportunity.Opportunity, error)
}

// The names of the fields that this package knows of. What else the organisation
// requires has its own name.
const (
	FieldName        = "opportunity.name"
	FieldAccount     = "opportunity.account" // the account's CRM id
	FieldStage       = "opportunity.stage"
	FieldCloseOn     = "opportunity.close_on"
	FieldOwner       = "opportunity.owner" // the person's CRM id; "" is whoever owns the account
	FieldDescription = "opportunity.description"
	FieldNextSteps   = "opportunity.next_steps"
	FieldLeadSource  = "opportunity.lead_source"
	FieldType        = "opportunity.type"
)

// NewField is a field of an opportunity that is to be made. Strict says that only
// the Options are taken. Length is the most characters, 0 for no limit.
type NewField struct {
	Name     string
	CRMField string // "Opportunity.StageName"
	Label    string // the organisation's
	Input    registration.Input
	Required bool
	Length   int
	Options  []string
	Strict   bool
}

// Drafted is the value that a field of a new opportunity can have by what the
// portal says, and where it says it. Besides the fields of an opportunity the
// names "account.name" and "account.website" say who the customer is.
type Drafted struct {
	Field string
	Value string
	From  string
}

// Draft is the opportunity of Salesforce that an invitation is to become. Faults
// are what Salesforce refused last, by field.
type Draft struct {
	Values map[string]string `json:"values,omitempty"`
	Faults []problem.Field   `json:"faults,omitempty"`
}

// FormField is a field with what it is suggested to hold.
type FormField struct {
	NewField
	Value string
	From  string // the portal's name of where the value stands; "" it stands nowhere
	Fault string // what Salesforce refused of it last
}

// Form is what an opportunity would be made of, before anything is made. Accounts
// are those that the customer could be, the likeliest first.
type Form struct {
	Invitation Invitation
	Fields     []FormField
	Accounts   []account.Account
}

// Creatable reports whether an opportunity of Salesforce can be made of it now. An
// accepted lead becomes one in the portal first.
func (i *Invitation) Creatable() bool { return i.Linkable() || i.Convertible() }

// originKey is under what the opportunity is made in Salesforce: the record in the
// portal is there once, and so is the opportunity.
func (i *Invitation) originKey() string { return string(i.Cloud) + "-" + i.RemoteOppID }

var errNoCRM = problem.Conflict("not_connected", "Salesforce is not connected: see Connections")

func notCreatable(i *Invitation) error {
	return problem.Conflict("not_creatable", fmt.Sprintf("No opportunity can be made of an invitation that is “%s”", i.State.Label()))
}

// maxAccounts is how many accounts a form suggests.
const maxAccounts = 8

// Form says what an opportunity of Salesforce would be made of, and from what. It
// asks Salesforce for its fields and changes nothing. Needs accept_invitation.
func (s *Service) Form(ctx context.Context, invitationID string) (Form, error) {
	i, err := s.find(ctx, invitationID, authz.ActionAccept)
	if err != nil {
		return Form{}, err
	}
	f := Form{Invitation: i}
	if !i.Creatable() {
		return f, notCreatable(&i)
	}
	fields, err := s.newFields(ctx, i.Cloud)
	if err != nil {
		return f, err
	}
	m, err := opportunity.LoadMatcher(ctx, s.db)
	if err != nil {
		return f, err
	}
	var stages []string
	for _, x := range fields {
		if x.Name != FieldStage {
			continue
		}
		for _, stage := range x.Options { // a deal that begins is one that is worked
			if ok, _ := m.Registrable(&opportunity.Opportunity{Stage: stage}, i.Cloud); ok {
				stages = append(stages, stage)
			}
		}
	}
	drafted, err := s.portals[i.Cloud].Draft(&i, stages)
	if err != nil {
		return f, err
	}
	of := func(name string) Drafted {
		n := slices.IndexFunc(drafted, func(d Drafted) bool { return d.Field == name })
		if n < 0 {
			return Drafted{}
		}
		return drafted[n]
	}
	if f.Accounts, err = account.Lookalikes(ctx, s.db, cmp.Or(of("account.name").Value, i.CustomerName), host(of("account.website").Value), maxAccounts); err != nil {
		return f, err
	}
	for _, x := range fields {
		d := of(x.Name)
		out := FormField{NewField: x, Value: d.Value, From: d.From}
		if x.Length > 0 && utf8.RuneCountInString(out.Value) > x.Length {
			out.Value = cut(out.Value, x.Length-1)
		}
		if len(x.Options) > 0 && !slices.Contains(x.Options, out.Value) {
			out.Value = ""
		}
		if x.Name == FieldAccount && len(f.Accounts) > 0 && account.Same(&f.Accounts[0], i.CustomerName, host(of("account.website").Value)) {
			out.Value, out.From = f.Accounts[0].CRMID, cmp.Or(of("account.name").From, "the customer's name")
		}
		if v, ok := i.Draft.V.Values[x.Name]; ok { // a person's, that Salesforce refused
			out.Value = v
		}
		for _, fault := range i.Draft.V.Faults {
			if fault.Field == x.Name {
				out.Fault = fault.Message
			}
		}
		f.Fields = append(f.Fields, out)
	}
	return f, nil
}

// host gives the host of a web address without www, "" for none.
func host(website string) string {
	website = strings.ToLower(strings.TrimSpace(website))
	if website != "" && !strings.Contains(website, "://") {
		website = "https://" + website
	}
	u, err := url.Parse(website)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Hostname(), "www.")
}

func (s *Service) newFields(ctx context.Context, c cloud.Cloud) ([]NewField, error) {
	if s.CRM == nil {
		return nil, errNoCRM
	}
	if _, ok := s.portals[c]; !ok {
		return nil, connected(c)
	}
	return s.CRM.NewOpportunityFields(ctx)
}

// Create has an opportunity made in Salesforce of an accepted invitation, once, and
// links the two; an accepted lead is made an opportunity in the portal first. A
// field that values does not name has what the form suggests. All wrong values are
// one problem of kind invalid. Needs accept_invitation.
func (s *Service) Create(ctx context.Context, a Answer, values map[string]string) (Result, error) {
	f, err := s.Form(ctx, a.ID)
	if err != nil {
		return Result{Invitation: f.Invitation}, err
	}
	args := arguments{Values: map[string]string{}}
	take := func(name, v string) {
		if v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n")); v != "" {
			args.Values[name] = v
		}
	}
	for _, x := range f.Fields {
		if _, given := values[x.Name]; !given {
			take(x.Name, x.Value)
		}
	}
	for name, v := range values {
		take(name, v)
	}
	if err := s.checkValues(ctx, f.Fields, args.Values); err != nil {
		return Result{Invitation: f.Invitation}, err
	}
	w := approval.Wish{Name: WishCreate, Action: authz.ActionAccept, Title: fmt.Sprintf("Make %s an opportunity in Salesforce", f.Invitation.what())}
	for _, x := range f.Fields {
		if v := args.Values[x.Name]; v != "" && x.Name != FieldAccount && x.Name != FieldOwner {
			w.Details = append(w.Details, x.Label+": "+cut(v, 120))
		}
	}
	res, err := s.wish(ctx, a, &f.Invitation, w, args)
	res.Values = args.Values
	return res, err
}

// checkValues finds what Salesforce would refuse, and gives the deal the account's
// owner where nobody else is named.
func (s *Service) checkValues(ctx context.Context, fields []FormField, values map[string]string) error {
	var bad problem.List
	for name := range values {
		if !slices.ContainsFunc(fields, func(f FormField) bool { return f.Name == name }) {
			bad.Add(name, "unknown_field", "A new opportunity has no such field")
		}
	}
	for _, f := range fields {
		v := values[f.Name]
		switch {
		case v == "" && f.Required:
			bad.Add(f.Name, "required", f.Label+" is needed: Salesforce makes no opportunity without it")
		case v == "":
		case f.Length > 0 && utf8.RuneCountInString(v) > f.Length:
			bad.Add(f.Name, "too_long", fmt.Sprintf("Use at most %d characters", f.Length))
		case f.Strict && !slices.Contains(f.Options, v):
			bad.Add(f.Name, "not_listed", fmt.Sprintf("“%s” is none of the values that Salesforce takes", cut(v, 100)))
		case f.Input == registration.InputDate:
			if _, err := date.Parse(v); err != nil {
				bad.Add(f.Name, "malformed", "Write the day as 2027-03-31")
			}
		}
	}
	if err := s.checkPeople(ctx, values, &bad); err != nil {
		return err
	}
	return bad.Err()
}

// checkPeople sees that the account and the owner are there.
func (s *Service) checkPeople(ctx context.Context, values map[string]string, bad *problem.List) error {
	if id := values[FieldAccount]; id != "" {
		a, err := account.ByCRMID(ctx, s.db, id)
		switch {
		case problem.Is(err, problem.KindNotFound):
			bad.Add(FieldAccount, "unknown_account", "Choose one of the accounts that the search finds")
		case err != nil:
			return err
		case a.Deleted:
			bad.Add(FieldAccount, "deleted", "This account was deleted in Salesforce")
		}
		if values[FieldOwner] == "" && a.OwnerCRMID != "" {
			values[FieldOwner] = a.OwnerCRMID
			return nil // Salesforce says itself if they left
		}
	}
	if id := values[FieldOwner]; id != "" {
		known, err := team.ActiveInCRM(ctx, s.db, id)
		if err != nil {
			return err
		}
		if !known {
			bad.Add(FieldOwner, "unknown_person", "Choose somebody who is active in Salesforce")
		}
	}
	return nil
}

func (s *Service) doCreate(ctx context.Context, tx *db.Tx, i *Invitation, a arguments) error {
	next := StateCreating
	switch {
	case i.Linkable():
	case i.Convertible():
		next = StateConverting
	default:
		return notCreatable(i)
	}
	by, at := i.AnsweredBy, i.AnsweredAt
	s.intend(ctx, tx, i)
	i.AnsweredBy, i.AnsweredAt, i.ContextID = by, at, ""
	i.Draft.V, i.OpportunityCRMID = Draft{Values: a.Values}, ""
	if err := i.move(next, tx.Now()); err != nil {
		return err
	}
	return s.decided(ctx, tx, i, "creating", "makes an opportunity of Salesforce of it", "invitation.create", map[string]any{"values": a.Values})
}

// create makes the opportunity in Salesforce, or finds the one that was made when
// an answer was lost, and links it. Looking costs a call and is always done: what
// somebody changed in the record meanwhile stays.
func (s *Service) create(ctx context.Context, _ Portal, i *Invitation, _ bool) error {
	if s.CRM == nil {
		return &portalError{errNoCRM}
	}
	if i.OpportunityCRMID != "" {
		o, err := s.CRM.Opportunity(ctx, i.OpportunityCRMID)
		if err != nil {
			return &portalError{err}
		}
		return s.linkMade(ctx, i.ID, o)
	}
	crmID, err := s.CRM.MadeOpportunity(ctx, i.originKey())
	subject := "It was in Salesforce already"
	if err == nil && crmID == "" {
		subject = "An opportunity was made in Salesforce"
		crmID, err = s.CRM.MakeOpportunity(ctx, i.originKey(), i.Draft.V.Values)
	}
	if err != nil {
		return &portalError{err}
	}
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.OpportunityCRMID, i.DueAt, i.Error, i.ErrorCode, i.Attempts = crmID, tx.Now(), "", "", 0
		return s.tell(ctx, tx, i, authz.KindSystem, "created", fmt.Sprintf("%s (%s)", subject, crmID), "")
	})
}

// linkMade stores the opportunity that was made, and links it.
func (s *Service) linkMade(ctx context.Context, id string, o opportunity.Opportunity) error {
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := s.Store(ctx, tx, []opportunity.Opportunity{o}); err != nil {
			return err
		}
		i, err := ByID(ctx, tx, id)
		if err != nil || i.State != StateCreating { // it arrived by its key
			return err
		}
		found, err := opportunity.ByCRMIDs(ctx, tx, []string{o.CRMID})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return problem.NotFound("opportunity", o.CRMID)
		}
		if err := s.link(ctx, tx, &i, &found[0]); err != nil {
			return err
		}
		return s.store(ctx, tx, &i, StateCreating)
	})
	if problem.Is(err, problem.KindConflict) || problem.Is(err, problem.KindNotFound) {
		return &portalError{err}
	}
	return err
}

// Arrived links opportunities that were made of invitations with them, as they come
// from Salesforce: also one whose making was never answered. It has to be called in
// the transaction that stores them, before anything asks whether they are to be
// registered: they are in the portal already.
func (s *Service) Arrived(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	for n := range list {
		o := &list[n]
		c, remoteID, ok := strings.Cut(o.OriginKey, "-")
		if !ok || o.Deleted {
			continue
		}
		i, err := byRemoteOpportunity(ctx, tx, cloud.Cloud(c), remoteID)
		if problem.Is(err, problem.KindNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if i.State != StateCreating && !i.Linkable() {
			continue
		}
		before := i.State
		i.OpportunityCRMID = o.CRMID
		err = s.link(ctx, tx, &i, o)
		if problem.Is(err, problem.KindConflict) {
			continue // one of the two is linked with something else: the invitation's page says so
		}
		if err != nil {
			return err
		}
		if err := s.store(ctx, tx, &i, before); err != nil {
			return err
		}
	}
	return nil
}

// faultsOf gives the fields that Salesforce named in a refusal.
func faultsOf(err error) []problem.Field {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p.Fields
	}
	return nil
}

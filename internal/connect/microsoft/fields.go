package microsoft

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// The paths that code turns on. Status and substatus are one field: "Closed/Won".
const (
	statusPath   = "status"
	stagePath    = "salesStage"
	reasonPath   = "statusReason"
	notesPath    = "details.notes"
	valuePath    = "details.dealValue"
	currencyPath = "details.currency"
	closePath    = "details.closingDateTime"
	contactsPath = "customerProfile.team"
)

// field is one of the record: where it stands, its name in words, which of ours it
// comes from and how. Kept fields are kept true after the registration; the service
// takes no change of the others (SWG, the list of paths).
type field struct {
	group, label, path, deal, how string
	kept                          bool
	get                           func(r *Referral) string // as people read it, "" for none
}

var fields = []field{
	{"Customer", "Company", "customerProfile.name", "account.name", "", false, func(r *Referral) string { return r.CustomerProfile.Name }},
	{"Customer", "Country", "customerProfile.address.country", "account.country", "read into its two-letter code", false, func(r *Referral) string { return r.CustomerProfile.Address.Country }},
	{"Customer", "State", "customerProfile.address.state", "account.state", "", false, func(r *Referral) string { return r.CustomerProfile.Address.State }},
	{"Customer", "City", "customerProfile.address.city", "account.city", "", false, func(r *Referral) string { return r.CustomerProfile.Address.City }},
	{"Customer", "Postal code", "customerProfile.address.postalCode", "account.postal_code", "", false, func(r *Referral) string { return r.CustomerProfile.Address.PostalCode }},
	{"Customer", "Street", "customerProfile.address.addressLine1", "account.street", "", false, func(r *Referral) string { return r.CustomerProfile.Address.AddressLine1 }},
	{"Customer", "Size", "customerProfile.size", "account.employees", "the narrowest of Microsoft's sizes", false, func(r *Referral) string { return r.CustomerProfile.Size }},
	{"Customer", "Contacts", contactsPath, "contacts", "the opportunity's contact roles, at most 50, the primary first", true, func(r *Referral) string { return showPeople(r.CustomerProfile.Team) }},
	{"Deal", "Name", "name", "opportunity.name", "", false, func(r *Referral) string { return r.Name }},
	{"Deal", "Notes", notesPath, "opportunity.description", "", true, func(r *Referral) string { return r.Details.Notes }},
	{"Deal", "Value", valuePath, "opportunity.amount", "", true, func(r *Referral) string { return plainNumber(string(r.Details.DealValue)) }},
	{"Deal", "Currency", currencyPath, "opportunity.currency", "", true, func(r *Referral) string { return r.Details.Currency }},
	{"Deal", "Close date", closePath, "opportunity.close_on", "", true, func(r *Referral) string { return dayOf(r.Details.ClosingDateTime) }},
	{"Deal", "Sales stage", stagePath, "opportunity.stage", "our stage as Microsoft's percentage", true, func(r *Referral) string { return r.SalesStage }},
	{"Deal", "State", statusPath, "opportunity.stage", "open, won or lost", true, func(r *Referral) string { return r.words() }},
	{"Deal", "Reason lost", reasonPath, "opportunity.lost_reason", "", true, func(r *Referral) string { return r.StatusReason }},
	{"Deal", "Solutions", "details.requirements.solutions", "solutions", "", false, func(r *Referral) string { return showSolutions(r.Details.Requirements.Solutions) }},
	{"Deal", "Industry", "details.requirements.industries", "account.industry", "read into Microsoft's list of industries", false, func(r *Referral) string { return showIDs(r.Details.Requirements.Industries) }},
	{"Deal", "Our id", "externalReferenceId", "opportunity.crm_id", "", false, func(r *Referral) string { return r.ExternalReferenceID }},
	{"Deal", "Type", "type", "", "the same for all deals, set with the connection", false, func(r *Referral) string { return typeOf(r).Label() }},
	{"Team", "Our team", "team", "owner", "the opportunity's owner and team", false, func(r *Referral) string { return showPeople(r.Team) }},
}

func showPeople(list []Person) string {
	var out []string
	for _, x := range list {
		name := strings.TrimSpace(x.FirstName + " " + x.LastName)
		if x.Email != "" {
			name = strings.TrimSpace(name + " <" + x.Email + ">")
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

func showSolutions(list []Solution) string {
	var out []string
	for _, s := range list {
		out = append(out, s.ID)
	}
	return strings.Join(out, ", ")
}

func showIDs(list []ID) string {
	var out []string
	for _, x := range list {
		out = append(out, x.ID)
	}
	return strings.Join(out, ", ")
}

// typeOf gives the deal type of a record of ours.
func typeOf(r *Referral) DealType {
	switch {
	case r.Type == partnercenter.TypeShared:
		return DealCoSell
	case r.Consent != nil && r.Consent.ShareWithSellers:
		return DealLed
	}
	return DealPrivate
}

func fieldAt(path string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool {
		return path == f.path || strings.HasPrefix(path, f.path+".") || strings.HasPrefix(path, f.path+"[")
	})
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

func labelOf(path string) string {
	if f, ok := fieldAt(path); ok {
		return f.label
	}
	return path
}

// dealField gives which of our fields a path comes from, "" if none.
func dealField(path string) string {
	f, ok := fieldAt(path)
	switch {
	case !ok:
		return ""
	case f.path == contactsPath && strings.HasSuffix(path, ".email"):
		return "contacts.email"
	case f.path == contactsPath && strings.HasSuffix(path, ".phoneNumber"):
		return "contacts.phone"
	}
	return f.deal
}

// written names the opportunity's field that Microsoft's value can be written back
// to as it is.
var written = map[string]string{notesPath: "opportunity.description", closePath: "opportunity.close_on"}

// ends are the states that end a deal at Microsoft.
var ends = map[string]registration.State{
	`"Closed/Won"`: registration.StateLaunched, `"Closed/Lost"`: registration.StateClosedLost,
}

// personColumns are what a contact is entered by.
var personColumns = []registration.Column{
	{Name: "firstName", Label: "First name", Kind: "text"},
	{Name: "lastName", Label: "Last name", Kind: "text"},
	{Name: "title", Label: "Title", Kind: "text"},
	{Name: "email", Label: "E-mail", Kind: "email"},
	{Name: "phoneNumber", Label: "Phone", Kind: "tel"},
}

// Fields lists what is kept true at Microsoft.
func (p *Portal) Fields() []registration.FieldInfo {
	var out []registration.FieldInfo
	for _, f := range fields {
		if !f.kept {
			continue
		}
		info := registration.FieldInfo{
			Path: f.path, Label: f.label, Group: f.group, CRMField: p.crmField(f.deal), Owner: registration.OwnerAsk, Writes: written[f.path], Input: registration.InputText,
		}
		switch f.path {
		case notesPath:
			info.Input = registration.InputLong
		case closePath:
			info.Input = registration.InputDate
		case stagePath:
			info.Input, info.Options, info.Show = registration.InputChoice, partnercenter.SalesStages, showStage
		case statusPath:
			info.Input, info.Options, info.Becomes = registration.InputChoice, []string{"Active/Accepted", "Closed/Won", "Closed/Lost"}, ends
		case valuePath:
			info.Read = readValue
		case contactsPath:
			info.Input, info.Columns, info.Row, info.Show = registration.InputRows, personColumns, "Contact", showContacts
		}
		out = append(out, info)
	}
	return out
}

func showStage(value string) string {
	var s string
	if json.Unmarshal([]byte(value), &s) != nil {
		return value
	}
	return partnercenter.SalesStageLabel(s)
}

func showContacts(value string) string {
	var list []Person
	if json.Unmarshal([]byte(value), &list) != nil {
		return value
	}
	return showPeople(list)
}

func readValue(text, _ string) (string, error) {
	v, ok := amount(text)
	if !ok || v.Sign() <= 0 {
		return "", problem.Invalid("value", "malformed", "Write the value as 12500.00, without a currency")
	}
	b, err := json.Marshal(plainNumber(text))
	return string(b), err
}

// amount reads a decimal number.
func amount(s string) (*big.Rat, bool) {
	if s == "" || len(s) > 30 || strings.Trim(s, "0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// values gives the kept fields of a record in the form in which they are compared.
func values(r *Referral) registration.Values {
	r = filled(r)
	out := registration.Values{}
	for _, f := range fields {
		if !f.kept {
			continue
		}
		var v any = f.get(r)
		if f.path == contactsPath {
			v = peopleTree(r.CustomerProfile.Team)
			if len(r.CustomerProfile.Team) == 0 {
				v = ""
			}
		}
		if v == "" {
			continue
		}
		if b, err := json.Marshal(v); err == nil {
			out[f.path] = string(b)
		}
	}
	return out
}

// peopleTree gives people as maps, whose JSON has its members in order.
func peopleTree(list []Person) []map[string]string {
	out := make([]map[string]string, len(list))
	for i, x := range list {
		out[i] = map[string]string{}
		for name, v := range map[string]string{"firstName": x.FirstName, "lastName": x.LastName, "phoneNumber": x.PhoneNumber, "email": x.Email, "title": x.Title} {
			if v != "" {
				out[i][name] = v
			}
		}
	}
	return out
}

// Ours gives the deal's values as Microsoft would be sent them.
func (p *Portal) Ours(d registration.Deal) registration.Values { return values(p.referral(d)) }

// Theirs gives a record's values.
func (p *Portal) Theirs(record json.RawMessage) (registration.Values, error) {
	r, err := readRecord(record)
	if err != nil {
		return nil, err
	}
	return values(r), nil
}

func readRecord(record []byte) (*Referral, error) {
	r := &Referral{}
	if err := json.Unmarshal(record, r); err != nil {
		return nil, problem.FromRemote(problem.Remote{System: System, Operation: "GetReferralById", Code: CodeUnreadable, Retry: problem.RetryLater}, "Microsoft's record cannot be read", err)
	}
	return filled(r), nil
}

// setAll sets changed values in a record. A sales stage that has no value stays.
func setAll(r *Referral, changes registration.Values) error {
	for path, value := range changes {
		var text string
		if path == contactsPath {
			r.CustomerProfile.Team = nil
			if value != "" {
				if err := json.Unmarshal([]byte(value), &r.CustomerProfile.Team); err != nil {
					return problem.Invalid(path, "wrong_type", "The contacts are no list of people: "+err.Error())
				}
			}
			continue
		}
		if value != "" {
			if err := json.Unmarshal([]byte(value), &text); err != nil {
				return problem.Invalid(path, "wrong_type", "The value is no text: "+err.Error())
			}
		}
		switch path {
		case notesPath:
			r.Details.Notes = text
		case valuePath:
			r.Details.DealValue = json.Number(text)
		case currencyPath:
			r.Details.Currency = text
		case closePath:
			r.Details.ClosingDateTime = ""
			if text != "" {
				if _, err := date.Parse(text); err != nil {
					return problem.Invalid(path, "malformed", "The close date is no day")
				}
				r.Details.ClosingDateTime = midnight(text)
			}
		case stagePath:
			if text != "" {
				r.SalesStage = text
			}
		case reasonPath:
			r.StatusReason = text
		case statusPath:
			r.Status, r.Substatus, _ = strings.Cut(text, "/")
		default:
			return problem.Invalid(path, "not_changed", fmt.Sprintf("Microsoft takes no change of %s", path))
		}
	}
	return nil
}

// operations gives the steps of a change, the state last: what is closed takes no
// other.
func operations(r *Referral, changes registration.Values) ([]Operation, error) {
	next := *r
	customer, details := *r.CustomerProfile, *r.Details
	next.CustomerProfile, next.Details = &customer, &details
	if err := setAll(&next, changes); err != nil {
		return nil, err
	}
	var ops []Operation
	for _, f := range fields {
		value, changed := changes[f.path]
		if !f.kept || !changed {
			continue
		}
		switch f.path {
		case statusPath:
		case stagePath:
			if value != "" {
				ops = append(ops, Replace(pointer(f.path), next.SalesStage))
			}
		case contactsPath:
			team, err := overPeople(r, next.CustomerProfile.Team)
			if err != nil {
				return nil, err
			}
			ops = append(ops, Replace(pointer(f.path), team))
		case closePath:
			ops = append(ops, Replace(pointer(f.path), details.ClosingDateTime))
		case valuePath:
			ops = append(ops, Replace(pointer(f.path), details.DealValue))
		default:
			ops = append(ops, Replace(pointer(f.path), f.get(&next)))
		}
	}
	if _, changed := changes[statusPath]; changed {
		ops = append(ops, Replace("/status", next.Status), Replace("/substatus", next.Substatus))
	}
	return ops, nil
}

// overPeople keeps what the record holds of each person beside what we know, such as
// his contact preference.
func overPeople(r *Referral, people []Person) (any, error) {
	if len(people) == 0 {
		return []Person{}, nil
	}
	before, after := Referral{CustomerProfile: &Customer{Team: r.CustomerProfile.Team}}, Referral{CustomerProfile: &Customer{Team: people}}
	was, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	now, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	raw := was
	if r.Raw != nil {
		raw = r.Raw
	}
	whole, err := overlay(raw, was, now)
	if err != nil {
		return nil, err
	}
	var out struct {
		CustomerProfile struct {
			Team []any `json:"team"`
		} `json:"customerProfile"`
	}
	err = json.Unmarshal(whole, &out)
	return out.CustomerProfile.Team, err
}

// Locked says whether Microsoft takes a change of a field now.
func (p *Portal) Locked(status, _, _ string) registration.Lock {
	if strings.HasPrefix(status, partnercenter.StatusClosed+"/") {
		return registration.Lock{Locked: true, Final: true, Reason: "the deal is closed in Partner Center", Until: "for good"}
	}
	return registration.Lock{}
}

// Compare lays what we would send beside what Microsoft holds.
func (p *Portal) Compare(d registration.Deal, record json.RawMessage, status, stage string) []registration.FieldPair {
	ours := filled(p.referral(d))
	var theirs *Referral
	if len(record) > 0 {
		if r, err := readRecord(record); err == nil {
			theirs = r
		}
	}
	var out []registration.FieldPair
	for _, f := range fields {
		pair := registration.FieldPair{Group: f.group, Label: f.label, Path: f.path, CRMField: p.crmField(f.deal), How: f.how, Ours: f.get(ours)}
		if theirs != nil {
			pair.Theirs = f.get(theirs)
			lock := p.Locked(status, stage, f.path)
			if !f.kept {
				lock = registration.Lock{Locked: true, Reason: "Microsoft takes no change of it after the creation", Until: "for good"}
			}
			pair.Locked, pair.LockReason, pair.LockedUntil = lock.Locked, lock.Reason, lock.Until
		}
		if pair.Ours == "" && pair.Theirs == "" {
			continue
		}
		pair.Same = pair.Ours == pair.Theirs
		out = append(out, pair)
	}
	if theirs == nil {
		return out
	}
	for _, x := range []struct{ label, path, value string }{
		{"Microsoft's number (MSX)", "trackingInfo.microsoftMsxId", msxOf(theirs)}, {"Deal registration", "registrationStatus", theirs.RegistrationStatus},
	} {
		if x.value != "" && x.value != partnercenter.RegistrationNone {
			out = append(out, registration.FieldPair{Group: "Microsoft", Label: x.label, Path: x.path, Ours: x.value, Theirs: x.value, Same: true, Locked: true, LockReason: "only Microsoft writes it", LockedUntil: "for good"})
		}
	}
	return out
}

func msxOf(r *Referral) string {
	if r.TrackingInfo == nil {
		return ""
	}
	return r.TrackingInfo.MicrosoftMsxID
}

// ChangedAt reads the time of a record's last change, which is our version of it.
func (p *Portal) ChangedAt(version string) time.Time { return instant(version) }

package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// deal is one opportunity of the simulated organisation.
type deal struct {
	crmID, accountID string
	gone             bool   // in Salesforce's recycle bin
	programs         string // what somebody set in the portal, which Tandem does not know
}

// write is a value that a person gave a field, on one side. Every value is given
// once only, so that each can be followed.
type write struct {
	side, field, value string
	deal               int
}

// field is a field that all sides change: its column in Salesforce and its path in
// the portal.
type field struct{ name, column, path string }

var fields = []field{
	{"steps", "Next_Steps__c", "LifeCycle.NextSteps"},
	{"close", "CloseDate", "LifeCycle.TargetCloseDate"},
	{"text", "Description", "Project.CustomerBusinessProblem"},
}

func (w *world) value(side string, f field) string {
	w.serial++
	switch f.name {
	case "close":
		return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, w.serial).Format(time.DateOnly)
	case "text":
		return fmt.Sprintf("They need what %s wrote as %d", side, w.serial)
	}
	return fmt.Sprintf("%s step %d", side, w.serial)
}

func key(deal int, field, value string) string { return fmt.Sprint(deal, " ", field, " ", value) }

func (w *world) wrote(side string, deal int, f field, value, displaced string) {
	w.writes = append(w.writes, write{side: side, field: f.name, value: value, deal: deal})
	w.settled[key(deal, f.name, displaced)] = true
	w.note("%s sets %s of deal %d to %q over %q", side, f.name, deal, value, displaced)
}

// found makes the organisation and its deals.
func (w *world) found() {
	partner := w.create("Account", map[string]any{"Name": "Amazon Web Services (AWS)", "Type": "Partner"})
	w.contacts = map[string]string{}
	for _, email := range contacts {
		w.contacts[email] = w.create("Contact", map[string]any{"LastName": email[:3], "Email": email, "AccountId": partner})
	}
	for i := range 2 + w.rng.IntN(3) {
		account := w.create("Account", map[string]any{
			"Name": fmt.Sprintf("Customer %c", 'A'+i), "Website": fmt.Sprintf("https://www.customer-%c.example", 'a'+i), "Industry": "Retail",
			"BillingStreet": "1 Main Street", "BillingCity": "Springfield", "BillingState": "Illinois", "BillingPostalCode": "62701", "BillingCountry": "United States",
		})
		opp := w.create("Opportunity", map[string]any{
			"Name": fmt.Sprintf("Deal %c", 'A'+i), "AccountId": account, "StageName": "3-Technical Evaluation", "CloseDate": "2027-01-01", "Amount": 120000 + i,
			"Description": fmt.Sprintf("They need to build faster than before %d", i), "Next_Steps__c": fmt.Sprintf("first step %d", i), "Fulfillment_Partner__c": partner,
			"Order_Type_Test__c": "1. New - First Order",
		})
		w.deals = append(w.deals, deal{crmID: opp, accountID: account})
	}
}

// crmCall is a call of somebody else to Salesforce.
func (w *world) crmCall(method, path string, in, out any) int {
	var body bytes.Buffer
	if in != nil {
		w.check(json.NewEncoder(&body).Encode(in))
	}
	if w.token() == "" {
		w.fail("no session with Salesforce")
	}
	req := httptest.NewRequestWithContext(w.ctx, method, "http://crm.sim/services/data/v67.0"+path, &body)
	req.Header.Set("Authorization", "Bearer "+w.token())
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.lifted(func() { w.crm.Handler().ServeHTTP(rec, req) })
	if out != nil && rec.Code < 300 {
		w.check(json.Unmarshal(rec.Body.Bytes(), out))
	}
	if rec.Code >= 300 {
		w.note("Salesforce refuses somebody: %s", rec.Body.String())
	}
	return rec.Code
}

func (w *world) token() string {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"secret"}}
	req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "http://crm.sim/services/oauth2/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.crm.Handler().ServeHTTP(rec, req)
	var out struct {
		Token string `json:"access_token"`
	}
	w.check(json.Unmarshal(rec.Body.Bytes(), &out))
	return out.Token
}

func (w *world) create(object string, values map[string]any) string {
	var out struct {
		ID string `json:"id"`
	}
	if code := w.crmCall(http.MethodPost, "/sobjects/"+object, values, &out); code != http.StatusCreated {
		w.fail("the organisation cannot be founded: %d %s", code, w.log[len(w.log)-1])
	}
	return out.ID
}

// inCRM gives a field of a deal as Salesforce holds it.
func (w *world) inCRM(d int, f field) string {
	var out map[string]any
	w.crmCall(http.MethodGet, "/sobjects/Opportunity/"+w.deals[d].crmID+"?fields="+f.column, nil, &out)
	s, _ := out[f.column].(string)
	return s
}

// remote is a record as the portal holds it.
type remote struct {
	ID       string         `json:"id"`
	Doc      map[string]any `json:"doc"`
	Modified time.Time      `json:"modified"`
	Review   struct {
		Status string `json:"status"`
	} `json:"review"`
}

func (r *remote) at(path string) any {
	var v any = r.Doc
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (r *remote) text(path string) string {
	s, _ := r.at(path).(string)
	return s
}

// control asks the sandbox of AWS what only its own people can.
func (w *world) control(method, path string, in, out any) bool {
	var body bytes.Buffer
	if in != nil {
		w.check(json.NewEncoder(&body).Encode(in))
	}
	req := httptest.NewRequestWithContext(w.ctx, method, "http://127.0.0.1/_control/"+path, &body)
	req.Header.Set("Content-Type", "application/json")
	req.RemoteAddr = "127.0.0.1:1"
	rec := httptest.NewRecorder()
	w.aws.Handler().ServeHTTP(rec, req)
	if rec.Code >= 300 {
		return false
	}
	if out != nil {
		w.check(json.Unmarshal(rec.Body.Bytes(), out))
	}
	return true
}

func (w *world) remotes() []remote {
	var out struct {
		Opportunities []remote `json:"opportunities"`
	}
	if !w.control(http.MethodGet, "opportunities", nil, &out) {
		w.fail("the sandbox does not list its records")
	}
	return out.Opportunities
}

// dealOf gives which deal a record belongs to.
func (w *world) dealOf(r *remote) int {
	for i, d := range w.deals {
		if d.crmID == r.text("PartnerOpportunityIdentifier") {
			return i
		}
	}
	return -1
}

// act is a deed of one of the people around.
func (w *world) act() {
	switch n := w.rng.IntN(30); {
	case n < 10:
		w.actOutside()
	case n < 14:
		w.put()
	case n < 17:
		w.settleOne()
	case n < 20:
		w.review(false)
	default:
		w.meet()
	}
}

// actOutside is a deed outside the house.
func (w *world) actOutside() {
	switch n := w.rng.IntN(12); {
	case n < 5:
		w.crmEdit()
	case n < 9:
		w.portalEdit()
	case n < 11:
		w.editMeeting()
	default:
		w.review(false)
	}
}

func (w *world) crmEdit() {
	d, f := w.rng.IntN(len(w.deals)), fields[w.rng.IntN(len(fields))]
	if w.rng.IntN(6) == 0 {
		w.serial++
		w.note("Salesforce: the amount of deal %d is %d", d, 100000+w.serial)
		w.crmCall(http.MethodPatch, "/sobjects/Opportunity/"+w.deals[d].crmID, map[string]any{"Amount": 100000 + w.serial*12}, nil)
		return
	}
	before, v := w.inCRM(d, f), w.value("sf", f)
	if code := w.crmCall(http.MethodPatch, "/sobjects/Opportunity/"+w.deals[d].crmID, map[string]any{f.column: v}, nil); code < 300 {
		w.wrote("sf", d, f, v, before)
	}
}

func (w *world) portalEdit() {
	list := w.remotes()
	if len(list) == 0 {
		return
	}
	w.editAtPortal(&list[w.rng.IntN(len(list))])
}

// race changes the record of a request just before the portal gets to it.
func (w *world) race(body []byte) {
	var in struct{ Identifier string }
	w.check(json.Unmarshal(body, &in))
	for _, r := range w.remotes() {
		if r.ID == in.Identifier {
			w.editAtPortal(&r)
		}
	}
}

func (w *world) editAtPortal(r *remote) {
	d := w.dealOf(r)
	if d < 0 {
		return
	}
	if w.rng.IntN(4) == 0 {
		program := []string{"Windows", "Well-Architected", "P3"}[w.rng.IntN(3)]
		if w.control(http.MethodPost, "edit", map[string]any{"opportunity": r.ID, "set": map[string]any{"Project.ApnPrograms": []string{program}}}, nil) {
			w.deals[d].programs = program
			w.note("portal: the programme of deal %d is %s", d, program)
		}
		return
	}
	f := fields[w.rng.IntN(2)]
	before, v := r.text(f.path), w.value("aws", f)
	if w.control(http.MethodPost, "edit", map[string]any{"opportunity": r.ID, "set": map[string]any{f.path: v}}, nil) {
		w.wrote("aws", d, f, v, before)
		w.observe()
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func unquoted(s string) string {
	var out string
	_ = json.Unmarshal([]byte(s), &out)
	return out
}

// put is an edit in Tandem.
func (w *world) put() {
	rows := w.rows()
	if len(rows) == 0 {
		return
	}
	r, f := rows[w.rng.IntN(len(rows))], fields[w.rng.IntN(2)]
	d := w.dealByCRM(r.CRM)
	before := w.mirror(r.CRM, f.name)
	mirrored := before
	for _, e := range w.editRows() {
		if e.RegistrationID == r.ID && e.Path == f.path {
			before = unquoted(e.Value)
		}
	}
	v := w.value("ada", f)
	if _, err := w.regs.Put(w.person, r.ID, registration.Values{f.path: quoted(v)}); err != nil {
		w.serial--
		return
	}
	w.wrote("ada", d, f, v, before)
	w.settled[key(d, f.name, mirrored)] = true // read since the edit that it replaces
}

func (w *world) dealByCRM(id string) int {
	for i, d := range w.deals {
		if d.crmID == id {
			return i
		}
	}
	w.fail("a registration of a deal that is not there: %s", id)
	return -1
}

// settleOne settles one conflict, if there is one.
func (w *world) settleOne() bool {
	var open []registration.Field
	for _, f := range w.fieldRows() {
		if f.Status == registration.FieldConflict {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		return false
	}
	c := open[w.rng.IntN(len(open))]
	choice := []registration.Choice{registration.ChoiceOurs, registration.ChoiceTheirs, registration.ChoiceEdit, registration.ChoiceBoth}[w.rng.IntN(4)]
	var d int
	for _, r := range w.rows() {
		if r.ID == c.RegistrationID {
			d = w.dealByCRM(r.CRM)
		}
	}
	value := ""
	var f field
	for _, x := range fields {
		if x.path == c.Path {
			f = x
		}
	}
	if choice == registration.ChoiceEdit {
		if f.name == "" || f.name == "text" {
			choice = registration.ChoiceOurs
		} else {
			value = quoted(w.value("ada", f))
		}
	}
	_, err := w.regs.Settle(w.person, c.RegistrationID, c.Path, choice, c.Ours, c.Theirs, value)
	w.note("Ada settles %s of deal %d (%s, %s): %s %v", c.Path, d, c.Ours, c.Theirs, choice, err)
	if err != nil {
		return false
	}
	if f.name != "" {
		w.settled[key(d, f.name, unquoted(c.Ours))], w.settled[key(d, f.name, unquoted(c.Theirs))] = true, true
		if choice == registration.ChoiceOurs {
			w.chosen[fmt.Sprint(d, " ", f.name)] = unquoted(c.Ours)
		}
		if value != "" {
			w.wrote("ada", d, f, unquoted(value), unquoted(c.Ours))
		}
	}
	return true
}

// review is the partner's word about one deal, or about all that wait.
func (w *world) review(all bool) {
	for _, r := range w.remotes() {
		if r.Review.Status != "Submitted" && r.Review.Status != "In review" {
			continue
		}
		decision := []string{"In review", "Approved", "Approved", "Approved", "Action Required"}[w.rng.IntN(5)]
		if all {
			decision = "Approved"
		}
		if w.control(http.MethodPost, "review", map[string]any{"opportunity": r.ID, "decision": decision, "reason": "Customer Website", "comments": "see there"}, nil) {
			w.note("AWS says %s of deal %d", decision, w.dealOf(&r))
		}
		if !all {
			return
		}
	}
}

// deliver brings some of AWS's events: late, twice, in another order, or never.
func (w *world) deliver() {
	var out struct {
		Events []struct {
			ID     string `json:"id"`
			Kind   string `json:"detail-type"`
			Detail struct {
				Opportunity struct {
					ID string `json:"identifier"`
				} `json:"opportunity"`
			} `json:"detail"`
		} `json:"events"`
	}
	if !w.control(http.MethodGet, "events", nil, &out) || len(out.Events) == 0 {
		return
	}
	for range 1 + w.rng.IntN(3) {
		e := out.Events[w.rng.IntN(len(out.Events))]
		if w.rng.IntN(4) == 0 {
			w.net.injected["event lost"]++
			continue
		}
		fresh, err := w.regs.Heard(w.ctx, "aws", registration.PortalEvent{ID: e.ID, Kind: e.Kind, RemoteID: e.Detail.Opportunity.ID})
		w.check(err)
		if !fresh {
			w.net.injected["event repeated or late"]++
		}
	}
}

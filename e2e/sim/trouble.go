package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
)

// crmControl moves the sandbox of Salesforce, as its administrators and its machines do.
func (w *world) crmControl(page string, in any) bool {
	body, err := json.Marshal(in)
	w.check(err)
	req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "http://127.0.0.1/_control/"+page, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.RemoteAddr = "127.0.0.1:1"
	rec := httptest.NewRecorder()
	w.crm.Handler().ServeHTTP(rec, req)
	if rec.Code >= 300 {
		w.note("Salesforce's control refuses %s: %s", page, rec.Body.String())
	}
	return rec.Code < 300
}

// dailyCalls is what the organisation may call in a day while there is trouble with it.
const dailyCalls = 100_000

// organisation is a trouble of Salesforce's own, or a deed of those who may do
// everything there.
func (w *world) organisation() {
	if w.crmTrouble() || w.spent24 {
		w.mendOrganisation()
		return
	}
	did := func(what string) { w.net.injected["Salesforce: "+what]++ }
	switch w.rng.IntN(9) {
	case 0:
		object := []string{"Opportunity", "CoSell_Registration__c", "Task", "Event"}[w.rng.IntN(4)]
		if w.crmControl("lock-row", map[string]any{"object": object, "times": 1 + w.rng.IntN(4)}) {
			did("row locked")
		}
	case 1:
		if w.crmControl("faults", map[string]any{"spec": fmt.Sprintf("lock=0.4,seed=%d", w.rng.IntN(1000))}) {
			w.locking = true
			did("rows of collections locked")
		}
	case 2:
		w.net.expire = 1 + w.rng.IntN(3)
		did("session ends in the midst of work")
	case 3:
		if w.crmControl("daily-limit", map[string]any{"limit": dailyCalls, "used": dailyCalls}) {
			w.spent24 = true
			did("daily limit reached")
		}
	case 4:
		rule := []map[string]any{
			{"object": "Task", "name": "No", "when": "Subject LIKE 'AWS%' OR Subject LIKE 'Registered%'", "message": "No such tasks"},
			{"object": "CoSell_Registration__c", "name": "No", "when": "Cloud__c = 'aws'", "message": "No such records"},
			{"object": "Opportunity", "name": "No", "when": "Next_Steps__c LIKE 'a%'", "message": "No such steps"},
		}[w.rng.IntN(3)]
		if w.crmControl("setup", map[string]any{"validation_rules": []any{rule}}) {
			w.ruled = true
			did("validation rule for a while")
		}
	case 5:
		access := []map[string]any{
			{"object": "Opportunity", "field": "Description", "level": "none"},
			{"object": "Opportunity", "field": "Next_Steps__c", "level": "read"},
			{"object": "CoSell_Registration__c", "field": "Portal_Id__c", "level": "read"},
			{"object": "Task", "field": "Description", "level": "read"},
		}[w.rng.IntN(4)]
		if w.crmControl("setup", map[string]any{"access": []any{access}}) {
			w.ruled = true
			did("field access taken for a while")
		}
	case 6:
		w.mergeAccount(did)
	default:
		w.deleteDeal(did)
	}
}

func (w *world) crmTrouble() bool {
	return w.ruled || w.locking || slices.ContainsFunc(w.deals, func(d deal) bool { return d.gone })
}

// mendOrganisation ends what troubles the organisation.
func (w *world) mendOrganisation() {
	if w.ruled {
		w.crmControl("setup", map[string]any{})
		w.ruled = false
	}
	if w.locking {
		w.crmControl("faults", map[string]any{"spec": ""})
		w.locking = false
	}
	if w.spent24 {
		w.crmControl("daily-limit", map[string]any{"limit": dailyCalls, "used": 0})
		w.spent24 = false
	}
	w.net.expire = 0
	for i := range w.deals {
		if d := &w.deals[i]; d.gone && w.crmControl("undelete", map[string]any{"ids": []string{d.crmID}}) {
			d.gone = false
			w.note("sf restores deal %d", i)
		}
	}
}

// deleteDeal puts a deal into the recycle bin.
func (w *world) deleteDeal(did func(string)) {
	i := w.rng.IntN(len(w.deals))
	if w.crmCall(http.MethodDelete, "/sobjects/Opportunity/"+w.deals[i].crmID, nil, nil) < 300 {
		w.deals[i].gone = true
		w.note("sf deletes deal %d", i)
		did("deal deleted and restored")
	}
}

// mergeAccount makes a double of a deal's account, and merges the account into it.
func (w *world) mergeAccount(did func(string)) {
	d := &w.deals[w.rng.IntN(len(w.deals))]
	var was map[string]any
	if w.crmCall(http.MethodGet, "/sobjects/Account/"+d.accountID, nil, &was) >= 300 {
		return
	}
	double := map[string]any{}
	for _, f := range []string{"Name", "Website", "Industry", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry"} {
		double[f] = was[f]
	}
	master := w.create("Account", double)
	if w.crmControl("merge", map[string]any{"master": master, "losers": []string{d.accountID}}) {
		d.accountID = master
		w.note("sf merges the account of %s", d.crmID)
		did("account merged")
	}
}

// sendAgain is Ada sending again what Salesforce refused, once its trouble is over.
func (w *world) sendAgain() {
	for _, r := range w.rows() {
		if r.CRMError != "" {
			_, _, err := w.regs.Register(w.person, r.OpportunityID, "aws", false)
			w.note("Ada sends the record of %s again: %v", r.CRM, err)
		}
	}
	for _, e := range w.editRows() {
		if e.CRMState == "refused" {
			w.note("Ada sends the edit of %s again: %v", e.Path, w.regs.ResendEdit(w.person, e.RegistrationID, e.Path))
		}
	}
	for _, a := range w.refusedActivities() {
		if slices.ContainsFunc(w.meetings, func(m meeting) bool { return m.id == a.ID && m.binned }) {
			continue
		}
		_, err := w.acts.Send(w.person, activity.Wish{ID: a.ID})
		w.note("Ada sends an activity again: %v", err)
	}
}

// lifted lets somebody call Salesforce though the house has used up the day.
func (w *world) lifted(call func()) {
	if w.spent24 {
		w.crmControl("daily-limit", map[string]any{"limit": dailyCalls, "used": 0})
		defer w.crmControl("daily-limit", map[string]any{"limit": dailyCalls, "used": dailyCalls})
	}
	if w.locking {
		w.crmControl("faults", map[string]any{"spec": ""})
		defer w.crmControl("faults", map[string]any{"spec": fmt.Sprintf("lock=0.4,seed=%d", w.told)})
	}
	call()
}

// ends lets the session end just before a call of the house, once it has made some.
func (n *network) ends(op string) {
	if n.expire == 0 || strings.Contains(op, "oauth2") {
		return
	}
	if n.expire--; n.expire == 0 {
		n.w.crmControl("sessions/expire", map[string]any{})
	}
}

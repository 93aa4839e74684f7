package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
)

// invariants must hold after every step.
func (w *world) invariants() {
	count := map[string]int{}
	for _, r := range w.remotes() {
		id := r.text("PartnerOpportunityIdentifier")
		if count[id]++; count[id] > 1 {
			w.fail("deal %d is registered twice in the portal", w.dealOf(&r))
		}
	}
	if w.told++; w.told%25 == 0 {
		w.audit()
	}
}

func (w *world) audit() {
	if _, err := audit.Verify(w.ctx, w.db); err != nil {
		w.fail("the audit chain is broken: %v", err)
	}
}

// observe follows the portal's values: none comes back after it was replaced,
// unless a person who saw both sides chose it again, and those from Salesforce come
// in the order in which they were written.
func (w *world) observe() {
	for _, r := range w.remotes() {
		d := w.dealOf(&r)
		for _, f := range fields {
			k, v := fmt.Sprint(d, " ", f.name), r.text(f.path)
			seen := w.seen[k]
			if len(seen) > 0 && seen[len(seen)-1] == v {
				continue
			}
			w.note("portal: %s of deal %d is %q", f.name, d, v)
			// AWS's people may have replaced a value of ours before we knew that ours had arrived (the answer of the
			// update was lost): that is a conflict, and whoever decides for ours sends the same value again.
			chosen := w.chosen[k] == v
			delete(w.chosen, k) // good for the next value only
			for _, old := range seen {
				if old == v && !chosen {
					w.fail("%s of deal %d flipped back to %q in the portal: %q", f.name, d, v, seen)
				}
				if before, after := ordinal(old), ordinal(v); before > 0 && after > 0 && after < before {
					w.fail("%s of deal %d went out of order in the portal: %q after %q", f.name, d, v, old)
				}
			}
			w.seen[k] = append(seen, v)
		}
	}
}

// ordinal gives the number of a value that somebody wrote in Salesforce.
func ordinal(v string) int {
	rest, ok := strings.CutPrefix(v, "sf step ")
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(rest)
	return n
}

func (w *world) unrest() string {
	var out []string
	waiting, err := w.sync.Waiting(w.ctx)
	w.check(err)
	if waiting > 0 {
		out = append(out, fmt.Sprintf("%d writes to Salesforce wait", waiting))
	}
	byID := map[string]remote{}
	for _, r := range w.remotes() {
		byID[r.ID] = r
	}
	for _, r := range w.rows() {
		d := w.dealByCRM(r.CRM)
		say := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("deal %d (%s, %s): ", d, r.State, r.Error)+fmt.Sprintf(format, args...))
		}
		switch r.State {
		case registration.StateApproved, registration.StateActionRequired, registration.StateRejected:
		default:
			say("is in no final state: %s; due %v, polled %v", r.Reason, r.DueAt, r.PollAt)
		}
		if r.Outgoing > 0 || r.Conflicts > 0 {
			say("%d outgoing, %d in conflict, due %v", r.Outgoing, r.Conflicts, r.DueAt)
		}
		if r.ComparedVersion != r.OpportunityVersion {
			// Its look is due, or will be once the house's clock, which jumped, is there.
			say("is not compared with the deal as it is now, due %v", r.DueAt)
		}
		there := byID[r.RemoteID]
		if at, err := time.Parse(time.RFC3339Nano, r.RemoteVersion); err != nil || !at.Equal(there.Modified.Truncate(time.Millisecond)) {
			say("the portal has version %v, and %s is known", there.Modified, r.RemoteVersion)
		}
		for _, f := range fields {
			if have, ours := w.inCRM(d, f), w.mirror(r.CRM, f.name); have != ours {
				say("%s is %q in Salesforce, and %q in the mirror", f.name, have, ours)
			}
		}
	}
	if len(w.rows()) != len(w.deals) {
		out = append(out, fmt.Sprintf("%d registrations of %d deals", len(w.rows()), len(w.deals)))
	}
	return strings.Join(out, "; ")
}

func (w *world) atRest() bool { return w.unrest() == "" }

// converged holds when the faults have ended: both sides hold the same, or it is
// said why not; no value that a person gave is lost unseen; each activity is in
// Salesforce once; what others set in the portal is still there.
func (w *world) converged() {
	w.audit()
	w.refused()
	agreedRows := map[string]registration.Agreed{}
	open := w.fieldRows()
	byDeal := map[int]remote{}
	regOf := map[int]string{}
	for _, r := range w.rows() {
		d := w.dealByCRM(r.CRM)
		agreedRows[r.ID], regOf[d] = r.Agreed.V, r.ID
	}
	for _, r := range w.remotes() {
		byDeal[w.dealOf(&r)] = r
	}
	told := strings.Join(w.replaced(), "\n")
	for d := range w.deals {
		there := byDeal[d]
		if p := w.deals[d].programs; p != "" && fmt.Sprint(there.at("Project.ApnPrograms")) != "["+p+"]" {
			w.fail("deal %d lost the programme %q that somebody set in the portal: %v", d, p, there.at("Project.ApnPrograms"))
		}
		for _, f := range fields {
			crm, portal := w.inCRM(d, f), there.text(f.path)
			if crm != portal && !w.explained(agreedRows[regOf[d]], open, regOf[d], f, crm, portal) {
				w.fail("%s of deal %d is %q in Salesforce and %q in the portal, and nothing says why", f.name, d, crm, portal)
			}
		}
	}
	for _, f := range open {
		if f.Status == registration.FieldRefused {
			w.fail("%s was refused though the portal takes it: %s", f.Path, f.Reason)
		}
	}
	for _, x := range w.writes {
		var f field
		for _, y := range fields {
			if y.name == x.field {
				f = y
			}
		}
		there := byDeal[x.deal]
		switch {
		case there.text(f.path) == x.value, w.inCRM(x.deal, f) == x.value, w.settled[key(x.deal, x.field, x.value)]:
		case saysReplaced(told, x.value):
		default:
			w.fail("%s wrote %q to %s of deal %d, and it is lost: Salesforce has %q, the portal %q", x.side, x.value, x.field, x.deal, w.inCRM(x.deal, f), there.text(f.path))
		}
	}
	w.tasks()
}

// explained reports whether the house says why the two sides differ.
func (w *world) explained(agreed registration.Agreed, open []registration.Field, id string, f field, crm, portal string) bool {
	if p, ok := agreed[f.path]; ok && unquoted(p.Ours) == crm && unquoted(p.Theirs) == portal {
		return true // a person left them different
	}
	for _, x := range open {
		if x.RegistrationID == id && x.Path == f.path && x.Status != registration.FieldOutgoing && unquoted(x.Ours) == crm && unquoted(x.Theirs) == portal {
			return true
		}
	}
	return false
}

// refused holds nothing for refused by Salesforce: here it takes all that it is
// sent, and only the way there is bad.
func (w *world) refused() {
	n, why, err := registration.Refused(w.ctx, w.db)
	w.check(err)
	m, because, err := activity.Refused(w.ctx, w.db)
	w.check(err)
	if n+m > 0 {
		w.fail("%d writes count as refused by Salesforce, which refused none: %s%s", n+m, why, because)
	}
}

// tasks looks at the activities in Salesforce.
func (w *world) tasks() {
	var out struct {
		Records []map[string]any `json:"records"`
	}
	w.crmCall(http.MethodGet, "/query?q="+url.QueryEscape("SELECT CoSell_Activity_Key__c FROM Task"), nil, &out)
	count := map[string]int{}
	for _, r := range out.Records {
		k, _ := r["CoSell_Activity_Key__c"].(string)
		if count[k]++; count[k] > 1 {
			w.fail("the activity %s is twice in Salesforce", k)
		}
	}
	keys := w.loggedKeys()
	for _, k := range keys {
		if count[k] != 1 {
			w.fail("the activity %s is said to be in Salesforce, and is not", k)
		}
	}
	if len(count) != len(keys) {
		w.fail("%d activities are in Salesforce, and %d are said to be", len(count), len(keys))
	}
	var ones struct {
		Records []struct {
			Key   string `json:"CoSell_Key__c"`
			State string `json:"Sync_State__c"`
		} `json:"records"`
	}
	w.crmCall(http.MethodGet, "/query?q="+url.QueryEscape("SELECT CoSell_Key__c, Sync_State__c FROM CoSell_Registration__c"), nil, &ones)
	have := map[string]string{}
	for _, r := range ones.Records {
		if have[r.Key] != "" {
			w.fail("the registration %s is twice in Salesforce", r.Key)
		}
		have[r.Key] = r.State
	}
	for _, r := range w.rows() {
		if got := have[registration.CRMKey(r.Cloud, r.CRM)]; !strings.EqualFold(got, r.State.Label()) {
			w.fail("Salesforce says %q of a registration that is %q", got, r.State.Label())
		}
	}
}

// saysReplaced reports whether a line of the timeline says that the value gave way
// to another.
func saysReplaced(told, value string) bool {
	for _, line := range strings.Split(told, "\n") {
		if strings.Contains(line, "“"+value+"”") && (strings.Contains(line, "replaces") || strings.Contains(line, "stands in place of")) {
			return true
		}
	}
	return false
}

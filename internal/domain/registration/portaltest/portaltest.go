// Package portaltest holds every implementation of registration.Portal to what the
// engine rests on: a record is made once, found again, changed only as it was read,
// and its words are kept. A connector runs it against the sandbox of its portal.
package portaltest

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// World is a portal with a partner behind it who does as he is told.
type World struct {
	Portal   registration.Portal
	Solution string
	// Change is a value that the portal takes for a kept field of a deal that the
	// partner took.
	Change registration.Values
	// Accept lets the partner take the deal.
	Accept func(t *testing.T, remoteID string)
	// Edit lets somebody at the partner's change the record.
	Edit func(t *testing.T, remoteID string)
	// LoseReply has the next create acted on and its answer lost.
	LoseReply func(t *testing.T)
	// Pass lets time pass at the portal and for the connector alike.
	Pass func(t *testing.T, d time.Duration)
	// Calls counts the calls that reached the portal.
	Calls func() int
}

// Deal is a deal that every portal takes.
func Deal(crmID, solution string, today date.Date) registration.Deal {
	amount := int64(12_000_000)
	employees := int64(1200)
	return registration.Deal{
		Opportunity: opportunity.Opportunity{
			CRMID: crmID, Name: "Orchard - platform, 500 seats", Stage: "2-Scoping", CloseOn: today.AddDays(120), Currency: "USD", AmountMinor: &amount,
			OrderType: "1. New - First Order", Type: "New Business", Description: "Builds take hours, and nobody knows why they fail.", NextSteps: "Show the pilot",
			CRMCreatedAt: today.Time().AddDate(0, 0, -3),
		},
		Account: account.Account{
			CRMID: "001000000000001AAA", Name: "Orchard Ltd", Website: "https://orchard.example.com", Industry: "Financial Services", Street: "1 Orchard Way", City: "New York",
			State: "NY", PostalCode: "10001", Country: "United States", Employees: &employees,
		},
		Owner:     opportunity.Member{Name: "Robin Alliance", Email: "robin@isv.example.com", Phone: "+14155550101"},
		Contacts:  []opportunity.Contact{{FirstName: "Ana", LastName: "Ruiz", Email: "ana.ruiz@example.com", Phone: "+14155550100", Title: "CTO", Primary: true}},
		Solutions: []string{solution}, Today: today,
	}
}

// Run holds the portals that open gives, one for each rule, to the rules.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for name, rule := range map[string]func(t *testing.T, w World){
		"a good deal passes and a poor one is told why":        check,
		"what is sent is what is compared":                     sent,
		"a record is found by our id":                          found,
		"a lost answer makes no second record":                 lost,
		"linking and submitting twice is as once":              twice,
		"the partner's answer and people are read":             answered,
		"a change is one call and leaves the rest":             changed,
		"a change of a record that changed meanwhile is stale": stale,
		"what changed is listed with its version":              listed,
		"a record that is not there is not found":              absent,
		"every field says what it is":                          described,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule(t, open(t))
		})
	}
}

const crmID = "006000000000001AAA"

func (w *World) deal() registration.Deal {
	return Deal(crmID, w.Solution, date.Of(time.Now()))
}

func (w *World) make(t *testing.T) registration.Remote {
	t.Helper()
	payload, err := w.Portal.Payload(w.deal())
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Portal.Create(t.Context(), payload, "token-1")
	if err != nil {
		t.Fatal(err)
	}
	if r.ID == "" || r.Version == "" {
		t.Fatalf("a record without an id or a version: %+v", r)
	}
	return r
}

// registered takes a deal all the way to the partner's yes.
func (w *World) registered(t *testing.T) registration.Remote {
	t.Helper()
	r := w.make(t)
	w.link(t, r.ID)
	w.submit(t, r.ID)
	w.Accept(t, r.ID)
	return w.read(t, r.ID)
}

func (w *World) link(t *testing.T, id string) {
	t.Helper()
	if err := w.Portal.Associate(t.Context(), id, w.Solution); err != nil {
		t.Fatal(err)
	}
}

func (w *World) submit(t *testing.T, id string) {
	t.Helper()
	task, err := w.Portal.Submit(t.Context(), id, "token-2")
	if err != nil || task.ID == "" {
		t.Fatalf("%+v %v", task, err)
	}
	for range 100 {
		if task, err = w.Portal.TaskStatus(t.Context(), task.ID); err != nil || task.Failed {
			t.Fatalf("%+v %v", task, err)
		}
		if task.Done {
			return
		}
		w.Pass(t, time.Second)
	}
	t.Fatal("the submission does not end")
}

func (w *World) read(t *testing.T, id string) registration.Remote {
	t.Helper()
	r, err := w.Portal.Read(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *World) changes(t *testing.T, since time.Time) []registration.RemoteChange {
	t.Helper()
	var out []registration.RemoteChange
	for c, err := range w.Portal.Changes(t.Context(), since) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func check(t *testing.T, w World) {
	if f := w.Portal.Check(w.deal()); f.Errors() != 0 {
		t.Errorf("a good deal is refused: %+v", f)
	}
	before := w.Calls()
	poor := w.deal()
	poor.Opportunity.Description, poor.Account.Country, poor.Contacts = "", "Atlantis", nil
	out := w.Portal.Check(poor)
	if out.Errors() == 0 {
		t.Error("a deal without description and country passes")
	}
	for _, f := range out {
		if f.Rule == "" || f.Field == "" || f.Label == "" || f.Message == "" || f.Mend == "" || f.Source == "" {
			t.Errorf("a finding does not say all: %+v", f)
		}
	}
	if w.Calls() != before {
		t.Error("checking asked the portal")
	}
}

func sent(t *testing.T, w World) {
	payload, err := w.Portal.Payload(w.deal())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := w.Portal.Theirs(payload)
	if err != nil {
		t.Fatal(err)
	}
	same(t, w.Portal.Ours(w.deal()), theirs)
	r := w.make(t)
	if theirs, err = w.Portal.Theirs(w.read(t, r.ID).Record); err != nil {
		t.Fatal(err)
	}
	same(t, w.Portal.Ours(w.deal()), theirs)
}

func same(t *testing.T, ours, theirs registration.Values) {
	t.Helper()
	for path, v := range ours {
		if theirs[path] != v {
			t.Errorf("%s: ours %s, theirs %s", path, v, theirs[path])
		}
	}
}

func found(t *testing.T, w World) {
	r := w.make(t)
	got, err := w.Portal.Find(t.Context(), w.deal())
	if err != nil || got == nil || got.ID != r.ID {
		t.Fatalf("%+v %v", got, err)
	}
	w.Pass(t, time.Hour) // whatever an earlier attempt made has come to light by then
	other := w.deal()
	other.Opportunity.CRMID = "006000000000002AAA"
	if got, err := w.Portal.Find(t.Context(), other); err != nil || got != nil {
		t.Errorf("a stranger's record was found: %+v %v", got, err)
	}
}

func lost(t *testing.T, w World) {
	payload, err := w.Portal.Payload(w.deal())
	if err != nil {
		t.Fatal(err)
	}
	w.LoseReply(t)
	if _, err := w.Portal.Create(t.Context(), payload, "token-1"); err != nil && problem.RetryOf(err) != problem.RetryUnsure {
		t.Fatalf("a create whose answer was lost is no sure failure: %v", err)
	}
	got, err := w.Portal.Find(t.Context(), w.deal())
	if err != nil || got == nil {
		t.Fatalf("the record of the lost answer is not found: %v", err)
	}
	n := 0
	for _, c := range w.changes(t, time.Time{}) {
		if c.RemoteID == got.ID || c.OurID == crmID {
			n++
		}
	}
	if n != 1 {
		t.Errorf("there are %d records", n)
	}
}

func twice(t *testing.T, w World) {
	r := w.make(t)
	w.link(t, r.ID)
	w.link(t, r.ID)
	w.submit(t, r.ID)
	before := w.read(t, r.ID)
	w.submit(t, r.ID)
	after := w.read(t, r.ID)
	if before.Status != after.Status || before.EngagementID != after.EngagementID {
		t.Errorf("before %q %s, after %q %s", before.Status, before.EngagementID, after.Status, after.EngagementID)
	}
	switch after.State {
	case registration.StateSubmitted, registration.StateInReview, registration.StateApproved:
	default:
		t.Errorf("a submitted deal is %q", after.State)
	}
}

func answered(t *testing.T, w World) {
	r := w.registered(t)
	if r.State != registration.StateApproved || r.Status == "" || len(r.Sellers) == 0 {
		t.Errorf("the accepted deal is %q, “%s”, with %d people", r.State, r.Status, len(r.Sellers))
	}
}

func changed(t *testing.T, w World) {
	r := w.registered(t)
	before := w.Calls()
	out, err := w.Portal.Update(t.Context(), r.ID, r.Record, w.Change)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Calls() - before; n != 1 {
		t.Errorf("the change took %d calls", n)
	}
	if out.Version == r.Version || out.Version == "" {
		t.Errorf("the version is %q as before", out.Version)
	}
	was, err := w.Portal.Theirs(r.Record)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range [][]byte{out.Record, w.read(t, r.ID).Record} {
		is, err := w.Portal.Theirs(record)
		if err != nil {
			t.Fatal(err)
		}
		same(t, w.Change, is)
		for path, v := range was {
			if _, meant := w.Change[path]; !meant && is[path] != v {
				t.Errorf("%s was not meant and went from %s to %s", path, v, is[path])
			}
		}
	}
}

func stale(t *testing.T, w World) {
	r := w.registered(t)
	w.Edit(t, r.ID)
	edited := w.read(t, r.ID)
	if _, err := w.Portal.Update(t.Context(), r.ID, r.Record, w.Change); !problem.Is(err, problem.KindPrecondition) {
		t.Fatalf("the record was written over: %v", err)
	}
	if again := w.read(t, r.ID); again.Version != edited.Version {
		t.Errorf("a refused change made version %s of %s", again.Version, edited.Version)
	}
}

func listed(t *testing.T, w World) {
	r := w.registered(t)
	w.Edit(t, r.ID)
	now := w.read(t, r.ID)
	list := w.changes(t, w.Portal.ChangedAt(r.Version).Add(-time.Second))
	i := len(list) - 1
	for ; i >= 0 && list[i].RemoteID != r.ID; i-- {
	}
	if i < 0 || list[i].Version != now.Version || list[i].OurID != crmID || list[i].Draft {
		t.Errorf("the record at %s is listed as %+v", now.Version, list)
	}
	if at := w.Portal.ChangedAt(now.Version); at.IsZero() {
		t.Errorf("the version %q says no time", now.Version)
	}
}

func absent(t *testing.T, w World) {
	for _, id := range []string{"O0000000", "00000000-0000-4000-8000-000000000000"} {
		if _, err := w.Portal.Read(t.Context(), id); err == nil || problem.RetryOf(err) == problem.RetryUnsure {
			t.Errorf("%s: %v", id, err)
		} else if !problem.Is(err, problem.KindNotFound) && problem.RetryOf(err) != problem.RetryHuman {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func described(t *testing.T, w World) {
	infos := map[string]registration.FieldInfo{}
	for _, f := range w.Portal.Fields() {
		infos[f.Path] = f
		if f.Label == "" || f.Group == "" || f.Input == "" || f.Owner == "" || strings.ContainsAny(f.Path, "/ ") {
			t.Errorf("a field does not say all: %+v", f)
		}
	}
	for path := range w.Portal.Ours(w.deal()) {
		if _, ok := infos[path]; !ok {
			t.Errorf("%s is compared and no field", path)
		}
	}
	ends := map[registration.State]bool{}
	for _, f := range infos {
		for _, s := range f.Becomes {
			ends[s] = true
		}
	}
	if !ends[registration.StateLaunched] || !ends[registration.StateClosedLost] {
		t.Errorf("no field ends a deal both ways: %v", ends)
	}
}

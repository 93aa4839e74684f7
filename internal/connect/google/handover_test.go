package google

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// house is the registration engine on a portal that a person carries for.
type house struct {
	t       *testing.T
	ctx     context.Context
	db      *db.DB
	clock   *clock.Fake
	forms   *handover.Service
	regs    *registration.Service
	stamp   time.Time
	opp     opportunity.Opportunity
	account account.Account
	told    []string
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	h := &house{t: t, db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	h.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelDirector})
	h.forms = handover.NewService(d, h.clock)
	h.regs = registration.NewService(d, h.clock, []registration.Portal{NewPortal(&HandOver{Ledger: h.forms}, Profile{}, nil)}, registration.DefaultPace)
	h.forms.Registrations = h.regs
	h.regs.Happened = func(_ context.Context, _ *db.Tx, e registration.Event) error {
		h.told = append(h.told, e.Kind)
		return nil
	}
	x := deal()
	h.opp, h.account, h.stamp = x.Opportunity, x.Account, h.clock.Now()
	h.account.CRMID, h.account.CRMModstamp, h.opp.AccountCRMID, h.opp.FulfillmentPartner = "001A", h.stamp, "001A", "Google Cloud"
	if err := d.InTx(h.ctx, h.clock, func(tx *db.Tx) error {
		_, err := account.Import(h.ctx, tx, []account.Account{h.account})
		if err != nil {
			return err
		}
		c := x.Contacts[1]
		c.CRMID, c.OpportunityCRMID, c.CRMModstamp = "00KA", h.opp.CRMID, h.stamp
		_, err = opportunity.ImportContacts(h.ctx, tx, []opportunity.Contact{c})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.take()
	return h
}

// take has the deal read from the CRM, and all follow from it.
func (h *house) take() {
	h.t.Helper()
	h.stamp = h.stamp.Add(time.Second)
	o := h.opp
	o.CRMModstamp = h.stamp
	opps := opportunity.NewService(h.db, h.clock)
	err := h.db.InTx(h.ctx, h.clock, func(tx *db.Tx) error {
		changed, err := opportunity.Import(h.ctx, tx, []opportunity.Opportunity{o})
		if err != nil {
			return err
		}
		m, err := opps.Matcher(h.ctx, tx)
		if err != nil {
			return err
		}
		touched, err := opportunity.Decide(h.ctx, tx, m, changed)
		if err != nil {
			return err
		}
		h.opp.ID = changed[0].ID
		return h.regs.Reconsider(h.ctx, tx, m, touched)
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) advance() registration.Registration {
	h.t.Helper()
	r := h.reg()
	if err := h.regs.Advance(h.ctx, r.ID); err != nil {
		h.t.Fatal(err)
	}
	return h.reg()
}

func (h *house) reg() registration.Registration {
	h.t.Helper()
	m, err := registration.ByOpportunities(context.WithoutCancel(h.ctx), h.db, []string{h.opp.ID})
	if err != nil || len(m[h.opp.ID]) != 1 {
		h.t.Fatalf("%d registrations, %v", len(m[h.opp.ID]), err)
	}
	return m[h.opp.ID][0]
}

func (h *house) waiting() []handover.Deal {
	h.t.Helper()
	list, err := h.forms.List(h.ctx, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) tell(x handover.Told) {
	h.t.Helper()
	d, err := handover.OfOpportunity(h.ctx, h.db, h.opp.ID)
	if err != nil || len(d) != 1 {
		h.t.Fatalf("%+v %v", d, err)
	}
	h.clock.Advance(time.Second)
	if _, err := h.forms.Tell(h.ctx, d[0].ID, x); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) change(e *handover.Deal) []string {
	h.t.Helper()
	lines, err := h.forms.Form(h.ctx, e.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		if l.Change {
			out = append(out, l.Label+"="+l.Value)
		}
	}
	return out
}

func TestADealThatAPersonEntersHasTheSameLife(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		r := h.advance()
		if r.State != registration.StateCreating || r.State.InPortal() || r.RemoteID != "" || !strings.Contains(r.Reason, "Waits for a person") || r.Error != "" {
			t.Fatalf("%+v", r)
		}
		list := h.waiting()
		if len(list) != 1 || list[0].Name != "Platform" || !list[0].New() {
			t.Fatalf("%+v", list)
		}
		form := h.change(&list[0])
		for _, want := range []string{"Company=Orchard", "Website domain=orchard.example", "Industry=Banking", "Contact=Ana Ruiz <ana@orchard.example>", "Amount=USD 120000.50", "Estimated close date=2027-03-31", "Contract length in months=24"} {
			if !slices.Contains(form, want) {
				t.Errorf("the form lacks %s: %v", want, form)
			}
		}
		h.clock.Advance(25 * time.Hour) // nobody did it: asked about again, told of once
		if r = h.advance(); r.State != registration.StateCreating || len(h.waiting()) != 1 || !h.waiting()[0].AskedAt.Equal(list[0].AskedAt) {
			t.Fatalf("%+v", r)
		}
		h.tell(handover.Told{RemoteID: "DR-77", State: registration.StateSubmitted})
		r = h.advance()
		if r.State != registration.StateSubmitted || r.RemoteID != "DR-77" || len(h.waiting()) != 0 || r.Outgoing != 0 || r.Conflicts != 0 {
			t.Fatalf("%+v", r)
		}
		h.tell(handover.Told{State: registration.StateApproved, OwnerName: "Gil Google", OwnerEmail: "gil@google.example", Note: "welcome"})
		r = h.advance()
		if r.State != registration.StateApproved || len(r.Sellers) != 1 || r.Sellers[0].Email != "gil@google.example" || r.ReviewComment != "welcome" {
			t.Fatalf("%+v", r)
		}
		if got := strings.Join(h.told, " "); got != "handed_over registered submitted in_review approved partner_seller handed_over" {
			t.Errorf("told %q", got)
		}
		// The stage of the deal is not Google's first: it is to be entered, too.
		if got := h.change(&h.waiting()[0]); !slices.Equal(got, []string{"Stage=REFINE"}) {
			t.Fatalf("%v", got)
		}
		h.opp.NextSteps, h.opp.CloseOn = "Sign", "2027-05-31"
		h.take()
		r = h.advance()
		if got := h.change(&h.waiting()[0]); r.Outgoing != 3 || !slices.Equal(got, []string{"Estimated close date=2027-05-31", "Next step=Sign", "Stage=REFINE"}) {
			t.Fatalf("%d outgoing, %v", r.Outgoing, got)
		}
		h.tell(handover.Told{Entered: true})
		r = h.advance()
		if r.Outgoing != 0 || r.Conflicts != 0 || len(h.waiting()) != 0 || r.State != registration.StateApproved || !r.StaleSince.IsZero() {
			t.Fatalf("%+v", r)
		}
		h.opp.Closed, h.opp.Won, h.opp.Stage = true, true, "Closed Won"
		h.take()
		h.advance()
		if got := h.change(&h.waiting()[0]); !slices.Equal(got, []string{"Stage=MIGRATION_IMPL"}) {
			t.Fatalf("%v", got)
		}
		h.tell(handover.Told{Entered: true, State: registration.StateLaunched})
		if r = h.advance(); r.State != registration.StateLaunched || len(h.waiting()) != 0 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestWhatAPersonTellsIsChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.SQLite(t, schema.Migrations()))
	h.advance()
	e := h.waiting()[0]
	for code, x := range map[string]handover.Told{
		"required":   {},
		"malformed":  {RemoteID: "two words"},
		"not_listed": {RemoteID: "DR-1", State: registration.StateBlocked},
	} {
		_, err := h.forms.Tell(h.ctx, e.ID, x)
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || p.Kind != problem.KindInvalid || p.Fields[0].Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := h.forms.Tell(h.ctx, e.ID, handover.Told{RemoteID: "DR-1", Version: e.Version + 1}); !problem.Is(err, problem.KindPrecondition) {
		t.Errorf("%v", err)
	}
	reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Level: authz.LevelReader})
	if _, err := h.forms.Tell(reader, e.ID, handover.Told{RemoteID: "DR-1"}); !problem.Is(err, problem.KindForbidden) {
		t.Errorf("%v", err)
	}
	h.tell(handover.Told{RemoteID: "DR-1"})
	if _, err := h.forms.Tell(h.ctx, e.ID, handover.Told{RemoteID: "DR-2"}); !problem.Is(err, problem.KindInvalid) {
		t.Errorf("the number of another deal: %v", err)
	}
	p := NewPortal(&HandOver{Ledger: h.forms}, Profile{}, nil)
	if detail, err := p.Ping(h.ctx); err != nil || !strings.Contains(detail, "hand-over") || !strings.Contains(detail, "not verified") {
		t.Errorf("%q %v", detail, err)
	}
	if _, err := p.Read(h.ctx, "DR-9"); !problem.Is(err, problem.KindNotFound) {
		t.Errorf("%v", err)
	}
	var names []string
	for c, err := range p.Changes(h.ctx, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.RemoteID+" "+c.OurID)
	}
	if !slices.Equal(names, []string{"DR-1 006A1"}) || p.Cloud() != cloud.GCP {
		t.Errorf("%v", names)
	}
}

package invitation

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// accounts puts companies of Salesforce into the mirror.
func (f *fixture) accounts(t *testing.T, list ...account.Account) {
	t.Helper()
	for n := range list {
		list[n].CRMModstamp = f.clock.Now()
	}
	if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		_, err := account.Import(f.ctx, tx, list)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// accepted gives an invitation that was accepted, and the values of its form.
func (f *fixture) accepted(t *testing.T, kind Kind) (Invitation, map[string]string) {
	t.Helper()
	f.p.refer(kind)
	i := f.follow(t, false)
	done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
	i = f.want(t, f.run(t, i.ID), StateAccepted)
	form, err := f.Form(f.ctx, i.ID)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, x := range form.Fields {
		values[x.Name] = x.Value
	}
	return i, values
}

// made checks that an invitation is linked with the one opportunity that Salesforce
// has of it, and that the opportunity is registered once.
func (f *fixture) made(t *testing.T, i Invitation) opportunity.Opportunity {
	t.Helper()
	f.want(t, i, StateLinked)
	o, err := opportunity.ByID(f.ctx, f.db, i.OpportunityID)
	if err != nil || o.CRMID != f.crm.byKey["aws-"+i.RemoteOppID] {
		t.Fatalf("%+v, %v", o, err)
	}
	regs, err := registration.ByOpportunities(f.ctx, f.db, []string{o.ID})
	if err != nil || len(regs[o.ID]) != 1 || regs[o.ID][0].RemoteID != i.RemoteOppID || regs[o.ID][0].ID != i.RegistrationID {
		t.Fatal(regs, err)
	}
	return o
}

func TestTheFormSaysWhichFieldsFromWhatAndMakesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Goods"}, account.Account{CRMID: "001B", Name: "Amber Holding", Domains: "amber.example, x.example"}, account.Account{CRMID: "001C", Name: "Birch"})
		i := f.offered(t, KindOpportunity)
		if _, err := f.Form(f.ctx, i.ID); !problem.Is(err, problem.KindConflict) {
			t.Fatalf("of an invitation that nobody answered: %v", err)
		}
		done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		form, err := f.Form(f.ctx, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range form.Fields {
			got = append(got, x.CRMField+"="+x.Value+" from "+x.From)
		}
		want := "Opportunity.Name=Platform engi-1 from Project.Title|Opportunity.AccountId=001B from Customer.CompanyName|Opportunity.StageName=1-Discovery from LifeCycle.Stage|" +
			"Opportunity.CloseDate=2027-03-31 from LifeCycle.TargetCloseDate|Opportunity.OwnerId= from |Opportunity.NextStep=Call them from LifeCycle.NextSteps"
		if strings.Join(got, "|") != want {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "|"), want)
		}
		if len(form.Accounts) != 2 || form.Accounts[0].CRMID != "001B" || form.Accounts[1].CRMID != "001A" {
			t.Errorf("%+v", form.Accounts)
		}
		if f.crm.took() != "" || f.get(t, i.ID).Version != i.Version {
			t.Error("a look changed something")
		}
		f.crm.absent = true
		if _, err := f.Form(f.ctx, i.ID); !problem.Is(err, problem.KindConflict) || !strings.Contains(err.Error(), "CoSell_Origin_Key__c") {
			t.Error(err)
		}
		f.CRM = nil
		if _, err := f.Create(f.ctx, Answer{ID: i.ID}, nil); !problem.Is(err, problem.KindConflict) {
			t.Error(err)
		}
	})
}

func TestAnOpportunityIsMadeInSalesforceLinkedAndFollowed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods", OwnerCRMID: "005A"})
		i, values := f.accepted(t, KindOpportunity)
		dry, err := f.Create(f.ctx, Answer{ID: i.ID, DryRun: true}, map[string]string{FieldNextSteps: "", FieldStage: "2-Scoping"})
		if err != nil || !maps.Equal(dry.Values, map[string]string{FieldName: "Platform engi-1", FieldAccount: "001A", FieldStage: "2-Scoping", FieldCloseOn: "2027-03-31", FieldOwner: "005A"}) {
			t.Fatalf("%v, %v", dry.Values, err)
		}
		if dry.Invitation.State != StateAccepted || f.get(t, i.ID).Version != i.Version || f.crm.took() != "" {
			t.Fatalf("%+v", dry)
		}
		f.want(t, done(t)(f.Create(f.ctx, Answer{ID: i.ID, Version: i.Version}, values)), StateCreating)
		i = f.run(t, i.ID)
		o := f.made(t, i)
		if got := f.crm.took(); got != "Made Make Read" {
			t.Error(got)
		}
		if row := f.crm.rows[o.CRMID]; row[FieldOwner] != "005A" || row[FieldStage] != "1-Discovery" || row[FieldName] != "Platform engi-1" || row[FieldAccount] != "001A" {
			t.Errorf("the account's owner gets it: %v", row)
		}
		if got := f.told(t, i.ID); got != "received accepting accepted creating created linked" {
			t.Error(got)
		}
		log, err := audit.Of(f.ctx, f.db, i.ID, 10)
		if err != nil || len(log) != 3 || log[1].Action != "invitation.create" || log[1].ActorName != "Ada" || !strings.Contains(log[1].Detail, "1-Discovery") {
			t.Fatalf("%+v, %v", log, err)
		}
		if _, err := f.Create(f.ctx, Answer{ID: i.ID}, values); !problem.Is(err, problem.KindConflict) {
			t.Errorf("twice: %v", err)
		}
	})
}

func TestWhatSalesforceWouldRefuseIsSaidFieldByFieldBeforeItIsAsked(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"}, account.Account{CRMID: "001D", Name: "Gone", Deleted: true})
		i, good := f.accepted(t, KindOpportunity)
		for field, value := range map[string]string{
			FieldName: " ", FieldStage: "Prospecting", FieldCloseOn: "31.3.2027", FieldAccount: "001X", FieldOwner: "005X", "Colour__c": "red",
		} {
			values := maps.Clone(good)
			values[field] = value
			_, err := f.Create(f.ctx, Answer{ID: i.ID, DryRun: true}, values)
			if list := faultsOf(err); !problem.Is(err, problem.KindInvalid) || len(list) != 1 || list[0].Field != field {
				t.Errorf("%s %q: %v %+v", field, value, err, list)
			}
		}
		bad := maps.Clone(good)
		bad[FieldName], bad[FieldAccount] = strings.Repeat("x", 21), "001D"
		if _, err := f.Create(f.ctx, Answer{ID: i.ID}, bad); len(faultsOf(err)) != 2 {
			t.Errorf("all at once: %v", err)
		}
		if f.crm.took() != "" || f.get(t, i.ID).State != StateAccepted {
			t.Error("something was done")
		}
	})
}

// Every way in which the answer of Salesforce can be lost, and every moment at which
// the process can end.
func TestALostAnswerMakesNoSecondOpportunity(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"})
		for _, faults := range []map[string][]string{
			{"Make": {"after"}}, {"Make": {"before", "after"}}, {"Made": {"before"}, "Make": {"after", "after"}}, {"Read": {"before", "after"}}, {"Make": {"after"}, "Read": {"before"}},
		} {
			have := len(f.crm.byKey)
			i, values := f.accepted(t, KindOpportunity)
			done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
			f.crm.faults = faults
			f.made(t, f.run(t, i.ID))
			if len(f.crm.byKey) != have+1 {
				t.Fatalf("%v: %d opportunities", faults, len(f.crm.byKey)-have)
			}
		}
		// The process makes it and dies; somebody works on it before the next one looks.
		i, values := f.accepted(t, KindOpportunity)
		i = done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
		crmID, err := f.crm.MakeOpportunity(f.ctx, "aws-"+i.RemoteOppID, maps.Clone(values))
		if err != nil {
			t.Fatal(err)
		}
		f.crm.rows[crmID][FieldStage] = "2-Scoping"
		f.crm.took()
		if o := f.made(t, f.run(t, i.ID)); o.Stage != "2-Scoping" || f.crm.took() != "Made Read" {
			t.Fatalf("what somebody changed is overwritten: %+v", o)
		}
	})
}

// A read of Salesforce can bring the opportunity before its making is answered: it
// is linked then and there, so that nothing registers it a second time.
func TestAnOpportunityThatArrivesByTheReadIsLinkedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"})
		i, values := f.accepted(t, KindOpportunity)
		done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
		f.crm.faults["Make"] = []string{"after"}
		if err := f.Advance(f.ctx, i.ID); err != nil {
			t.Fatal(err)
		}
		arrive := func(key string) {
			t.Helper()
			o, err := f.crm.Opportunity(f.ctx, "0061")
			if err != nil {
				t.Fatal(err)
			}
			o.OriginKey = key
			if err := f.db.InTx(t.Context(), f.clock, func(tx *db.Tx) error {
				list, err := opportunity.Import(t.Context(), tx, []opportunity.Opportunity{o})
				if err != nil {
					return err
				}
				return f.Arrived(t.Context(), tx, list)
			}); err != nil {
				t.Fatal(err)
			}
			f.clock.Advance(time.Second)
		}
		for _, key := range []string{"", "aws-O99", "nonsense"} {
			arrive(key)
			f.want(t, f.get(t, i.ID), StateCreating)
		}
		arrive("aws-O1")
		f.made(t, f.get(t, i.ID))
		f.crm.took()
		if f.run(t, i.ID); f.crm.took() != "" {
			t.Error("it goes on making")
		}
		arrive("aws-O1") // changed later
		f.made(t, f.get(t, i.ID))
	})
}

func TestWhatSalesforceRefusesIsShownAtItsFieldMendedAndMade(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"})
		i, values := f.accepted(t, KindOpportunity)
		values[FieldNextSteps] = ""
		f.crm.faults["Make"] = []string{"rule"}
		done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
		i = f.want(t, f.run(t, i.ID), StateFailed)
		if i.FailedFrom != StateCreating || i.ErrorCode != "FIELD_CUSTOM_VALIDATION_EXCEPTION" || i.Reason != "Refused by Salesforce" || !i.DueAt.IsZero() || !i.Linkable() || i.Answerable() {
			t.Fatalf("%+v", i)
		}
		f.follow(t, true) // the portal's list changes nothing of it
		f.want(t, f.get(t, i.ID), StateFailed)
		form, err := f.Form(f.ctx, i.ID)
		if err != nil || form.Fields[5].Fault != "Say what comes next" || form.Fields[0].Value != values[FieldName] {
			t.Fatalf("%+v, %v", form, err)
		}
		values[FieldNextSteps] = "Demo on Monday"
		done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
		i = f.run(t, i.ID)
		if o := f.made(t, i); f.crm.rows[o.CRMID][FieldNextSteps] != "Demo on Monday" || i.Error != "" || i.FailedFrom != "" {
			t.Fatalf("%+v", i)
		}

		// The rule can be mended instead, or another opportunity be chosen.
		for n, mend := range []func(Invitation) Invitation{
			func(i Invitation) Invitation {
				done(t)(f.Retry(f.ctx, Answer{ID: i.ID}))
				return f.run(t, i.ID)
			},
			func(i Invitation) Invitation { return done(t)(f.Link(f.ctx, Answer{ID: i.ID}, f.deal(t, "006Z").ID)) },
		} {
			i, values = f.accepted(t, KindOpportunity)
			f.crm.faults["Make"] = []string{"rule"}
			done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
			i = mend(f.want(t, f.run(t, i.ID), StateFailed))
			f.want(t, i, StateLinked)
			if _, there := f.crm.byKey["aws-"+i.RemoteOppID]; there == (n == 1) || i.Error != "" {
				t.Fatalf("%d: %+v", n, i)
			}
		}
	})
}

func TestALeadIsMadeAnOpportunityInThePortalAndInSalesforceWithOneAct(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"})
		f.p.slow = true
		i, values := f.accepted(t, KindLead)
		if !i.Convertible() {
			t.Fatalf("%+v", i)
		}
		f.want(t, done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values)), StateConverting)
		f.made(t, f.run(t, i.ID))
		if f.p.made != 1 || len(f.crm.byKey) != 1 {
			t.Fatal(f.p.made, f.crm.byKey)
		}
		if got := f.told(t, i.ID); got != "received accepting accepted creating converted created linked" {
			t.Error(got)
		}
		i, values = f.accepted(t, KindLead)
		f.p.faults["Convert"] = []string{"no"}
		done(t)(f.Create(f.ctx, Answer{ID: i.ID}, values))
		f.want(t, f.run(t, i.ID), StateFailed)
		done(t)(f.Retry(f.ctx, Answer{ID: i.ID}))
		f.made(t, f.run(t, i.ID))
	})
}

func TestAnAssociatesOpportunityIsMadeWhenADirectorApproves(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.accounts(t, account.Account{CRMID: "001A", Name: "Amber Foods"})
		ann, dan := f.person(t, "Ann", authz.LevelAssociate), f.person(t, "Dan", authz.LevelDirector)
		i, values := f.accepted(t, KindOpportunity)
		r := asked(t)(f.Create(ann, Answer{ID: i.ID}, values))
		if r.Title != "Make the referral from AWS an opportunity in Salesforce" || !strings.Contains(strings.Join(r.Details.V, "|"), "Stage: 1-Discovery|Close date: 2027-03-31") {
			t.Errorf("%+v", r)
		}
		if f.run(t, i.ID); f.crm.took() != "" {
			t.Fatal("it was made unapproved")
		}
		if got, err := f.apprs.Approve(dan, r.ID, "", r.Version); err != nil || got.State != approval.StateApproved {
			t.Fatalf("%+v, %v", got, err)
		}
		f.made(t, f.run(t, i.ID))
		if _, err := f.Form(as(context.Background(), authz.LevelReader), i.ID); !problem.Is(err, problem.KindForbidden) {
			t.Error(err)
		}
	})
}

package sync

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

const acmeCRMID = "001000000000001AAA"

// registered has the joint deal registered with AWS, an edit of its next steps and an
// approval on their way to Salesforce.
func (f *fixture) registered() {
	f.t.Helper()
	f.Registrations = registration.NewService(f.DB, f.Clock, []registration.Portal{portal{}}, registration.DefaultPace)
	f.Opportunities.Changed = func(ctx context.Context, tx *db.Tx, changed []opportunity.Opportunity) error {
		m, err := f.Opportunities.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		return f.Registrations.Reconsider(ctx, tx, m, changed)
	}
	f.tx(func(tx *db.Tx) error {
		r := registration.Registration{
			ID: "reg_1", OpportunityID: f.joint.ID, Cloud: cloud.AWS, State: registration.StateApproved, StateAt: tx.Now(), RemoteID: "O1",
			Version: 1, CRMDirty: true, ComparedVersion: f.joint.Version, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if err := db.Insert(f.ctx, tx, "registration", &r); err != nil {
			return err
		}
		edit := registration.Edit{
			RegistrationID: r.ID, Path: "LifeCycle.NextSteps", Value: `"sign"`, CRMState: registration.CRMPending, ActorKind: authz.KindPerson, ActorName: "Ada",
			EditedAt: tx.Now(), MadeOn: f.joint.CRMModstamp,
		}
		if err := db.Insert(f.ctx, tx, "registration_edit", &edit); err != nil {
			return err
		}
		return f.Activities.OnRegistration(f.ctx, tx, registration.Event{Registration: r, Kind: "approved", Subject: "AWS: approved", ActorKind: authz.KindPortal})
	})
}

func (f *fixture) tx(fn func(tx *db.Tx) error) {
	f.t.Helper()
	if err := f.DB.InTx(f.ctx, f.Clock, fn); err != nil {
		f.t.Fatal(err)
	}
}

// control is what a person does in Salesforce, or an administrator.
func (f *fixture) control(page, body string) {
	f.t.Helper()
	resp, err := http.Post(f.address+"/_control/"+page, "application/json", bytes.NewBufferString(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %s", page, resp.Status)
	}
}

func (f *fixture) remove(object, id string) {
	f.t.Helper()
	if err := f.client.Delete(f.ctx, object, id); err != nil {
		f.t.Fatal(err)
	}
}

// count counts the records of a statement's condition, deleted ones left out.
func (f *fixture) count(from string) int {
	f.t.Helper()
	n, err := f.client.Count(f.ctx, "SELECT COUNT() FROM "+from)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *fixture) leftToWrite(want int64) {
	f.t.Helper()
	if n, err := f.Waiting(f.ctx); n != want || err != nil {
		f.t.Errorf("%d writes wait to be sent, want %d (%v)", n, want, err)
	}
	if n, why, err := f.refused(f.ctx); n != 0 || err != nil {
		f.t.Errorf("%d writes count as refused: %s %v", n, why, err)
	}
}

func (f *fixture) mirrored(id string) opportunity.Opportunity {
	f.t.Helper()
	o, err := opportunity.ByID(f.ctx, f.DB, id)
	if err != nil {
		f.t.Fatal(err)
	}
	return o
}

func (f *fixture) registration() registration.Registration {
	f.t.Helper()
	r, err := registration.ByID(f.ctx, f.DB, "reg_1")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) written() {
	f.t.Helper()
	if err := f.Push(f.ctx); err != nil {
		f.t.Fatal(err)
	}
}

func TestADeletedOpportunityKeepsItsRegistrationAndItsWritesWaitUntilItIsBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		meeting := f.meeting("Waits")
		if _, err := f.Activities.Record(f.ctx, meeting, false); err != nil {
			t.Fatal(err)
		}
		f.leftToWrite(4)
		f.remove("Opportunity", jointCRMID)
		f.pull()
		if o := f.mirrored(f.joint.ID); !o.Deleted || o.Purged {
			t.Fatalf("%+v", o)
		}
		f.leftToWrite(0)
		f.written()
		if n := f.count("CoSell_Registration__c") + f.count("Task WHERE CoSell_Activity_Key__c <> null") + f.count("Event"); n != 0 {
			t.Errorf("%d records were written for a deleted opportunity", n)
		}
		if r := f.registration(); r.State != registration.StateApproved || r.RemoteID != "O1" || !r.CRMDirty {
			t.Errorf("the registration is %+v", r)
		}
		f.control("undelete", fmt.Sprintf(`{"ids":[%q]}`, jointCRMID))
		f.pull()
		if o := f.mirrored(f.joint.ID); o.Deleted {
			t.Fatal("the opportunity is not back")
		}
		f.leftToWrite(4)
		f.written()
		f.pull()
		f.written() // the edit was made on the record as it was before
		if n := f.count("CoSell_Registration__c"); n != 1 {
			t.Errorf("%d records of the registration", n)
		}
		if n := f.count("Task WHERE CoSell_Activity_Key__c <> null"); n != 1 {
			t.Errorf("%d Tasks", n)
		}
		if n := f.count("Event"); n != 1 {
			t.Errorf("%d Events", n)
		}
	})
}

// Between its deletion and our next read every write is refused: none may count as
// refused for good.
func TestAWriteThatMeetsADeletedOpportunityWaitsForIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		if _, err := f.Activities.Record(f.ctx, f.meeting("New"), false); err != nil {
			t.Fatal(err)
		}
		old, err := f.Activities.Record(f.ctx, f.meeting("Old"), false)
		if err != nil {
			t.Fatal(err)
		}
		f.push()
		if _, err := f.Activities.Record(f.ctx, f.meeting("Newer"), false); err != nil {
			t.Fatal(err)
		}
		changed := f.meeting("Old, changed")
		changed.ID = ""
		if _, err := f.Activities.Change(f.ctx, activity.Wish{ID: old.ID}, changed); err != nil {
			t.Fatal(err)
		}
		f.remove("Opportunity", jointCRMID)
		f.written()
		f.leftToWrite(0)
		if o := f.mirrored(f.joint.ID); !o.Deleted {
			t.Error("the write did not look at what became of the opportunity")
		}
		f.control("undelete", fmt.Sprintf(`{"ids":[%q]}`, jointCRMID))
		f.pull()
		f.leftToWrite(5)
		f.written()
		if n := f.count("Event"); n != 3 {
			t.Errorf("%d Events", n)
		}
		if n := f.count("CoSell_Registration__c"); n != 1 {
			t.Errorf("%d records of the registration", n)
		}
	})
}

func TestADeletedAccountIsMarkedAndTakesItsOpportunitiesAlong(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.remove("Account", acmeCRMID)
		f.pull()
		a, err := account.ByCRMID(f.ctx, f.DB, acmeCRMID)
		if err != nil || !a.Deleted || !f.mirrored(f.joint.ID).Deleted || !f.mirrored(f.lone.ID).Deleted {
			t.Errorf("%+v %v", a, err)
		}
		f.control("undelete", fmt.Sprintf(`{"ids":[%q]}`, acmeCRMID))
		f.pull()
		if a, err = account.ByCRMID(f.ctx, f.DB, acmeCRMID); err != nil || a.Deleted || f.mirrored(f.joint.ID).Deleted {
			t.Errorf("%+v %v", a, err)
		}
	})
}

func TestWhatBelongsToAMergedAccountMovesToTheOneThatIsLeft(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		second := f.create("Account", salesforce.Fields{"Name": "Acme Holding"})
		third := f.create("Account", salesforce.Fields{"Name": "Acme Worldwide"})
		partner := f.create("Account", salesforce.Fields{"Name": "AWS (duplicate)"})
		if err := f.client.Update(f.ctx, "Opportunity", loneCRMID, salesforce.Fields{"Influence_Partner__c": partner}); err != nil {
			t.Fatal(err)
		}
		f.pull()
		acme, err := account.ByCRMID(f.ctx, f.DB, acmeCRMID)
		if err != nil {
			t.Fatal(err)
		}
		in := f.meeting("With the whole company")
		in.OpportunityID, in.AccountID = "", acme.ID
		made, err := f.Activities.Record(f.ctx, in, false)
		if err != nil {
			t.Fatal(err)
		}
		merge := func(master, loser string) {
			f.control("merge", fmt.Sprintf(`{"master":%q,"losers":[%q]}`, master, loser))
		}
		merge(second, acmeCRMID)
		merge("001000000000002AAA", partner)
		f.pull()
		merge(third, second)
		f.pull()
		left, err := account.ByCRMID(f.ctx, f.DB, third)
		if err != nil {
			t.Fatal(err)
		}
		accounts := account.NewService(f.DB)
		if a, err := accounts.Current(f.ctx, acme.ID); err != nil || a.ID != left.ID {
			t.Errorf("the first account leads to %+v, %v", a, err)
		}
		for _, id := range []string{f.joint.ID, f.lone.ID} {
			if o := f.mirrored(id); o.AccountID != left.ID || o.AccountCRMID != third || o.AccountName != "Acme Worldwide" || o.Deleted {
				t.Errorf("the opportunity is with %s %s %s", o.AccountID, o.AccountCRMID, o.AccountName)
			}
		}
		if o := f.mirrored(f.lone.ID); o.InfluencePartner != "Amazon Web Services" {
			t.Errorf("its partner is %q", o.InfluencePartner)
		}
		if a, err := f.Activities.Get(f.ctx, made.ID); err != nil || a.AccountID != left.ID {
			t.Errorf("the meeting is with %s, %v", a.AccountID, err)
		}
		f.push()
		if n := f.count("Event WHERE WhatId = '" + third + "'"); n != 1 {
			t.Errorf("%d Events on the account that is left", n)
		}
	})
}

// A row of Salesforce need not be stamped when the record that it points to is merged.
func TestAMergeMovesOpportunitiesThatSalesforceDidNotStamp(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		later := time.Now().Add(time.Hour)
		f.tx(func(tx *db.Tx) error {
			// The master comes last, as from another page of the read.
			for _, a := range []account.Account{{CRMID: acmeCRMID, MasterCRMID: "001M", Deleted: true, Name: "Acme", CRMModstamp: later}, {CRMID: "001M", Name: "Master", CRMModstamp: later}} {
				if err := f.storeAccounts(f.ctx, tx, []account.Account{a}); err != nil {
					return err
				}
			}
			return nil
		})
		if o := f.mirrored(f.joint.ID); o.AccountName != "Master" || o.AccountID == "" || o.Version == f.joint.Version {
			t.Errorf("%+v", o)
		}
	})
}

func TestContactsThatChangeOrAreMergedAreKnownOnTheirOpportunities(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		doe := f.create("Contact", salesforce.Fields{"LastName": "Doe", "Email": "doe@acme.example", "AccountId": acmeCRMID})
		double := f.create("Contact", salesforce.Fields{"LastName": "Do", "Email": "do@acme.example", "AccountId": acmeCRMID})
		for _, id := range []string{doe, double} {
			f.create("OpportunityContactRole", salesforce.Fields{"OpportunityId": jointCRMID, "ContactId": id, "Role": "Champion"})
		}
		f.pull()
		people := func(want string) {
			t.Helper()
			list, err := opportunity.ContactsOf(f.ctx, f.DB, jointCRMID)
			got := ""
			for _, c := range list {
				got += c.LastName + " " + c.Email + "; "
			}
			if err != nil || got != want {
				t.Errorf("the contacts are %q, not %q (%v)", got, want, err)
			}
		}
		people("Do do@acme.example; Doe doe@acme.example; ")
		before := f.mirrored(f.joint.ID).Version
		if err := f.client.Update(f.ctx, "Contact", doe, salesforce.Fields{"Email": "jane@acme.example"}); err != nil {
			t.Fatal(err)
		}
		f.pull()
		people("Do do@acme.example; Doe jane@acme.example; ")
		if f.mirrored(f.joint.ID).Version == before {
			t.Error("the opportunity is not looked at again")
		}
		f.control("merge", fmt.Sprintf(`{"master":%q,"losers":[%q]}`, doe, double))
		f.pull()
		people("Doe jane@acme.example; ")
	})
}

func TestARegistrationRecordThatSomebodyDeletesIsWrittenAgainOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		f.written()
		f.pull()
		first := f.registration().CRMRowID
		f.remove("CoSell_Registration__c", first)
		f.pull()
		f.leftToWrite(1)
		f.written()
		f.pull()
		second := f.registration()
		if n := f.count("CoSell_Registration__c"); n != 1 || second.CRMRowID == first || second.CRMRowID == "" || second.CRMDirty {
			t.Fatalf("%d records, %+v", n, second)
		}
		f.remove("CoSell_Registration__c", second.CRMRowID)
		f.pull()
		f.written()
		if n := f.count("CoSell_Registration__c"); n != 0 || f.registration().CRMError != "Somebody deleted the record of this registration in Salesforce a second time, so it is left as it is (ENTITY_IS_DELETED)" {
			t.Errorf("%d records: %q", n, f.registration().CRMError)
		}
	})
}

// erase removes records past the recycle bin, as when it is emptied.
func (f *fixture) erase(ids ...string) {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{"ids": ids})
	if err != nil {
		f.t.Fatal(err)
	}
	f.control("erase", string(body))
}

func TestWhatWasErasedIsFoundByTheNightlyComparison(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		f.written()
		row := f.registration().CRMRowID
		contact := f.create("Contact", salesforce.Fields{"LastName": "Doe", "AccountId": acmeCRMID})
		role := f.create("OpportunityContactRole", salesforce.Fields{"OpportunityId": loneCRMID, "ContactId": contact, "Role": "Champion"})
		f.pull()
		f.erase(role, row, jointCRMID)
		f.pull()
		if f.mirrored(f.joint.ID).Deleted {
			t.Fatal("a read of changes cannot know it")
		}
		if err := f.Reconcile(f.ctx); err != nil {
			t.Fatal(err)
		}
		if o := f.mirrored(f.joint.ID); !o.Deleted || !o.Purged {
			t.Errorf("%+v", o)
		}
		if list, err := opportunity.ContactsOf(f.ctx, f.DB, loneCRMID); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
		if r := f.registration(); r.CRMRowID != "" || r.RemoteID != "O1" || r.State != registration.StateApproved {
			t.Errorf("%+v", r)
		}
		f.leftToWrite(0)
		before := f.calls.n
		if err := f.Reconcile(f.ctx); err != nil {
			t.Fatal(err)
		}
		if n := f.calls.n - before; n > 25 {
			t.Errorf("a quiet comparison costs %d calls", n)
		}
	})
}

// Salesforce forgets what it deleted after 15 days: who did not look for longer compares
// all ids.
func TestWhatWasDeletedWhileNobodyLookedForWeeksIsFound(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		f.erase(jointCRMID)
		replaced := f.create("Opportunity", salesforce.Fields{"Name": "Another", "AccountId": acmeCRMID, "StageName": "1-Discovery", "CloseDate": "2026-12-31"})
		f.pull() // as many as before
		f.tx(func(tx *db.Tx) error {
			return saveCursor(f.ctx, tx, reconciled("Opportunity"), "", time.Now().Add(-16*24*time.Hour))
		})
		if err := f.Reconcile(f.ctx); err != nil {
			t.Fatal(err)
		}
		if !f.mirrored(f.joint.ID).Purged {
			t.Error("the deletion is not known")
		}
		if list, err := opportunity.ByCRMIDs(f.ctx, f.DB, []string{replaced}); err != nil || len(list) != 1 || list[0].Deleted {
			t.Errorf("%+v %v", list, err)
		}
		mark, err := cursor(f.ctx, f.DB, reconciled("Opportunity"), "")
		if err != nil || time.Since(mark) > time.Hour {
			t.Errorf("the mark is %v, %v", mark, err)
		}
	})
}

// A record that comes into our user's sight is not stamped for it.
func TestARecordThatCameOutOfSightAndBackIsKnown(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		f.tx(func(tx *db.Tx) error { return f.mirroredOpportunities().gone(f.ctx, tx, []string{jointCRMID}) })
		if !f.mirrored(f.joint.ID).Purged {
			t.Fatal("it is not out of sight")
		}
		if err := f.Reconcile(f.ctx); err != nil {
			t.Fatal(err)
		}
		if o := f.mirrored(f.joint.ID); o.Deleted || o.Purged || o.Name != "Joint" {
			t.Errorf("%+v", o)
		}
	})
}

// A registration is compared with its deal again when the customer's account changes, not
// only at the next look at the portal (seed 767 of the simulation).
func TestAChangeOfTheAccountIsComparedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered()
		if err := f.client.Update(f.ctx, "Account", acmeCRMID, salesforce.Fields{"Website": "https://new.example"}); err != nil {
			t.Fatal(err)
		}
		f.tx(func(tx *db.Tx) error {
			_, err := tx.Exec(f.ctx, `UPDATE registration SET due_at = NULL, compared_version = ?`, f.mirrored(f.joint.ID).Version)
			return err
		})
		f.pull()
		if f.registration().DueAt.IsZero() {
			t.Error("nothing is due")
		}
	})
}

func TestAFieldThatComesOutOfSightKeepsItsValueAndIsReadAgainWhenItIsBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		change := func(fields salesforce.Fields) {
			t.Helper()
			if err := f.client.Update(f.ctx, "Opportunity", jointCRMID, fields); err != nil {
				t.Fatal(err)
			}
		}
		again := func(level string) { // the description of an object is relied on for an hour
			t.Helper()
			f.control("setup", level)
			key, secret := f.org.Credentials()
			c, err := salesforce.New(salesforce.Config{LoginURL: f.address, ClientID: key, ClientSecret: secret, Transport: &http.Transport{}})
			if err != nil {
				t.Fatal(err)
			}
			f.CRM = salesforce.NewCRM(c, "USD")
			f.pull()
		}
		change(salesforce.Fields{"Description": "before"})
		f.pull()
		change(salesforce.Fields{"Description": "meanwhile", "Next_Steps__c": "seen"})
		again(`{"access":[{"object":"Opportunity","field":"Description","level":"none"}]}`)
		if o := f.mirrored(f.joint.ID); o.Description != "before" || o.NextSteps != "seen" {
			t.Errorf("out of sight: %q, %q", o.Description, o.NextSteps)
		}
		again(`{}`)
		if o := f.mirrored(f.joint.ID); o.Description != "meanwhile" {
			t.Errorf("back in sight: %q", o.Description)
		}
	})
}

func TestAnEventAboutARecordThatIsGoneForGoodIsNoted(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.erase(jointCRMID)
		if err := f.take(f.ctx, []connection.Change{{Object: "Opportunity", IDs: []string{jointCRMID}}}); err != nil {
			t.Fatal(err)
		}
		if o := f.mirrored(f.joint.ID); !o.Deleted || !o.Purged || o.Name != "Joint" {
			t.Errorf("%+v", o)
		}
	})
}

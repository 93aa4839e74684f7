package salesforce

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
)

// crmPerson is what the organisation knows under one e-mail address: contacts by their
// account, a lead that is not converted, a user who is active.
type crmPerson struct {
	contacts   map[string]string // by account id; "" for one without
	contact    string            // the first of them
	lead, user string
}

// contactAt gives the contact that is meant at an account.
func (p crmPerson) contactAt(accountID string) string {
	if id := p.contacts[accountID]; id != "" && accountID != "" {
		return id
	}
	return p.contact
}

// relation gives who is invited to an event: a contact before a lead before a user of
// ours.
func (p crmPerson) relation(side activity.Side, accountID string) string {
	if side == activity.SideOurs && p.user != "" {
		return p.user
	}
	for _, id := range []string{p.contactAt(accountID), p.lead, p.user} {
		if id != "" {
			return id
		}
	}
	return ""
}

// whoOf gives the contact that a record is about (WhoId): the customer's before the
// partner's. A lead cannot stand there beside a WhatId (Object Reference: Event).
func whoOf(w *activity.Write, people map[string]crmPerson) string {
	for _, side := range []activity.Side{activity.SideCustomer, activity.SidePartner} {
		for _, a := range w.Attendees {
			if id := people[a.Email].contactAt(w.AccountCRMID); a.Side == side && id != "" {
				return id
			}
		}
	}
	return ""
}

// isGone reports whether the contact that the record is about is an attendee no more.
func isGone(w *activity.Write, people map[string]crmPerson) bool {
	return w.WhoCRMID != "" && slices.ContainsFunc(w.Gone, func(a activity.Attendee) bool { return people[a.Email].contactAt(w.AccountCRMID) == w.WhoCRMID })
}

// people looks the attendees of writes up by their e-mail addresses.
func (c *CRM) people(ctx context.Context, writes []activity.Write) (map[string]crmPerson, error) {
	var emails []string
	for i := range writes {
		if !writes[i].People || writes[i].Delete {
			continue
		}
		for _, a := range slices.Concat(writes[i].Attendees, writes[i].Gone) {
			if a.Email != "" {
				emails = append(emails, a.Email)
			}
		}
	}
	out := map[string]crmPerson{}
	for _, list := range InLists(emails, 0) {
		for _, q := range []struct {
			soql string
			take func(p *crmPerson, r Record)
		}{
			{"SELECT Id, Email, AccountId FROM Contact WHERE Email IN " + list + " ORDER BY Id", func(p *crmPerson, r Record) {
				if p.contacts == nil {
					p.contacts, p.contact = map[string]string{}, r.ID("Id")
				}
				if p.contacts[r.ID("AccountId")] == "" {
					p.contacts[r.ID("AccountId")] = r.ID("Id")
				}
			}},
			{"SELECT Id, Email FROM Lead WHERE IsConverted = false AND Email IN " + list + " ORDER BY Id DESC", func(p *crmPerson, r Record) { p.lead = r.ID("Id") }},
			{"SELECT Id, Email FROM User WHERE IsActive = true AND Email IN " + list + " ORDER BY Id DESC", func(p *crmPerson, r Record) { p.user = r.ID("Id") }},
		} {
			for r, err := range c.client.Query(ctx, q.soql, QueryOptions{}) {
				if r := problem.RemoteOf(err); r != nil && r.Code == "INVALID_TYPE" {
					break // the organisation has no leads, or Tandem's user may not see them
				}
				if err != nil {
					return nil, err
				}
				email := strings.ToLower(r.String("Email"))
				p := out[email]
				q.take(&p, r)
				out[email] = p
			}
		}
	}
	return out, nil
}

const relationObject = "EventRelation"

// writeRelations invites the attendees of events who are known to the organisation,
// each once, and takes off those who are attendees no more. Whom somebody else invited
// stays. An organisation without EventRelation names them in the description only.
func (c *CRM) writeRelations(ctx context.Context, writes []activity.Write, places []int, people map[string]crmPerson, out []activity.Written) error {
	o, err := c.client.Describe(ctx, relationObject)
	if r := problem.RemoteOf(err); r != nil && r.Status == http.StatusNotFound {
		return nil
	}
	if err != nil || !o.Createable {
		return err
	}
	var ids []string
	for _, i := range places {
		if w := &writes[i]; w.People && out[i].Err == nil && out[i].Now != nil {
			ids = append(ids, out[i].Now.CRMID)
		}
	}
	have := map[string]map[string]string{} // event, relation: id of the invitation
	for _, list := range InLists(ids, 0) {
		for r, err := range c.client.Query(ctx, "SELECT Id, EventId, RelationId FROM EventRelation WHERE EventId IN "+list, QueryOptions{}) {
			if err != nil {
				return err
			}
			event := r.ID("EventId")
			if have[event] == nil {
				have[event] = map[string]string{}
			}
			have[event][r.ID("RelationId")] = r.ID("Id")
		}
	}
	var rows []Fields
	var rowOf []int
	for _, i := range places {
		w, now := &writes[i], out[i].Now
		if !w.People || out[i].Err != nil || now == nil {
			continue
		}
		wanted := map[string]bool{}
		who := whoOf(w, people)
		for _, a := range w.Attendees {
			id := people[a.Email].relation(a.Side, w.AccountCRMID)
			if id == "" || id == who || id == now.Face.OwnerCRMID || wanted[id] {
				continue
			}
			wanted[id] = true
			if have[now.CRMID][id] == "" {
				rows, rowOf = append(rows, Fields{"EventId": now.CRMID, "RelationId": id}), append(rowOf, i)
			}
		}
		for _, a := range w.Gone {
			id := people[a.Email].relation(a.Side, w.AccountCRMID)
			if rel := have[now.CRMID][id]; rel != "" && !wanted[id] {
				if err := c.client.Delete(ctx, relationObject, rel); err != nil {
					out[i].Err = err
				}
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	results, err := c.client.CreateCollection(ctx, relationObject, rows)
	if len(results) != len(rows) || ofConnection(err) {
		return err
	}
	for k, r := range results {
		if r.Err != nil {
			out[rowOf[k]].Err = r.Err
		}
	}
	return nil
}

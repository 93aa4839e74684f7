package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

func direction(offered bool) string {
	if offered {
		return "In"
	}
	return "Out"
}

// UpsertRegistrations writes CoSell_Registration__c by its key, and what the mapping
// in force names to fields of the opportunities. An organisation that has mapped such
// fields can do without the object.
func (c *CRM) UpsertRegistrations(ctx context.Context, list []registration.CRMRecord) ([]registration.CRMResult, error) {
	m, err := c.mappingInForce(ctx)
	if err != nil {
		return nil, err
	}
	facts := m.Facts()
	out := make([]registration.CRMResult, len(list))
	if with, err := c.keepsRegistrations(ctx, facts); err != nil {
		return nil, err
	} else if with {
		if out, err = c.upsertRegistrations(ctx, list); err != nil {
			return nil, err
		}
	}
	if len(facts) == 0 {
		return out, nil
	}
	faults, err := c.writeFacts(ctx, m, list)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].Err == nil {
			out[i].Err = faults[list[i].OpportunityCRMID]
		}
	}
	return out, nil
}

// keepsRegistrations reports whether CoSell_Registration__c is to be written: it is,
// unless the organisation has none and its own fields are mapped instead.
func (c *CRM) keepsRegistrations(ctx context.Context, facts []mapping.Entry) (bool, error) {
	if len(facts) == 0 {
		return true, nil
	}
	_, err := c.client.recent(ctx, registrationObject)
	if notThere(err) {
		return false, nil
	}
	return err == nil, err
}

func (c *CRM) upsertRegistrations(ctx context.Context, list []registration.CRMRecord) ([]registration.CRMResult, error) {
	fields := make([]Fields, len(list))
	for i, r := range list {
		f := Fields{
			registrationKey: r.Key, "Cloud__c": string(r.Cloud), "Opportunity__c": r.OpportunityCRMID, "Direction__c": direction(r.Offered), "Portal_Id__c": orNil(r.PortalID),
			"Portal_Status__c": orNil(r.PortalStatus), "Portal_Stage__c": orNil(r.PortalStage), "Partner_Seller_Email__c": orNil(r.SellerEmail),
			"Sync_State__c": r.SyncState, "Last_Sync_Error__c": orNil(r.LastError), "Last_Portal_Modified__c": nil,
		}
		if t, err := time.Parse(time.RFC3339Nano, r.PortalModified); err == nil {
			f["Last_Portal_Modified__c"] = t
		}
		fields[i] = f
	}
	rows, err := c.client.UpsertCollection(ctx, registrationObject, registrationKey, fields)
	if len(rows) != len(list) || ofConnection(err) {
		return nil, err
	}
	out := make([]registration.CRMResult, len(rows))
	for i, r := range rows {
		out[i] = registration.CRMResult{RowID: r.ID, Created: r.Created, Err: r.Err, Lost: lost(r.Err)}
	}
	return out, nil
}

// target is a field of the opportunity that a fact is written to.
type target struct {
	entry mapping.Entry
	info  mapping.Info
	name  string
	field mapping.OrgField
}

// factTargets gives the fields of the opportunity that the facts go to, by the cloud
// that they are about. One that the organisation has not, or not any more, is left
// out: the mapping's findings name it.
func (c *CRM) factTargets(ctx context.Context, m mapping.Mapping) ([]target, error) {
	org, err := c.client.organisation(ctx, m, []string{string(mapping.ObjectOpportunity)}, c.client.recent)
	if err != nil {
		return nil, err
	}
	var out []target
	for _, e := range m.Facts() {
		if name, f, ok := org.Found(e); ok {
			info, _ := mapping.InfoOf(e.Field)
			out = append(out, target{e, info, name, f})
		}
	}
	return out, nil
}

// factsDue is an opportunity that facts are written to: what it is called, and the
// fields that do not hold yet what they should.
type factsDue struct {
	name   string
	fields Fields
	names  []string
}

// writeFacts writes what registrations know to the mapped fields of their
// opportunities. Salesforce is looked at first and gets what differs: a write whose
// answer was lost is not repeated, and nothing is written twice. It gives the refusal
// of each opportunity that met one; the error is of the whole.
func (c *CRM) writeFacts(ctx context.Context, m mapping.Mapping, list []registration.CRMRecord) (map[string]error, error) {
	targets, err := c.factTargets(ctx, m)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	deals, faults, err := c.factsToWrite(ctx, targets, list)
	if fieldGone(err) {
		c.client.doubt(string(mapping.ObjectOpportunity))
		if targets, err = c.factTargets(ctx, m); err != nil || len(targets) == 0 {
			return nil, err
		}
		deals, faults, err = c.factsToWrite(ctx, targets, list)
	}
	if err != nil || len(deals) == 0 {
		return faults, err
	}
	ids := make([]string, 0, len(deals))
	for id := range deals {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	rows := make([]Fields, len(ids))
	for i, id := range ids {
		rows[i] = deals[id].fields
	}
	results, err := c.client.UpdateCollection(ctx, "Opportunity", rows)
	if len(results) != len(rows) || ofConnection(err) {
		return nil, err
	}
	url := c.recordURL(ctx)
	for i, id := range ids {
		if results[i].Err != nil {
			faults[id] = refusedWrite(results[i].Err, deals[id], url(id))
		}
	}
	return faults, nil
}

// factsToWrite compares what the mapped fields hold with what they should.
func (c *CRM) factsToWrite(ctx context.Context, targets []target, list []registration.CRMRecord) (map[string]*factsDue, map[string]error, error) {
	ids := make([]string, len(list))
	of := map[string][]*registration.CRMRecord{}
	for i := range list {
		ids[i] = list[i].OpportunityCRMID
		if list[i].State != registration.StateChecking { // which passes, and would be written with each look at the deal
			of[ids[i]] = append(of[ids[i]], &list[i])
		}
	}
	columns := []string{"Id", "Name"}
	for _, t := range targets {
		if !slices.Contains(columns, t.name) {
			columns = append(columns, t.name)
		}
	}
	deals, faults := map[string]*factsDue{}, map[string]error{}
	for _, in := range InLists(ids, 0) {
		for r, err := range c.client.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM Opportunity WHERE Id IN "+in, QueryOptions{}) {
			if err != nil {
				return nil, nil, err
			}
			id := r.ID("Id")
			d := &factsDue{name: r.String("Name"), fields: Fields{"Id": id}}
			if err := d.compare(r, targets, of[id]); err != nil {
				faults[id] = err
			} else if len(d.names) > 0 {
				deals[id] = d
			}
		}
	}
	return deals, faults, nil
}

// compare collects what a record does not hold yet. When it was last written goes
// along with something else only, or it would be written for its own sake.
func (d *factsDue) compare(r values, targets []target, records []*registration.CRMRecord) error {
	alone := true
	for _, record := range records {
		facts := mapping.FactsOf(record)
		for _, t := range targets {
			if t.info.Cloud != record.Cloud {
				continue
			}
			is, should := r.String(t.name), facts[t.info.Which]
			value, same, err := t.value(r, should)
			if err != nil {
				return problem.FromRemote(problem.Remote{System: system, Operation: "update Opportunity", Code: "value_unfit", Retry: problem.RetryHuman},
					fmt.Sprintf("%s of the opportunity %s cannot be written to %s: %v", t.info.Label, d.name, mapping.Name(mapping.ObjectOpportunity, t.name), err), nil)
			}
			if same || is != "" && t.entry.Owner == mapping.OwnerSalesforce {
				continue
			}
			alone = alone && t.info.Which == mapping.FactSynced && is != ""
			d.fields[t.name], d.names = value, append(d.names, t.name)
		}
	}
	if alone {
		d.names = nil
	}
	return nil
}

// value turns a fact into what the field takes, and says whether it holds that.
func (t target) value(r values, fact string) (value any, same bool, err error) {
	text, err := t.entry.Transform.Write(fact)
	if err != nil {
		return nil, false, err
	}
	if t.field.Type == "datetime" {
		if text == "" {
			return nil, r.String(t.name) == "", nil
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, false, err
		}
		held, err := r.Time(t.name)
		return at, err == nil && held.Equal(at.Truncate(time.Millisecond)), nil
	}
	if t.field.Length > 0 && t.field.Type != "picklist" {
		text = cutUnits(text, t.field.Length)
	}
	text = strings.TrimSpace(text) // as Salesforce keeps it
	return orNil(text), strings.ReplaceAll(r.String(t.name), "\r\n", "\n") == strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// recordURL gives the address of a record's page in Salesforce, "" when it is not
// known.
func (c *CRM) recordURL(ctx context.Context) func(id string) string {
	who, err := c.client.Identity(ctx)
	return func(id string) string {
		if err != nil {
			return ""
		}
		return strings.TrimRight(who.InstanceURL, "/") + "/" + id
	}
}

// refusedWrite names the record and the fields in Salesforce's refusal to write to
// it: its own words name the rule.
func refusedWrite(err error, d *factsDue, url string) error {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return err
	}
	out := *p
	out.Message = fmt.Sprintf("The opportunity %s (%s) did not take what the field mapping writes to %s. %s", d.name, url, strings.Join(d.names, ", "), p.Message)
	return &out
}

// UpdateOpportunity writes one change, unless the record was changed since it was
// read and the mapping lets neither Tandem nor the newest win.
func (c *CRM) UpdateOpportunity(ctx context.Context, change registration.CRMChange) (registration.CRMResult, error) {
	m, err := c.mappingInForce(ctx)
	if err != nil {
		return registration.CRMResult{}, err
	}
	p, ok, err := c.client.planBy(ctx, m, "Opportunity", opportunitySources)
	if err != nil || !ok {
		return registration.CRMResult{}, err
	}
	w := changeWrite{plan: p, mapping: m, change: change, fields: Fields{}}
	for ours, text := range change.Fields {
		if refused := w.add(mapping.Field(ours), text); refused != nil {
			return registration.CRMResult{Err: refused}, nil //nolint:nilerr // it is this record's outcome
		}
	}
	err = w.send(ctx, c.client)
	if ofConnection(err) {
		return registration.CRMResult{}, err
	}
	return registration.CRMResult{RowID: change.OpportunityCRMID, Err: err, Lost: lost(err)}, nil
}

// changeWrite is a change on its way to the fields of an opportunity.
type changeWrite struct {
	plan    plan
	mapping mapping.Mapping
	change  registration.CRMChange
	fields  Fields
	owners  []mapping.Owner
	filled  []string // to be written only where nothing stands
}

func (w *changeWrite) refuse(code, format string, args ...any) error {
	return problem.FromRemote(problem.Remote{System: system, Operation: "update Opportunity", Code: code, Retry: problem.RetryHuman}, fmt.Sprintf(format, args...), nil)
}

func (w *changeWrite) add(ours mapping.Field, text string) error {
	e, mapped := w.mapping.Of(ours)
	path, ok := w.plan.paths[string(ours)]
	switch {
	case !mapped:
		return w.refuse("not_mapped", "The field mapping names no field of Salesforce for %s: map it under Settings, Field mapping", ours)
	case !ok || strings.Contains(path, "."):
		return w.refuse("field_missing", "Salesforce has no field for %s (mapped: %s), or Tandem's user may not see it", ours, strings.Join(e.CRM, ", "))
	case !e.Direction.Writes():
		return w.refuse("read_only", "The field mapping reads %s from Opportunity.%s and does not write it: change the value in Salesforce, or the direction under Settings, Field mapping", ours, path)
	}
	text, err := e.Transform.Write(text)
	if err != nil {
		return w.refuse("value_unfit", "%s cannot be written to Opportunity.%s: %v", ours, path, err)
	}
	f, _ := w.plan.org.Field(mapping.ObjectOpportunity, path)
	w.fields[path] = orNil(text)
	switch f.Type {
	case "double", "currency", "percent", "int":
		if text != "" && json.Valid([]byte(text)) {
			w.fields[path] = json.Number(text)
		}
	}
	w.owners = append(w.owners, e.Owner)
	if e.Owner == mapping.OwnerSalesforce {
		w.filled = append(w.filled, path)
	}
	return nil
}

// send writes the fields by their owners. Where they differ the strictest holds: a
// record that changed meanwhile is asked about.
func (w *changeWrite) send(ctx context.Context, c *Client) error {
	id := w.change.OpportunityCRMID
	if len(w.filled) > 0 {
		have, err := c.Get(ctx, "Opportunity", id, w.filled...)
		if err != nil {
			return err
		}
		for _, path := range w.filled {
			if value := have.String(path); value != "" && value != fmt.Sprint(w.fields[path]) {
				return w.refuse("owned_by_salesforce", "Opportunity.%s holds a value, and by the field mapping Salesforce's holds: change it there", path)
			}
		}
	}
	since := w.change.ReadAt
	switch {
	case slices.Contains(w.owners, mapping.OwnerAsk):
	case slices.Contains(w.owners, mapping.OwnerNewest):
		if w.change.MadeAt.After(since) {
			since = w.change.MadeAt
		}
	default:
		return c.Update(ctx, "Opportunity", id, w.fields)
	}
	return c.UpdateIfUnmodified(ctx, "Opportunity", id, w.fields, since)
}

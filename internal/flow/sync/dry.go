package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Dry is a page of what a flow would change now.
type Dry struct {
	Flow    automation.Flow
	At      time.Time
	Total   int64 // records that the flow would look at; -1 is not known
	From    int   // the place of the first change among them
	Changes []automation.RecordChange
	Next    int // the From of the next page, 0 for none
}

// How much a page of a dry run holds, and how far it can be paged.
const (
	DryPage    = 50
	maxDryPage = 200
	maxDry     = 5000
)

// DryRun says exactly which records a flow would change if it ran now, field by
// field, as Salesforce has them at this moment. It sends nothing, changes nothing,
// and works whether the flow is on or off. It asks Salesforce, and so needs sync.
func (s *Service) DryRun(ctx context.Context, id automation.FlowID, from, limit int) (Dry, error) {
	if err := authz.Require(ctx, authz.ActionSync); err != nil {
		return Dry{}, err
	}
	flow, err := automation.FlowOf(id)
	if err != nil {
		return Dry{}, err
	}
	if s.CRM == nil {
		return Dry{}, ErrNotConnected
	}
	if from < 0 || from > maxDry {
		return Dry{}, problem.Invalid("from", "out_of_range", fmt.Sprintf("A dry run shows the first %d records", maxDry))
	}
	if limit <= 0 {
		limit = DryPage
	}
	limit = min(limit, maxDryPage)
	d := Dry{Flow: flow, At: s.Clock.Now(), From: from, Total: -1, Changes: []automation.RecordChange{}}
	n, err := s.dry(ctx, &d, from, limit)
	if err == nil && n >= limit {
		d.Next = from + limit
	}
	return d, err
}

// dry puts the changes of the records from one place on into d, and gives how many
// records it looked at.
func (s *Service) dry(ctx context.Context, d *Dry, from, limit int) (int, error) {
	if d.Flow.Mode == automation.ModeWrites {
		list, err := s.Waits(ctx)
		if err != nil {
			return 0, err
		}
		for _, w := range list {
			if w.Flow == d.Flow.ID {
				d.Total = w.Waiting
			}
		}
	}
	end := from + limit
	crm := s.CRM
	if g, ok := crm.(*guarded); ok {
		crm = g.CRM // Preview sends nothing, so no flow has to be on
	}
	switch d.Flow.ID {
	case automation.ReadRecords:
		return s.dryRead(ctx, d, from, limit)
	case automation.ReadActivities:
		return s.dryReadActivities(ctx, d, limit)
	case automation.CheckTagging:
		return s.dryTagging(ctx, d, from, limit)
	case automation.WriteEdits:
		changes, _, err := s.Registrations.PendingCRM(ctx, end)
		if err != nil {
			return 0, err
		}
		return dryEach(ctx, crm, d, cutTo(changes, from), func(ctx context.Context, c registration.CRMChange) error { return dryUpdate(ctx, crm, c) })
	case automation.WriteCorrections:
		changes, _, err := s.Tagging.TryPending(ctx, end)
		if err != nil {
			return 0, err
		}
		return dryEach(ctx, crm, d, cutTo(changes, from), func(ctx context.Context, c registration.CRMChange) error { return dryUpdate(ctx, crm, c) })
	case automation.WriteRegistrations:
		list, err := s.Registrations.Dirty(ctx, end)
		list = cutTo(list, from)
		if err != nil || len(list) == 0 {
			return 0, err
		}
		d.Changes, err = crm.Preview(ctx, func(ctx context.Context) error {
			_, err := crm.UpsertRegistrations(ctx, list)
			return err
		})
		return len(list), err
	case automation.WriteTasks:
		list, err := s.Activities.Pending(ctx, end)
		list = cutTo(list, from)
		if err != nil || len(list) == 0 {
			return 0, err
		}
		d.Changes, err = crm.Preview(ctx, func(ctx context.Context) error {
			_, err := crm.LogTasks(ctx, list)
			return err
		})
		return len(list), err
	case automation.WriteActivities:
		return s.dryRecorded(ctx, crm, d, from, end)
	case automation.MakeOpportunities:
		list, err := invitation.WantedNow(ctx, s.DB, end)
		if err != nil {
			return 0, err
		}
		return dryEach(ctx, crm, d, cutTo(list, from), func(ctx context.Context, w invitation.Wanted) error {
			_, err := crm.MakeOpportunity(ctx, w.Key, w.Values)
			return err
		})
	}
	return 0, nil
}

func cutTo[T any](list []T, from int) []T { return list[min(from, len(list)):] }

func dryUpdate(ctx context.Context, crm CRM, c registration.CRMChange) error {
	res, err := crm.UpdateOpportunity(ctx, c)
	if err == nil {
		err = res.Err
	}
	return err
}

// dryEach previews writes that are sent one by one. What is refused before it is
// sent is said of its record.
func dryEach[T any](ctx context.Context, crm CRM, d *Dry, list []T, write func(context.Context, T) error) (int, error) {
	var refused []automation.RecordChange
	changes, err := crm.Preview(ctx, func(ctx context.Context) error {
		for _, x := range list {
			err := write(ctx, x)
			if err == nil || automation.IsDryRun(err) {
				continue
			}
			if problem.RetryOf(err) != problem.RetryHuman {
				return err
			}
			refused = append(refused, refusedChange(x, err))
		}
		return nil
	})
	d.Changes = append(append(d.Changes, changes...), refused...)
	return len(list), err
}

func refusedChange(x any, err error) automation.RecordChange {
	c := automation.RecordChange{Act: automation.ActWait, Object: "Opportunity", Fields: []automation.FieldChange{}, Note: err.Error()}
	switch x := x.(type) {
	case registration.CRMChange:
		c.CRMID, c.About = x.OpportunityCRMID, x.OpportunityCRMID
	case invitation.Wanted:
		c.Key, c.Name = x.Key, x.Name
	}
	return c
}

func (s *Service) dryRecorded(ctx context.Context, crm CRM, d *Dry, from, end int) (int, error) {
	due, err := s.Activities.Due(ctx, end)
	due = cutTo(due, from)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	found, err := s.lookAt(ctx, due)
	if err != nil {
		return 0, err
	}
	writes, err := s.Activities.TryPlan(ctx, due, found)
	if err != nil || len(writes) == 0 {
		return len(due), err
	}
	d.Changes, err = crm.Preview(ctx, func(ctx context.Context) error {
		_, err := crm.WriteActivities(ctx, writes)
		return err
	})
	return len(due), err
}

// dryTagging names what would be listed anew, and what would leave the list.
func (s *Service) dryTagging(ctx context.Context, d *Dry, from, limit int) (int, error) {
	list, err := s.Tagging.Differences(ctx, from+limit)
	list = cutTo(list, from)
	for i := range list {
		x := &list[i]
		f := automation.FieldChange{Field: "Finding", To: x.Rule}
		if x.Gone {
			f.From, f.To = x.Rule, ""
		}
		d.Changes = append(d.Changes, automation.RecordChange{
			Act: automation.ActUpdate, Object: "Opportunity", CRMID: x.Opportunity.CRMID, About: x.Opportunity.CRMID, Name: x.Opportunity.Name, Fields: []automation.FieldChange{f},
		})
	}
	return len(list), err
}

// errTried takes back what was only tried.
var errTried = errors.New("only tried")

// dryRead names the records that changed in Salesforce since they were read, with
// what they are in Tandem and there. Pages go over the objects together.
func (s *Service) dryRead(ctx context.Context, d *Dry, from, limit int) (int, error) {
	accounts := accountIDs{}
	skip, room := from, limit
	for _, step := range []func() (int, error){
		func() (int, error) {
			return dryObject(ctx, s, d, "User", "person", skip, room, s.CRM.People, func(p *team.Person) string { return *p.CRMID }, func(p *team.Person) string { return p.Name }, s.storePeople)
		},
		func() (int, error) {
			return dryObject(ctx, s, d, "Account", "account", skip, room, s.CRM.Accounts, func(a *account.Account) string { return a.CRMID }, func(a *account.Account) string { return a.Name }, s.storeAccounts)
		},
		func() (int, error) {
			return dryObject(ctx, s, d, "OpportunityTeamMember", "opportunity_member", skip, room, s.CRM.Members, func(m *opportunity.Member) string { return m.CRMID }, func(m *opportunity.Member) string { return m.Name }, s.storeMembers)
		},
		func() (int, error) {
			return dryObject(ctx, s, d, "OpportunityContactRole", "opportunity_contact", skip, room, s.CRM.Contacts, func(c *opportunity.Contact) string { return c.CRMID }, func(c *opportunity.Contact) string { return c.LastName }, s.storeContacts)
		},
		func() (int, error) {
			return dryObject(ctx, s, d, "Opportunity", "opportunity", skip, room, s.CRM.Opportunities, func(o *opportunity.Opportunity) string { return o.CRMID }, func(o *opportunity.Opportunity) string { return o.Name },
				func(ctx context.Context, tx *db.Tx, rows []opportunity.Opportunity) error {
					return s.storeOpportunities(ctx, tx, accounts, rows)
				})
		},
	} {
		n, err := step()
		if err != nil {
			return 0, err
		}
		used := min(n, skip)
		skip, room = skip-used, room-(n-used)
		if room <= 0 {
			break
		}
	}
	return limit - room, nil
}

func (s *Service) dryReadActivities(ctx context.Context, d *Dry, limit int) (int, error) {
	for _, o := range activityObjects {
		var stored int64
		_, err := dryObject(ctx, s, d, string(o), "activity", 0, limit, func(ctx context.Context, what connection.Read) iter.Seq2[activity.Remote, error] {
			return s.CRM.ChangedActivities(ctx, o, what)
		}, func(r *activity.Remote) string { return r.CRMID }, func(r *activity.Remote) string { return r.Face.Subject }, func(ctx context.Context, tx *db.Tx, rows []activity.Remote) error {
			return s.storeActivities(ctx, tx, rows, &stored)
		})
		if err != nil {
			return 0, err
		}
	}
	return len(d.Changes) % limit, nil // the first page is all that is shown
}

// dryObject reads what changed of one object, at most skip and room records, stores
// it as a read would, looks at what that changed, and takes it back. It gives how
// many records it read.
func dryObject[T any](ctx context.Context, s *Service, d *Dry, object, table string, skip, room int, source func(context.Context, connection.Read) iter.Seq2[T, error],
	id, name func(*T) string, store func(context.Context, *db.Tx, []T) error,
) (int, error) {
	by, err := s.mappedBy(ctx, object)
	if err != nil {
		return 0, err
	}
	mark, err := cursor(ctx, s.DB, object, by)
	if err != nil {
		return 0, err
	}
	what := connection.Read{}
	if !mark.IsZero() {
		what.Since = mark.Add(-overlap)
	}
	var rows []T
	n := 0
	for row, err := range source(ctx, what) {
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", object, err)
		}
		if n++; n > skip {
			rows = append(rows, row)
		}
		if len(rows) == room {
			break
		}
	}
	if len(rows) == 0 {
		return n, nil
	}
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = id(&rows[i])
	}
	var before, after map[string]map[string]string
	err = s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error {
		var err error
		if before, err = stored(ctx, tx, table, ids); err != nil {
			return err
		}
		if err := store(ctx, tx, rows); err != nil {
			return err
		}
		if after, err = stored(ctx, tx, table, ids); err != nil {
			return err
		}
		return errTried
	})
	if !errors.Is(err, errTried) {
		return n, err
	}
	for i := range rows {
		c := automation.RecordChange{Act: automation.ActCreate, Object: object, CRMID: ids[i], Name: name(&rows[i]), Fields: difference(before[ids[i]], after[ids[i]])}
		if before[ids[i]] != nil {
			c.Act = automation.ActUpdate
		}
		if object == "Opportunity" {
			c.About = c.CRMID
		}
		if len(c.Fields) > 0 { // else it is read again, as a read begins a little before the last one ended
			d.Changes = append(d.Changes, c)
		}
	}
	return n, nil
}

// difference gives the columns that differ, in the order of their names.
func difference(before, after map[string]string) []automation.FieldChange {
	var out []automation.FieldChange
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			out = append(out, automation.FieldChange{Field: name, From: before[name], To: after[name]})
		}
	}
	return out
}

// ours are columns that tell of the storing, not of the record; so do the keys that
// lists are searched and sorted by.
var ours = map[string]bool{"id": true, "version": true, "created_at": true, "updated_at": true, "crm_modstamp": true, "crm_stamp": true}

// columnsOf gives the columns of a row as text.
func columnsOf(row any) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(row)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("db"), ",")
		if name == "" || name == "-" || ours[name] || strings.HasSuffix(name, "_key") {
			continue
		}
		f := v.Field(i)
		for f.Kind() == reflect.Pointer {
			if f.IsNil() {
				break
			}
			f = f.Elem()
		}
		text := ""
		if f.Kind() != reflect.Pointer && !f.IsZero() {
			text = fmt.Sprint(f.Interface())
			if t, ok := f.Interface().(time.Time); ok {
				text = t.UTC().Format(time.RFC3339)
			}
		}
		out[name] = text
	}
	return out
}

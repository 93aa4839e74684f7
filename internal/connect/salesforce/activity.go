package salesforce

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

var taskSources = append([]source{
	{"activity.on", []string{"ActivityDate"}, true},
	{"activity.closed", []string{"IsClosed"}, true},
	{"activity.completed_at", []string{"CompletedDateTime"}, false},
	{"activity.subtype", []string{"TaskSubtype"}, false},
	{"activity.seconds", []string{"CallDurationInSeconds"}, false},
}, activitySources...)

var eventSources = append([]source{
	{"activity.on", []string{"ActivityDate"}, false},
	{"activity.starts_at", []string{"StartDateTime"}, true},
	{"activity.ends_at", []string{"EndDateTime"}, true},
	{"activity.location", []string{"Location"}, false},
	{"activity.private", []string{"IsPrivate"}, false},
	{"activity.child", []string{"IsChild"}, false},
}, activitySources...)

var activitySources = []source{
	{"activity.subject", []string{"Subject"}, true},
	{"activity.notes", []string{"Description"}, false},
	{"activity.type", []string{"Type"}, false},
	{"activity.what", []string{"WhatId"}, true},
	{"activity.who", []string{"WhoId"}, false},
	{"activity.who_name", []string{"Who.Name"}, false},
	{"activity.owner", []string{"OwnerId"}, true},
	{"activity.owner_name", []string{"Owner.Name"}, false},
	{"activity.created_at", []string{"CreatedDate"}, false},
	{"activity.created_by_name", []string{"CreatedBy.Name"}, false},
	{"activity.changed_by_name", []string{"LastModifiedBy.Name"}, false},
	{"activity.key", []string{activityKey}, false},
}

// What Tandem writes into the texts of a record: the word before the subject of a
// cancelled one, and the line below the notes from which on the description is its own.
const (
	cancelledPrefix = "Cancelled: "
	ownLines        = "-- Kept by Tandem --"
)

func activitySourcesOf(o activity.Object) []source {
	if o == activity.ObjectEvent {
		return eventSources
	}
	return taskSources
}

// remoteActivity reads a Task or Event.
func remoteActivity(o activity.Object) func(plan, values) (activity.Remote, error) {
	return func(p plan, r values) (activity.Remote, error) {
		out := activity.Remote{
			Object: o, CRMID: r.ID("Id"), Key: p.text(r, "activity.key"), WhatCRMID: p.id(r, "activity.what"), Deleted: r.Bool("IsDeleted"),
			Hidden: p.flag(r, "activity.private") || p.flag(r, "activity.child"), Done: o == activity.ObjectEvent || p.flag(r, "activity.closed"),
			WhoCRMID: p.id(r, "activity.who"), WhoName: p.text(r, "activity.who_name"), OwnerName: p.text(r, "activity.owner_name"), MadeBy: p.text(r, "activity.created_by_name"),
			ChangedBy: p.text(r, "activity.changed_by_name"),
			Kind:      kindOf(o, p.text(r, "activity.type"), p.text(r, "activity.subtype")),
		}
		f := &out.Face
		f.Subject, f.Cancelled = strings.CutPrefix(activity.Tidy(p.text(r, "activity.subject")), cancelledPrefix)
		f.Notes, _, _ = strings.Cut(p.text(r, "activity.notes"), ownLines)
		f.Notes, f.Location, f.OwnerCRMID = activity.Tidy(f.Notes), activity.Tidy(p.text(r, "activity.location")), p.id(r, "activity.owner")
		if seconds, ok := wholeNumber(p.text(r, "activity.seconds")); ok && out.Kind == activity.KindCall {
			f.Minutes = seconds / 60
		}
		var completed time.Time
		for path, dst := range map[string]*time.Time{
			"activity.starts_at": &f.StartsAt, "activity.ends_at": &f.EndsAt, "activity.completed_at": &completed, "activity.created_at": &out.MadeAt,
		} {
			if at, ok := p.paths[path]; ok {
				t, err := r.Time(at)
				if err != nil {
					return out, err
				}
				*dst = t
			}
		}
		day, err := date.Parse(p.text(r, "activity.on"))
		if err != nil {
			return out, fmt.Errorf("activity.on: %w", err)
		}
		if f.StartsAt.IsZero() {
			f.On = day // of a Task, or of an Event that lasts all day
		}
		for _, t := range []time.Time{f.StartsAt, f.On.Time(), completed, out.MadeAt} {
			if out.HappenedAt.IsZero() {
				out.HappenedAt = t
			}
		}
		out.Stamp, err = r.Time("SystemModstamp")
		return out, err
	}
}

// kindOf tells what a Task or Event of the organisation is: TaskSubtype has fixed
// values (Object Reference: Task), Type is the organisation's own list.
func kindOf(o activity.Object, typ, subtype string) activity.Kind {
	switch {
	case o == activity.ObjectEvent:
		return activity.KindMeeting
	case subtype == "Call", strings.EqualFold(typ, "Call"):
		return activity.KindCall
	case subtype == "Email", subtype == "ListEmail", strings.EqualFold(typ, "Email"):
		return activity.KindEmail
	case strings.EqualFold(typ, "Meeting"):
		return activity.KindMeeting
	}
	return activity.KindTask
}

// ChangedActivities gives the Tasks or Events that are asked for, deleted and archived
// ones too.
func (c *CRM) ChangedActivities(ctx context.Context, o activity.Object, read connection.Read) iter.Seq2[activity.Remote, error] {
	if read.Since.IsZero() {
		read.Since = time.Unix(0, 0)
	}
	return changed(ctx, c, string(o), activitySourcesOf(o), read, remoteActivity(o))
}

// ActivitiesOf gives the Tasks or Events of opportunities.
func (c *CRM) ActivitiesOf(ctx context.Context, o activity.Object, opportunityCRMIDs []string) iter.Seq2[activity.Remote, error] {
	return c.activitiesWhere(ctx, o, "WhatId", opportunityCRMIDs)
}

// activitiesWhere gives those whose field has one of the values, deleted and archived
// ones too: a query without queryAll leaves out what is older than a year.
func (c *CRM) activitiesWhere(ctx context.Context, o activity.Object, field string, values []string) iter.Seq2[activity.Remote, error] {
	return func(yield func(activity.Remote, error) bool) {
		p, ok, err := c.client.plan(ctx, string(o), activitySourcesOf(o))
		if err != nil || !ok {
			if err != nil {
				yield(activity.Remote{}, err)
			}
			return
		}
		read := remoteActivity(o)
		for _, list := range InLists(values, 0) {
			for r, err := range c.client.QueryAll(ctx, p.soql+" WHERE "+field+" IN "+list, QueryOptions{}) {
				var a activity.Remote
				if err == nil {
					a, err = read(p, r)
				}
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
	}
}

// NewestActivity gives the stamp of the Task or Event that changed last.
func (c *CRM) NewestActivity(ctx context.Context, o activity.Object) (time.Time, error) {
	return c.Newest(ctx, string(o))
}

// LookActivities finds the records of the keys.
func (c *CRM) LookActivities(ctx context.Context, o activity.Object, keys []string) (map[string]activity.Remote, error) {
	out := map[string]activity.Remote{}
	for r, err := range c.activitiesWhere(ctx, o, activityKey, keys) {
		if err != nil {
			return nil, err
		}
		if have, ok := out[r.Key]; !ok || have.Deleted { // one that is there counts before one in the bin
			out[r.Key] = r
		}
	}
	return out, nil
}

// WriteActivities writes records: new ones by their keys, others by their ids, one
// after the other; then who takes part in events. Afterwards it looks at all of them.
func (c *CRM) WriteActivities(ctx context.Context, writes []activity.Write) ([]activity.Written, error) {
	out := make([]activity.Written, len(writes))
	people, err := c.people(ctx, writes)
	if err != nil {
		return nil, err
	}
	for _, o := range []activity.Object{activity.ObjectTask, activity.ObjectEvent} {
		object, err := c.client.Describe(ctx, string(o))
		if err != nil {
			return nil, err
		}
		var places []int
		for i := range writes {
			if writes[i].Object == o {
				places = append(places, i)
			}
		}
		if len(places) == 0 {
			continue
		}
		if err := c.writeRecords(ctx, object, writes, places, people, out); err != nil {
			return nil, err
		}
		if err := c.lookAgain(ctx, o, writes, places, out); err != nil {
			return nil, err
		}
		if o == activity.ObjectEvent {
			if err := c.writeRelations(ctx, writes, places, people, out); err != nil {
				return nil, err
			}
		}
	}
	for i := range out {
		out[i].Lost = lost(out[i].Err)
	}
	return out, nil
}

func (c *CRM) writeRecords(ctx context.Context, o *Object, writes []activity.Write, places []int, people map[string]crmPerson, out []activity.Written) error {
	var made []int
	var rows []Fields
	for _, i := range places {
		w := &writes[i]
		switch {
		case w.Delete:
			out[i].Err = c.client.Delete(ctx, string(w.Object), w.CRMID)
		case w.CRMID != "":
			out[i].Err = c.client.UpdateIfUnmodified(ctx, string(w.Object), w.CRMID, activityFields(o, w, people), w.Since)
		default:
			f := activityFields(o, w, people)
			f[activityKey] = w.Key
			made, rows = append(made, i), append(rows, f)
		}
		if ofConnection(out[i].Err) {
			return out[i].Err // the sign-in was refused, not this record
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if len(made) == 0 {
		return nil
	}
	results, err := c.client.UpsertCollection(ctx, o.Name, activityKey, rows)
	if len(results) != len(rows) || ofConnection(err) {
		return err
	}
	for k, i := range made {
		out[i].Err = results[k].Err
	}
	return nil
}

// lookAgain reads what became of the records. One whose creation was refused may be
// there all the same: an answer was lost, and the repeat found fields that can only be
// set once.
func (c *CRM) lookAgain(ctx context.Context, o activity.Object, writes []activity.Write, places []int, out []activity.Written) error {
	var keys []string
	for _, i := range places {
		if !writes[i].Delete {
			keys = append(keys, writes[i].Key)
		}
	}
	found, err := c.LookActivities(ctx, o, keys)
	if err != nil {
		return err
	}
	for _, i := range places {
		w := &writes[i]
		r, ok := found[w.Key]
		switch {
		case w.Delete:
			continue
		case ok && !r.Deleted:
			out[i].Now = &r
			if w.CRMID == "" && problem.RetryOf(out[i].Err) == problem.RetryHuman {
				out[i].Err = nil
			}
		case out[i].Err == nil:
			out[i].Err = problem.FromRemote(problem.Remote{System: system, Operation: "look at " + string(o), Code: "NOT_THERE", Retry: problem.RetrySoon},
				"Salesforce took the record and does not show it yet", nil)
		}
	}
	return nil
}

// activityFields are the fields of a write: all of a new record, else those of the parts.
func activityFields(o *Object, w *activity.Write, people map[string]crmPerson) Fields {
	f, fresh := Fields{}, w.CRMID == ""
	has := func(p activity.Part) bool { return slices.Contains(w.Parts, p) }
	if has(activity.PartSubject) || has(activity.PartCancelled) {
		subject := w.Face.Subject
		if w.Face.Cancelled {
			subject = cancelledPrefix + subject
		}
		f["Subject"] = cutUnits(subject, 255)
	}
	if has(activity.PartNotes) || has(activity.PartCancelled) || w.People {
		text := w.Face.Notes
		if len(w.Lines) > 0 {
			text = strings.TrimSpace(text + "\n\n" + ownLines + "\n" + strings.Join(w.Lines, "\n"))
		}
		f["Description"] = orNil(cutUnits(text, 32_000))
	}
	if has(activity.PartOwner) && w.Face.OwnerCRMID != "" {
		f["OwnerId"] = w.Face.OwnerCRMID
	}
	if w.People {
		if who := whoOf(w, people); who != "" {
			f["WhoId"] = who
		} else if isGone(w, people) {
			f["WhoId"] = nil
		}
	}
	if fresh {
		f["WhatId"] = w.WhatCRMID
		if v := choice(o, "Type", typesOf(w.Kind)...); v != "" {
			f["Type"] = v
		}
	}
	if w.Object == activity.ObjectEvent {
		eventFields(o, w, f)
		return f
	}
	taskFields(o, w, f)
	return f
}

func eventFields(o *Object, w *activity.Write, f Fields) {
	if slices.Contains(w.Parts, activity.PartWhen) {
		if w.Face.StartsAt.IsZero() { // somebody made it last all day
			f["IsAllDayEvent"], f["ActivityDate"] = true, string(w.Face.On)
		} else {
			f["StartDateTime"], f["EndDateTime"] = w.Face.StartsAt, w.Face.EndsAt
			if w.CRMID != "" {
				f["IsAllDayEvent"] = false
			}
		}
	}
	if slices.Contains(w.Parts, activity.PartLocation) {
		f["Location"] = orNil(w.Face.Location)
	}
	if slices.Contains(w.Parts, activity.PartCancelled) && w.Face.Cancelled {
		if v := choice(o, "ShowAs", "Free"); v != "" {
			f["ShowAs"] = v
		}
	}
}

func taskFields(o *Object, w *activity.Write, f Fields) {
	fresh := w.CRMID == ""
	if slices.Contains(w.Parts, activity.PartWhen) {
		f["ActivityDate"] = string(w.Face.On)
		if w.Face.Minutes > 0 || !fresh && w.Kind == activity.KindCall {
			f["CallDurationInSeconds"] = w.Face.Minutes * 60
		}
	}
	if !fresh && (!slices.Contains(w.Parts, activity.PartCancelled) || !w.Face.Cancelled) {
		return // whether it is done is the owner's word
	}
	f["Status"] = "Not Started"
	if w.Past {
		f["Status"] = "Completed"
	}
	if !fresh {
		return
	}
	f["Priority"] = "Normal"
	switch w.Kind {
	case activity.KindCall:
		f["TaskSubtype"] = "Call"
	case activity.KindEmail:
		f["TaskSubtype"] = "Email"
	}
	if _, ok := o.Field("TaskSubtype"); !ok {
		delete(f, "TaskSubtype")
	}
}

// typesOf lists the values of Type that fit a kind, the best first.
func typesOf(k activity.Kind) []string {
	switch k {
	case activity.KindMeeting, activity.KindIntroMeeting:
		return []string{"Meeting", "Co-sell", "Other"}
	case activity.KindCall:
		return []string{"Call", "Co-sell", "Other"}
	case activity.KindEmail:
		return []string{"Email", "Co-sell", "Other"}
	}
	return []string{"Co-sell", "Other"}
}

// choice gives the first of the values that the organisation's picklist has, "" for
// none and where there is no such field.
func choice(o *Object, field string, values ...string) string {
	f, ok := o.Field(field)
	if !ok || !f.Createable {
		return ""
	}
	for _, v := range values {
		if slices.ContainsFunc(f.Picklist, func(p PicklistValue) bool { return p.Active && p.Value == v }) {
			return v
		}
	}
	return ""
}

// cutUnits shortens a text to n UTF-16 units, in which Salesforce counts.
func cutUnits(s string, n int) string {
	if len(utf16.Encode([]rune(s))) <= n {
		return s
	}
	size := 0
	for i, r := range s {
		if size += utf16.RuneLen(r); size > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
)

// errPreview is what a write meets of which only is asked what it would change.
var errPreview = problem.FromRemote(problem.Remote{System: system, Operation: "preview", Code: automation.CodeDryRun, Retry: problem.RetrySoon}, "Not sent: this is a dry run", nil)

// intent is a write that was not sent. ID or Key says which record.
type intent struct {
	object string
	id     string
	field  string // of the external id
	key    string
	fields Fields
	since  time.Time
	remove bool
}

type previewKey struct{}

// previewing gives the list that writes go to instead of to Salesforce; nil: they
// are sent.
func previewing(ctx context.Context) *[]intent {
	list, _ := ctx.Value(previewKey{}).(*[]intent)
	return list
}

// onlyRead refuses what is no reading in a preview: what writes and was forgotten
// here is an error, never a change.
func onlyRead(ctx context.Context, cl call) error {
	if previewing(ctx) == nil || cl.method == "" || cl.method == http.MethodGet {
		return nil
	}
	return errPreview
}

// Preview runs writes through the very code that makes them, sends none, and gives
// what each would change of the record as it is in Salesforce now. An error of a row
// is no error of the preview.
func (c *CRM) Preview(ctx context.Context, write func(context.Context) error) ([]automation.RecordChange, error) {
	var list []intent
	err := write(context.WithValue(ctx, previewKey{}, &list))
	if r := problem.RemoteOf(err); err != nil && (r == nil || r.Code != automation.CodeDryRun) {
		return nil, err
	}
	out := make([]automation.RecordChange, len(list))
	type group struct{ object, by string }
	places := map[group][]int{}
	var order []group
	for i, x := range list {
		g := group{x.object, x.field}
		if x.id != "" {
			g.by = "Id"
		}
		if len(places[g]) == 0 {
			order = append(order, g)
		}
		places[g] = append(places[g], i)
	}
	for _, g := range order {
		if err := c.compare(ctx, g.object, g.by, list, places[g], out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// aboutField is the field of an object that names the opportunity it is about, and
// nameField the one that people know a record by.
var (
	aboutField = map[string]string{"Opportunity": "Id", "Task": "WhatId", "Event": "WhatId", registrationObject: "Opportunity__c"}
	nameField  = map[string]string{"Opportunity": "Name", "Task": "Subject", "Event": "Subject", registrationObject: registrationKey}
)

// compare reads the records of one object, and puts what would change into out.
func (c *CRM) compare(ctx context.Context, object, by string, list []intent, places []int, out []automation.RecordChange) error {
	columns := []string{"Id", "SystemModstamp"}
	add := func(name string) {
		if name != "" && !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	add(by)
	add(aboutField[object])
	add(nameField[object])
	var values []string
	for _, i := range places {
		for name := range list[i].fields {
			add(name)
		}
		values = append(values, list[i].id+list[i].key)
	}
	there := map[string]Record{}
	for _, in := range InLists(values, 0) {
		for r, err := range c.client.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+object+" WHERE "+by+" IN "+in, QueryOptions{}) {
			if err != nil {
				return err
			}
			there[keyOf(by, r.String(by))] = r
		}
	}
	for _, i := range places {
		r, ok := there[keyOf(by, list[i].id+list[i].key)]
		change, err := list[i].change(r, ok)
		if err != nil {
			return err
		}
		out[i] = change
	}
	return nil
}

func keyOf(by, value string) string {
	if by == "Id" {
		return ID18(value)
	}
	return strings.ToLower(value) // an external id knows no case unless it is told to
}

// change gives what the write would change of r, which is there or not.
func (x *intent) change(r Record, there bool) (automation.RecordChange, error) {
	out := automation.RecordChange{Act: automation.ActCreate, Object: x.object, Key: x.key, CRMID: x.id, Name: shown(x.fields[nameField[x.object]]), About: shown(x.fields[aboutField[x.object]]), Fields: []automation.FieldChange{}}
	if there {
		out.Act, out.CRMID = automation.ActUpdate, r.ID("Id")
		if name := r.String(nameField[x.object]); name != "" {
			out.Name = name
		}
		if about := r.ID(aboutField[x.object]); about != "" {
			out.About = about
		}
	}
	if !there && x.id != "" {
		out.Act, out.Note = automation.ActWait, "It is not in Salesforce any more"
		return out, nil
	}
	if x.remove {
		out.Act = automation.ActDelete
		return out, nil
	}
	names := make([]string, 0, len(x.fields))
	for name := range x.fields {
		if name != x.field {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f := automation.FieldChange{Field: name, To: shown(x.fields[name])}
		if there {
			var err error
			if f.From, err = liveValue(r, name, x.fields[name]); err != nil {
				return out, err
			}
		}
		if f.From != f.To {
			out.Fields = append(out.Fields, f)
		}
	}
	if there && len(out.Fields) == 0 {
		out.Act = automation.ActSame
	}
	if there && !x.since.IsZero() {
		at, err := r.Time("SystemModstamp")
		if err != nil {
			return out, err
		}
		if at.Truncate(time.Millisecond).After(x.since.Truncate(time.Millisecond)) {
			out.Act, out.Note = automation.ActWait, "Somebody changed it in Salesforce since it was read: that is read and merged first"
		}
	}
	return out, nil
}

// shown gives a value that is sent as people read it.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return FormatDateTime(v.Truncate(time.Second)) // as exact as Salesforce keeps it
	case string:
		if IsID(v) {
			return ID18(v)
		}
		return strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
	case json.Number:
		return plainNumber(v.String())
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// liveValue gives what a record holds in the form of shown.
func liveValue(r Record, name string, like any) (string, error) {
	if _, ok := like.(time.Time); ok {
		t, err := r.Time(name)
		if err != nil || t.IsZero() {
			return "", err
		}
		return shown(t), nil
	}
	return shown(r.String(name)), nil
}

package salesforce

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
)

// describedFor is how old a description may be that a person is shown.
const describedFor = time.Minute

// Organisation describes what a mapping concerns, as it is now.
func (c *CRM) Organisation(ctx context.Context, m mapping.Mapping) (mapping.Org, error) {
	list := []string{registrationObject, "Task", "Event"}
	for _, o := range mapping.Objects() {
		list = append(list, string(o))
	}
	org, err := c.client.organisation(ctx, m, list, func(ctx context.Context, object string) (*Object, error) {
		return c.client.within(ctx, object, describedFor)
	})
	if err != nil {
		return mapping.Org{}, err
	}
	org.Made = map[string][]string{}
	for _, n := range Needs() {
		if len(n.Write) > 0 {
			org.Made[n.Object] = append(slices.Clone(n.Write), n.ExternalID)
		}
	}
	if o, ok := org.Objects[string(mapping.ObjectOpportunity)]; ok {
		if _, makes := o.Field(originKey); makes {
			org.Made[o.Name] = c.newNames(m, org)
		}
	}
	return org, nil
}

// newNames lists the fields that a new opportunity is given.
func (c *CRM) newNames(m mapping.Mapping, org mapping.Org) []string {
	out := []string{originKey}
	for _, ours := range newFields {
		if ours == invitation.FieldAccount {
			out = append(out, "AccountId")
		}
		if e, ok := m.Of(mapping.Field(ours)); ok {
			if name, _, found := org.Found(e); found {
				out = append(out, name)
			}
		}
	}
	return out
}

// organisation describes objects and the parents over which a mapping reads them. An
// object that is not there is left out.
func (c *Client) organisation(ctx context.Context, m mapping.Mapping, list []string, describe func(context.Context, string) (*Object, error)) (mapping.Org, error) {
	org := mapping.Org{Objects: map[string]mapping.OrgObject{}}
	add := func(object string) error {
		o, err := describe(ctx, object)
		if notThere(err) {
			return nil
		}
		if err == nil {
			org.Objects[o.Name] = orgObject(o)
		}
		return err
	}
	for _, object := range list {
		if err := add(object); err != nil {
			return org, err
		}
	}
	for _, object := range list {
		for _, parent := range parents(m, mapping.Object(object), org.Objects[object]) {
			if _, known := org.Objects[parent]; known {
				continue
			}
			if err := add(parent); err != nil {
				return org, err
			}
		}
	}
	return org, nil
}

// parents lists the objects over which a mapping reads another.
func parents(m mapping.Mapping, object mapping.Object, o mapping.OrgObject) []string {
	var out []string
	for _, e := range m.Read(object) {
		for _, name := range e.CRM {
			parent, _, dotted := strings.Cut(name, ".")
			if !dotted {
				continue
			}
			for _, f := range o.Fields {
				if strings.EqualFold(f.Parent, parent) && f.ParentOf != "" && !slices.Contains(out, f.ParentOf) {
					out = append(out, f.ParentOf)
				}
			}
		}
	}
	return out
}

func orgObject(o *Object) mapping.OrgObject {
	out := mapping.OrgObject{Name: o.Name, Label: o.Label, Fields: make([]mapping.OrgField, len(o.Fields))}
	for i, f := range o.Fields {
		x := mapping.OrgField{
			Name: f.Name, Label: f.Label, Type: f.Type, Length: f.Length, Createable: f.Createable, Updateable: f.Updateable, Restricted: f.Restricted, Custom: f.Custom,
			Required: f.Createable && !f.Nillable && !f.DefaultedOnCreate && f.Type != "boolean", Parent: f.Relationship,
		}
		if len(f.ReferenceTo) == 1 {
			x.ParentOf = f.ReferenceTo[0]
		}
		for _, v := range f.Picklist {
			x.Values = append(x.Values, mapping.OrgValue{Value: v.Value, Active: v.Active})
		}
		out.Fields[i] = x
	}
	return out
}

// Sample reads one record by a mapping, and says what it becomes and what would be
// written to it. One that is not there is of kind not found.
func (c *CRM) Sample(ctx context.Context, m mapping.Mapping, object mapping.Object, crmID string, facts map[mapping.Field]string) (mapping.Sample, error) {
	if !IsID(crmID) {
		return mapping.Sample{}, problem.Invalid("record", "malformed", "Give the record's id in Salesforce: 15 or 18 letters and digits")
	}
	p, ok, err := c.client.planBy(ctx, m, string(object), nil)
	if err != nil {
		return mapping.Sample{}, err
	}
	if !ok {
		return mapping.Sample{}, problem.NotFound("object", string(object))
	}
	for _, e := range m.Facts() {
		if name, _, found := p.org.Found(e); found && object == mapping.ObjectOpportunity {
			p.add(string(e.Field), name)
		}
	}
	if object != mapping.ObjectContact {
		p.add("name", "Name")
	}
	p.statement()
	for r, err := range c.client.Query(ctx, p.soql+" WHERE Id = "+Quote(crmID), QueryOptions{}) {
		if fieldGone(err) {
			c.client.doubt(p.objects()...)
		}
		if err != nil {
			return mapping.Sample{}, err
		}
		out := mapping.Sample{Object: object, CRMID: r.ID("Id"), Name: p.text(r, "name"), URL: c.recordURL(ctx)(r.ID("Id"))}
		for _, e := range m.Entries {
			if info, _ := mapping.InfoOf(e.Field); info.Object == object {
				out.Lines = append(out.Lines, p.sample(r, e, info, facts))
			}
		}
		return out, nil
	}
	return mapping.Sample{}, problem.NotFound("record", crmID)
}

// sample is one field of a sample.
func (p plan) sample(r values, e mapping.Entry, info mapping.Info, facts map[mapping.Field]string) mapping.SampleLine {
	l := mapping.SampleLine{Field: e.Field, Writes: e.Direction.Writes()}
	name, f, ok := p.org.Found(e)
	if !ok {
		l.Fault = "The organisation has no such field"
		return l
	}
	l.CRM, l.Raw = mapping.Name(info.Object, name), r.String(name)
	var err error
	if e.Direction.Reads() {
		if l.Ours, err = e.Transform.Read(l.Raw); err == nil {
			err = fits(info.Kind, l.Ours)
		}
		if path, named := p.paths[string(e.Field)+"_name"]; named && r.String(path) != "" {
			l.Ours = r.String(path)
		}
	}
	switch {
	case err != nil:
	case info.Fact && facts[e.Field] == "" && l.Raw == "":
	case info.Fact && e.Owner == mapping.OwnerSalesforce && l.Raw != "":
		l.Ours, l.Written = facts[e.Field], l.Raw
	case info.Fact:
		l.Ours = facts[e.Field]
		l.Written, err = e.Transform.Write(l.Ours)
		if f.Length > 0 && f.Type != "picklist" {
			l.Written = cutUnits(l.Written, f.Length)
		}
	case l.Writes && f.Type != "reference":
		l.Written, err = e.Transform.Write(l.Ours)
	case l.Writes:
		l.Written = l.Raw
	}
	if err != nil {
		l.Fault = err.Error()
	}
	return l
}

// fits reports why a value is none of the kind.
func fits(k mapping.Kind, value string) error {
	if value == "" {
		return nil
	}
	var err error
	switch k {
	case mapping.KindDate:
		_, err = date.Parse(value)
	case mapping.KindMoney, mapping.KindNumber:
		if _, bad := strconv.ParseFloat(value, 64); bad != nil {
			err = fmt.Errorf("%q is no number", value)
		}
	}
	return err
}

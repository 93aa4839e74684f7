package salesforce

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
)

// plan is how one object is read: which path each of our fields has in this
// organisation, and how its value becomes ours.
type plan struct {
	object  string
	paths   map[string]string
	columns []string
	soql    string

	turned map[string]mapping.Transform // of the fields whose values are turned
	by     string                       // the fingerprint of the mapping
	absent []string                     // our fields that the mapping names and the organisation has not
	org    mapping.Org                  // what the mapping was looked up in
	log    *slog.Logger
}

// plan describes the object and leaves out what the organisation has not. An
// object that is not there gives ok false.
func (c *Client) plan(ctx context.Context, object string, list []source) (plan, bool, error) {
	o, err := c.recent(ctx, object)
	if notThere(err) {
		return plan{}, false, nil
	}
	if err != nil {
		return plan{}, false, err
	}
	p := plan{object: object, paths: map[string]string{}, log: c.log}
	p.columns = []string{"Id", "IsDeleted", "SystemModstamp"}
	if _, ok := o.Field("IsDeleted"); !ok {
		p.columns = []string{"Id", "SystemModstamp"}
	}
	for _, s := range list {
		for _, path := range s.paths {
			if has(o, path) {
				p.add(s.ours, path)
				break
			}
		}
		if _, ok := p.paths[s.ours]; !ok && s.required {
			return plan{}, false, problem.FromRemote(problem.Remote{System: system, Operation: "describe " + object, Code: "field_missing", Retry: problem.RetryHuman},
				fmt.Sprintf("Salesforce has no field %s.%s, or Tandem's user may not see it: grant it, then run tandem doctor", object, s.paths[0]), nil)
		}
	}
	p.statement()
	return p, true, nil
}

func (p *plan) add(ours, path string) {
	p.paths[ours] = path
	if !slices.Contains(p.columns, path) {
		p.columns = append(p.columns, path)
	}
}

func (p *plan) statement() { p.soql = "SELECT " + strings.Join(p.columns, ", ") + " FROM " + p.object }

// notThere reports whether an error says that there is no such object.
func notThere(err error) bool {
	r := problem.RemoteOf(err)
	return r != nil && r.Status == http.StatusNotFound
}

// has reports whether the object has the field that path begins with: for
// "Owner.Name" a reference whose relationship is Owner.
func has(o *Object, path string) bool {
	parent, _, dotted := strings.Cut(path, ".")
	if !dotted {
		_, ok := o.Field(path)
		return ok
	}
	for _, f := range o.Fields {
		if strings.EqualFold(f.Relationship, parent) {
			return true
		}
	}
	return false
}

// UseMapping has Salesforce read and written by the mapping that inForce gives,
// each time anew, instead of the default.
func (c *CRM) UseMapping(inForce func(ctx context.Context) (mapping.Mapping, error)) {
	c.inForce = inForce
}

func (c *CRM) mappingInForce(ctx context.Context) (mapping.Mapping, error) {
	if c.inForce == nil {
		return mapping.Default(), nil
	}
	return c.inForce(ctx)
}

// plan is how an object is read by the mapping in force.
func (c *CRM) plan(ctx context.Context, object string, fixed []source) (plan, bool, error) {
	if !slices.Contains(mapping.Objects(), mapping.Object(object)) {
		return c.client.plan(ctx, object, fixed)
	}
	m, err := c.mappingInForce(ctx)
	if err != nil {
		return plan{}, false, err
	}
	return c.client.planBy(ctx, m, object, fixed)
}

// fields names what of ours the organisation has, in its order.
func (p plan) fields() []string { return slices.Sorted(maps.Keys(p.paths)) }

// planBy is how an object is read by a mapping. A field that it names and that the
// organisation has not, or not any more, is left out.
func (c *Client) planBy(ctx context.Context, m mapping.Mapping, object string, fixed []source) (plan, bool, error) {
	p, ok, err := c.plan(ctx, object, fixed)
	if err != nil || !ok {
		return p, ok, err
	}
	if p.org, err = c.organisation(ctx, m, []string{object}, c.recent); err != nil {
		return p, false, err
	}
	p.by, p.turned = m.Fingerprint(mapping.Object(object)), map[string]mapping.Transform{}
	for _, e := range m.Read(mapping.Object(object)) {
		name, f, ok := p.org.Found(e)
		if !ok {
			p.absent = append(p.absent, string(e.Field))
			continue
		}
		p.take(e, name, f)
	}
	p.statement()
	return p, true, nil
}

// take adds a mapped field. A lookup is read as the id of the record and its name; a
// partner that stands as a text has a name alone.
func (p *plan) take(e mapping.Entry, name string, f mapping.OrgField) {
	ours := string(e.Field)
	info, _ := mapping.InfoOf(e.Field)
	if !e.Transform.IsZero() {
		p.turned[ours] = e.Transform
	}
	switch {
	case info.Kind != mapping.KindPartner && info.Kind != mapping.KindRecord:
		p.add(ours, name)
	case f.Type == "reference":
		p.add(ours, name)
		if f.Parent != "" && (f.ParentOf == "Account" || f.ParentOf == "User") {
			p.add(ours+"_name", name[:strings.LastIndex(name, ".")+1]+f.Parent+".Name")
		}
	case info.Kind == mapping.KindPartner:
		p.add(ours+"_name", name)
		if t, ok := p.turned[ours]; ok {
			p.turned[ours+"_name"] = t
		}
	default:
		p.add(ours, name)
	}
}

func (p plan) text(r values, ours string) string {
	path, ok := p.paths[ours]
	if !ok {
		return ""
	}
	if t, ok := p.turned[ours]; ok {
		return p.turn(r, ours, t, r.String(path))
	}
	return r.String(path)
}

// turn makes a value ours. One that the transform cannot read is none, and the log
// names the record.
func (p plan) turn(r values, ours string, t mapping.Transform, value string) string {
	out, err := t.Read(value)
	if err != nil {
		p.odd(r, ours, err)
	}
	return out
}

// odd tells of a value that cannot be read. It concerns its record alone.
func (p plan) odd(r values, ours string, err error) {
	p.log.Warn("salesforce: a value cannot be read and is left out", "object", p.object, "record", r.ID("Id"), "field", ours, "crm_field", p.paths[ours], "error", err)
}

// number gives a number's exact digits, "" for none.
func (p plan) number(r values, ours string) string {
	if path, ok := p.paths[ours]; ok {
		return r.Number(path).String()
	}
	return ""
}

func (p plan) id(r values, ours string) string {
	if path, ok := p.paths[ours]; ok {
		return r.ID(path)
	}
	return ""
}

func (p plan) flag(r values, ours string) bool {
	path, ok := p.paths[ours]
	return ok && r.Bool(path)
}

// fieldGone reports whether Salesforce refused a statement for a field or an object
// that was there when it was described.
func fieldGone(err error) bool {
	r := problem.RemoteOf(err)
	return r != nil && (r.Code == "INVALID_FIELD" || r.Code == "INVALID_TYPE")
}

// objects lists what the plan relies on the descriptions of.
func (p plan) objects() []string {
	out := []string{p.object}
	for name := range p.org.Objects {
		out = append(out, name)
	}
	return out
}

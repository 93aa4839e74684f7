package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// originKey is the external id under which an opportunity is made of a record in a
// portal: Salesforce holds it once, however often it is written.
const originKey = "CoSell_Origin_Key__c"

// newFields are the fields of ours that a new opportunity is given, in the order of
// a form.
var newFields = []string{
	invitation.FieldName, invitation.FieldAccount, invitation.FieldStage, invitation.FieldCloseOn, invitation.FieldOwner, invitation.FieldType,
	invitation.FieldDescription, invitation.FieldNextSteps, invitation.FieldLeadSource,
}

// alwaysRequired are what an opportunity needs to be of use, whatever the
// organisation says: without its account no portal takes it.
var alwaysRequired = []string{invitation.FieldName, invitation.FieldAccount, invitation.FieldStage, invitation.FieldCloseOn}

// NewOpportunityFields describes what an opportunity that is made in Salesforce can
// be given: our fields that the organisation has and lets us write, and its own that
// it requires and does not fill in itself. An organisation without the field of the
// key is a problem of kind conflict: an opportunity could be made twice there.
func (c *CRM) NewOpportunityFields(ctx context.Context) ([]invitation.NewField, error) {
	p, ok, err := c.plan(ctx, "Opportunity", opportunitySources)
	if err != nil {
		return nil, err
	}
	var o *Object
	if ok {
		if o, err = c.client.Describe(ctx, "Opportunity"); err != nil {
			return nil, err
		}
	}
	if !ok || !o.Createable {
		return nil, problem.Conflict("not_createable", "Tandem's Salesforce user may not make opportunities: have the administrator grant it")
	}
	if key, ok := o.Field(originKey); !ok || !key.Createable || !key.ExternalID || !key.Unique {
		return nil, problem.Conflict("field_missing", fmt.Sprintf("Salesforce has no unique external id Opportunity.%s that Tandem's user may write. With it an opportunity is made once, whatever happens: see docs/connect.md", originKey))
	}
	var out []invitation.NewField
	given := map[string]bool{originKey: true}
	for _, name := range newFields {
		f, ok := o.Field(p.paths[name])
		given[p.paths[name]] = true
		if !ok || !f.Createable {
			continue
		}
		x := newField(name, f)
		x.Required = slices.Contains(alwaysRequired, name)
		out = append(out, x)
	}
	for _, f := range o.Fields {
		if given[f.Name] || !f.Createable || f.Nillable || f.DefaultedOnCreate || f.Type == "boolean" {
			continue
		}
		x := newField(f.Name, f)
		x.Required = true
		out = append(out, x)
	}
	return out, nil
}

func newField(name string, f Field) invitation.NewField {
	x := invitation.NewField{Name: name, CRMField: "Opportunity." + f.Name, Label: f.Label, Input: registration.InputText, Strict: f.Restricted}
	switch f.Type {
	case "picklist", "combobox":
		x.Input = registration.InputChoice
		for _, v := range f.Picklist {
			if v.Active {
				x.Options = append(x.Options, v.Value)
			}
		}
	case "textarea":
		x.Input, x.Length = registration.InputLong, f.Length
	case "date":
		x.Input = registration.InputDate
	case "string":
		x.Length = f.Length
	case "reference":
		x.Label = strings.TrimSuffix(f.Label, " ID")
	}
	return x
}

// MadeOpportunity finds the opportunity that was made under a key.
func (c *CRM) MadeOpportunity(ctx context.Context, key string) (string, error) {
	for r, err := range c.client.Query(ctx, "SELECT Id FROM Opportunity WHERE "+originKey+" = "+Quote(key), QueryOptions{}) {
		if err != nil {
			return "", err
		}
		return r.ID("Id"), nil
	}
	return "", nil
}

// MakeOpportunity makes an opportunity under a key. What Salesforce refuses names
// our fields where it names its own.
func (c *CRM) MakeOpportunity(ctx context.Context, key string, values map[string]string) (string, error) {
	p, ok, err := c.plan(ctx, "Opportunity", opportunitySources)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", problem.Conflict("not_createable", "Tandem's Salesforce user may not see opportunities")
	}
	o, err := c.client.Describe(ctx, "Opportunity")
	if err != nil {
		return "", err
	}
	fields, ours := Fields{}, map[string]string{}
	for name, text := range values {
		path := p.paths[name]
		if path == "" {
			path = name
		}
		f, ok := o.Field(path)
		if !ok {
			return "", problem.FromRemote(problem.Remote{System: system, Operation: "create Opportunity", Code: "field_missing", Retry: problem.RetryHuman},
				fmt.Sprintf("Salesforce has no field Opportunity.%s any more, or Tandem's user may not see it", path), nil)
		}
		ours[strings.ToLower(f.Name)] = name
		switch fields[f.Name] = text; f.Type {
		case "double", "currency", "percent", "int":
			if !json.Valid([]byte(text)) {
				return "", problem.Invalid(name, "not_a_number", "Write a number, such as 1200.50")
			}
			fields[f.Name] = json.Number(text)
		}
	}
	res, err := c.client.Upsert(ctx, "Opportunity", originKey, key, fields)
	if x, named := errors.AsType[*problem.Error](err); named {
		for n := range x.Fields {
			if name := ours[strings.ToLower(x.Fields[n].Field)]; name != "" {
				x.Fields[n].Field = name
			} else if i := slices.IndexFunc(newFields, func(name string) bool { return strings.EqualFold(p.paths[name], x.Fields[n].Field) }); i >= 0 {
				x.Fields[n].Field = newFields[i]
			}
		}
	}
	if err != nil || res.ID != "" {
		return res.ID, err
	}
	return c.MadeOpportunity(ctx, key) // an old version of the API answers without the id
}

// Opportunity reads one opportunity; one that is not there is of kind not found.
func (c *CRM) Opportunity(ctx context.Context, crmID string) (opportunity.Opportunity, error) {
	p, ok, err := c.plan(ctx, "Opportunity", opportunitySources)
	if err != nil {
		return opportunity.Opportunity{}, err
	}
	if ok {
		for r, err := range c.client.Query(ctx, p.soql+" WHERE Id = "+Quote(crmID), QueryOptions{}) {
			if err != nil {
				return opportunity.Opportunity{}, err
			}
			return c.opportunity(p, r)
		}
	}
	return opportunity.Opportunity{}, problem.NotFound("opportunity", crmID)
}

package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// MappedField is how one of our fields stands in the Salesforce organisation.
type MappedField struct {
	Field     string          `json:"field" example:"opportunity.next_steps"`
	CRM       []string        `json:"crm" nullable:"false" minItems:"1" example:"[\"Next_Steps__c\",\"NextStep\"]" doc:"API names, of which the first that is there counts; one of a parent, such as Account.Site, where it is only read."`
	Direction string          `json:"direction" enum:"read,write,both"`
	Owner     string          `json:"owner" enum:"salesforce,tandem,newest,ask" doc:"Whose value holds when Tandem has something to write."`
	Transform *FieldTransform `json:"transform,omitempty"`
	Needed    bool            `json:"needed,omitempty" doc:"Its absence is an error and not a remark."`
}

// FieldTransform is how a value becomes ours, and ours the organisation's.
type FieldTransform struct {
	Way      string        `json:"way,omitempty" enum:"picklist,currency,date"`
	Values   []MappedValue `json:"values,omitempty" nullable:"false"`
	Else     string        `json:"else,omitempty" doc:"What a value becomes that is not in the table; empty keeps it."`
	Currency string        `json:"currency,omitempty" example:"USD"`
	Form     string        `json:"form,omitempty" enum:"part,iso,dmy,mdy"`
	Empty    string        `json:"empty,omitempty" doc:"What stands for an empty field."`
}

// MappedValue is one line of a table of values.
type MappedValue struct {
	CRM  string `json:"crm"`
	Ours string `json:"ours"`
}

// FieldMapping is a version of the mapping with what does not fit the organisation.
type FieldMapping struct {
	Fields    []MappedField    `json:"fields" nullable:"false"`
	Version   int64            `json:"version" doc:"0 is the default."`
	Reason    string           `json:"reason,omitempty"`
	SavedBy   string           `json:"saved_by,omitempty"`
	SavedAt   *time.Time       `json:"saved_at,omitempty"`
	Findings  []MappingFinding `json:"findings,omitempty" nullable:"false" doc:"Of a dry run: how the mapping fits the organisation."`
	Unchecked string           `json:"unchecked,omitempty" doc:"Of a dry run: why the organisation could not be asked."`
}

// MappingFinding is one thing in which a mapping and the organisation do not fit.
type MappingFinding struct {
	Field   string `json:"field,omitempty"`
	Object  string `json:"object"`
	CRM     string `json:"crm,omitempty"`
	Level   string `json:"level" enum:"error,warn,remark"`
	Code    string `json:"code" example:"field_missing"`
	Message string `json:"message"`
	Mend    string `json:"mend"`
}

// MappingVersion is a saved version.
type MappingVersion struct {
	Version int64     `json:"version"`
	Reason  string    `json:"reason"`
	SavedBy string    `json:"saved_by"`
	SavedAt time.Time `json:"saved_at"`
}

// MappingDifference is a field that two versions map differently.
type MappingDifference struct {
	Field  string       `json:"field"`
	Label  string       `json:"label"`
	Before *MappedField `json:"before,omitempty" doc:"Absent where it is not mapped."`
	After  *MappedField `json:"after,omitempty"`
}

// MappingTemplate is a mapping to begin from.
type MappingTemplate struct {
	ID         string        `json:"id"`
	Label      string        `json:"label"`
	About      string        `json:"about"`
	Unverified string        `json:"unverified,omitempty" doc:"What of it no public source tells for certain."`
	Fields     []MappedField `json:"fields" nullable:"false"`
}

// MappingSample is a record as Salesforce has it and as Tandem takes it.
type MappingSample struct {
	Object string              `json:"object"`
	CRMID  string              `json:"crm_id"`
	Name   string              `json:"name"`
	URL    string              `json:"url"`
	Fields []MappingSampleLine `json:"fields" nullable:"false"`
}

// MappingSampleLine is one field of a sample.
type MappingSampleLine struct {
	Field   string `json:"field"`
	CRM     string `json:"crm"`
	Raw     string `json:"raw" doc:"Salesforce's value."`
	Ours    string `json:"ours" doc:"What Tandem makes of it."`
	Writes  bool   `json:"writes"`
	Written string `json:"written" doc:"What would be written back."`
	Fault   string `json:"fault,omitempty"`
}

func mappedFieldOf(e *mapping.Entry) MappedField {
	out := MappedField{Field: string(e.Field), CRM: orEmpty(e.CRM), Direction: string(e.Direction), Owner: string(e.Owner), Needed: e.Needed}
	if t := e.Transform; !t.IsZero() {
		out.Transform = &FieldTransform{Way: string(t.Way), Else: t.Else, Currency: t.Currency, Form: string(t.Form), Empty: t.Empty}
		for _, v := range t.Values {
			out.Transform.Values = append(out.Transform.Values, MappedValue(v))
		}
	}
	return out
}

func entryFrom(f *MappedField) mapping.Entry {
	e := mapping.Entry{Field: mapping.Field(f.Field), CRM: f.CRM, Direction: mapping.Direction(f.Direction), Owner: mapping.Owner(f.Owner), Needed: f.Needed}
	if t := f.Transform; t != nil {
		e.Transform = mapping.Transform{Way: mapping.Way(t.Way), Else: t.Else, Currency: t.Currency, Form: mapping.Form(t.Form), Empty: t.Empty}
		for _, v := range t.Values {
			e.Transform.Values = append(e.Transform.Values, mapping.Value(v))
		}
	}
	return e
}

func mappingOf(v *mapping.Version) FieldMapping {
	return FieldMapping{Fields: mapped(v.Mapping.V.Entries, mappedFieldOf), Version: v.Version, Reason: v.Reason, SavedBy: v.SavedBy, SavedAt: at(v.SavedAt)}
}

func mappingFindingsOf(list []mapping.Finding) []MappingFinding {
	return mapped(list, func(f *mapping.Finding) MappingFinding {
		return MappingFinding{Field: string(f.Field), Object: f.Object, CRM: f.CRM, Level: string(f.Level), Code: f.Code, Message: f.Message, Mend: f.Mend}
	})
}

func (s *server) registerMapping() {
	const group = "Settings"
	add(s, operation{id: "get-field-mapping", method: http.MethodGet, path: "/settings/field-mapping", tag: group, summary: "Get the field mapping in force", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[FieldMapping], error) {
			v, err := s.app.Mappings.Get(ctx)
			if err != nil {
				return nil, err
			}
			return recordOf(v.Version, mappingOf(&v))
		})
	add(s, operation{
		id: "put-field-mapping", method: http.MethodPut, path: "/settings/field-mapping", tag: group, summary: "Put another field mapping in force, as a new version", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "The whole mapping is replaced; a field that is left out is not mapped. It is also how a file that was exported is imported. Needs If-Match with the ETag of the mapping as you read it, or *. With dry_run, findings says how it fits the organisation, and nothing is changed.",
	}, s.putMapping)
	add(s, operation{id: "get-field-mapping-findings", method: http.MethodGet, path: "/settings/field-mapping/findings", tag: group, summary: "Check the field mapping in force against the organisation", action: authz.ActionRead, also: []int{http.StatusConflict}},
		func(ctx context.Context, _ *struct{}) (*listed[MappingFinding], error) {
			v, err := s.app.Mappings.Get(ctx)
			if err != nil {
				return nil, err
			}
			list, err := s.app.Mappings.Check(ctx, v.Mapping.V)
			return &listed[MappingFinding]{Body: Page[MappingFinding]{Items: mappingFindingsOf(list)}}, err
		})
	add(s, operation{id: "list-field-mapping-versions", method: http.MethodGet, path: "/settings/field-mapping/versions", tag: group, summary: "List the saved versions of the field mapping, the latest first", action: authz.ActionRead}, s.mappingVersions)
	add(s, operation{id: "compare-field-mapping-version", method: http.MethodGet, path: "/settings/field-mapping/versions/{version}/differences", tag: group, summary: "Compare a version of the field mapping with another", action: authz.ActionRead, also: []int{http.StatusNotFound}, about: "Version 0 is the default. Without to, the version is compared with the one in force."}, s.compareMapping)
	add(s, operation{
		id: "restore-field-mapping-version", method: http.MethodPost, path: "/settings/field-mapping/versions/{version}/restore", tag: group, summary: "Put an earlier version of the field mapping in force again, as a new one", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusNotFound, http.StatusPreconditionRequired},
		about: "Needs If-Match with the ETag of the mapping in force as you read it, or *.",
	}, s.restoreMapping)
	add(s, operation{id: "list-field-mapping-templates", method: http.MethodGet, path: "/settings/field-mapping/templates", tag: group, summary: "List the field mappings to begin from", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*listed[MappingTemplate], error) {
			list, err := s.app.Mappings.Templates(ctx)
			return &listed[MappingTemplate]{Body: Page[MappingTemplate]{Items: mapped(list, func(t *mapping.Template) MappingTemplate {
				return MappingTemplate{ID: t.ID, Label: t.Label, About: t.About, Unverified: t.Unverified, Fields: mapped(t.Mapping().Entries, mappedFieldOf)}
			})}}, err
		})
	add(s, operation{id: "try-field-mapping", method: http.MethodGet, path: "/settings/field-mapping/sample", tag: group, summary: "Read one record of Salesforce by the field mapping in force", action: authz.ActionRead, also: []int{http.StatusNotFound, http.StatusConflict}},
		func(ctx context.Context, in *struct {
			Object string `query:"object" enum:"Opportunity,Account,OpportunityContactRole" default:"Opportunity"`
			CRMID  string `query:"crm_id" doc:"The record's id in Salesforce; without it, the one that changed last."`
		},
		) (*struct{ Body MappingSample }, error) {
			v, err := s.app.Mappings.Get(ctx)
			if err != nil {
				return nil, err
			}
			x, err := s.app.Mappings.Try(ctx, v.Mapping.V, mapping.Object(in.Object), in.CRMID)
			return &struct{ Body MappingSample }{MappingSample{
				Object: string(x.Object), CRMID: x.CRMID, Name: x.Name, URL: x.URL,
				Fields: mapped(x.Lines, func(l *mapping.SampleLine) MappingSampleLine {
					return MappingSampleLine{Field: string(l.Field), CRM: l.CRM, Raw: l.Raw, Ours: l.Ours, Writes: l.Writes, Written: l.Written, Fault: l.Fault}
				}),
			}}, err
		})
}

// mappingInForceVersion gives the version that a change is based on.
func (s *server) mappingInForceVersion(ctx context.Context, ifMatch string) (int64, error) {
	return s.settingVersion(ctx, ifMatch, func() (setting.Row, error) {
		v, err := s.app.Mappings.Get(ctx)
		return setting.Row{Version: v.Version}, err
	})
}

func (s *server) putMapping(ctx context.Context, in *struct {
	Repeatable
	Versioned
	DryRun bool `query:"dry_run" doc:"Say how the mapping fits the organisation, and change nothing."`
	Body   struct {
		Fields []MappedField `json:"fields" nullable:"false" maxItems:"300"`
		Reason string        `json:"reason" maxLength:"500" doc:"Why: it stands with the version."`
	}
},
) (*record[FieldMapping], error) {
	m := mapping.Mapping{Entries: mapped(in.Body.Fields, entryFrom)}
	if in.DryRun {
		if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
			return nil, err
		}
		if err := m.Validate(); err != nil {
			return nil, err
		}
		out := FieldMapping{Fields: in.Body.Fields}
		list, err := s.app.Mappings.Check(ctx, m)
		if err != nil {
			out.Unchecked = err.Error()
		}
		out.Findings = mappingFindingsOf(list)
		return recordOf(0, out)
	}
	version, err := s.mappingInForceVersion(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := s.app.Mappings.Save(ctx, m, version, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return recordOf(v.Version, mappingOf(&v))
}

func (s *server) mappingVersions(ctx context.Context, in *struct {
	After string `query:"after" doc:"The cursor next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*listed[MappingVersion], error) {
	before := int64(0)
	if in.After != "" {
		var err error
		if before, err = strconv.ParseInt(in.After, 10, 64); err != nil || before < 1 {
			return nil, refuse(ctx, http.StatusUnprocessableEntity, "malformed", "This is not a cursor that this list gave: begin from the first page")
		}
	}
	p, err := s.app.Mappings.Versions(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listed[MappingVersion]{Body: Page[MappingVersion]{Items: mapped(p.Rows, func(v *mapping.Version) MappingVersion {
		return MappingVersion{Version: v.Version, Reason: v.Reason, SavedBy: v.SavedBy, SavedAt: v.SavedAt}
	})}}
	if p.Next > 0 {
		out.Body.Next = strconv.FormatInt(p.Next, 10)
		v := url.Values{"limit": {strconv.Itoa(in.Limit)}, "after": {out.Body.Next}}
		out.Link, out.Body.NextLink = link("/settings/field-mapping/versions", v.Encode())
	}
	return out, nil
}

func (s *server) compareMapping(ctx context.Context, in *struct {
	Version int64 `path:"version" minimum:"0"`
	To      int64 `query:"to" minimum:"-1" default:"-1" doc:"Another version; -1 is the one in force."`
},
) (*listed[MappingDifference], error) {
	from, err := s.app.Mappings.At(ctx, in.Version)
	if err != nil {
		return nil, err
	}
	to, err := s.app.Mappings.Get(ctx)
	if err == nil && in.To >= 0 {
		to, err = s.app.Mappings.At(ctx, in.To)
	}
	if err != nil {
		return nil, err
	}
	list := mapping.Diff(from.Mapping.V, to.Mapping.V)
	return &listed[MappingDifference]{Body: Page[MappingDifference]{Items: mapped(list, func(d *mapping.Difference) MappingDifference {
		info, _ := mapping.InfoOf(d.Field)
		out := MappingDifference{Field: string(d.Field), Label: info.Label}
		if d.Before != nil {
			f := mappedFieldOf(d.Before)
			out.Before = &f
		}
		if d.After != nil {
			f := mappedFieldOf(d.After)
			out.After = &f
		}
		return out
	})}}, nil
}

func (s *server) restoreMapping(ctx context.Context, in *struct {
	Repeatable
	Versioned
	Version int64 `path:"version" minimum:"0"`
	Body    struct {
		Reason string `json:"reason" maxLength:"500"`
	}
},
) (*record[FieldMapping], error) {
	version, err := s.mappingInForceVersion(ctx, in.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := s.app.Mappings.RollBack(ctx, in.Version, version, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return recordOf(v.Version, mappingOf(&v))
}

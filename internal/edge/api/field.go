package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// FieldDifference is one field of a registration that differs from the portal's
// and is not settled. Values are JSON as the portal takes it, null for none.
type FieldDifference struct {
	Path       string     `json:"path" example:"LifeCycle.NextSteps" doc:"The portal's name of the field."`
	Label      string     `json:"label" example:"Next steps"`
	Status     string     `json:"status" enum:"outgoing,locked,refused,conflict" doc:"To be sent, waiting for a lock, not taken by the portal, or for a person to settle."`
	Ours       any        `json:"ours"`
	Theirs     any        `json:"theirs"`
	Base       any        `json:"base" doc:"Ours when the two were last settled."`
	BaseTheirs any        `json:"base_theirs" doc:"Theirs when the two were last settled."`
	OursText   string     `json:"ours_text" doc:"For people."`
	TheirsText string     `json:"theirs_text" doc:"For people."`
	BaseText   string     `json:"base_text" doc:"For people."`
	Reason     string     `json:"reason" doc:"Why it waits or was refused."`
	Until      string     `json:"until" doc:"Until when a lock holds, in words."`
	Final      bool       `json:"final" doc:"The portal will never take it."`
	ByPortal   bool       `json:"by_portal" doc:"It was the portal that refused it, not Tandem's check."`
	Since      *time.Time `json:"since"`
}

// FieldEdit is a value that did not come from Salesforce: a person's, or the
// portal's that was taken over.
type FieldEdit struct {
	Path      string     `json:"path"`
	Value     any        `json:"value"`
	CRMState  string     `json:"crm_state" enum:"none,pending,written,refused" doc:"How far it is on its way to Salesforce; none is a field that Salesforce does not have."`
	CRMError  string     `json:"crm_error"`
	ActorKind string     `json:"actor_kind" enum:"person,integration,system,portal"`
	ActorName string     `json:"actor_name"`
	EditedAt  *time.Time `json:"edited_at"`
}

// RegistrationFields is what differs of a registration, and what was edited.
type RegistrationFields struct {
	Fields []FieldDifference `json:"fields" nullable:"false"`
	Edits  []FieldEdit       `json:"edits" nullable:"false"`
}

// Conflict is a field that both sides changed, with the deal that it belongs to.
type Conflict struct {
	RegistrationID  string `json:"registration_id"`
	OpportunityID   string `json:"opportunity_id"`
	OpportunityName string `json:"opportunity_name"`
	AccountName     string `json:"account_name"`
	OwnerName       string `json:"owner_name"`
	Cloud           string `json:"cloud" enum:"aws,azure,gcp"`
	RemoteID        string `json:"remote_id"`
	RemoteStatus    string `json:"remote_status"`
	FieldDifference
}

// PortalCall is one call to a portal for a registration.
type PortalCall struct {
	ID        string     `json:"id"`
	At        *time.Time `json:"at"`
	Operation string     `json:"operation" example:"Update"`
	ActorKind string     `json:"actor_kind" enum:"person,integration,system,portal"`
	ActorName string     `json:"actor_name"`
	Attempt   int64      `json:"attempt"`
	Outcome   string     `json:"outcome" enum:"done,refused,passing,unsure,stale"`
	Code      string     `json:"code"`
	Message   string     `json:"message"`
	Request   string     `json:"request" doc:"What was sent, without secrets, cut to 16 KiB."`
	Answer    string     `json:"answer" doc:"What came, without secrets, cut to 16 KiB."`
}

// FieldLock says why a field is not taken now.
type FieldLock struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Until  string `json:"until"`
	Final  bool   `json:"final" doc:"For good."`
}

// FieldsPut is the answer to a wish to change fields.
type FieldsPut struct {
	DryRun       bool              `json:"dry_run"`
	Registration Registration      `json:"registration"`
	Findings     []Finding         `json:"findings" nullable:"false" doc:"In a dry run: what the portal would refuse."`
	Locks        []FieldLock       `json:"locks" nullable:"false" doc:"In a dry run: those of the fields that are locked now; the change waits, unless the lock is final."`
	Sends        map[string]any    `json:"sends" doc:"In a dry run: what would go to the portal at once, with what waits to be sent already."`
	Fields       []FieldDifference `json:"fields" nullable:"false" doc:"What differs afterwards."`
	Approval     *Approval         `json:"approval,omitempty" doc:"It needs a Director's approval and waits for it; nothing was changed."`
}

// FieldOwners says who wins each field: by the portal's path of it.
type FieldOwners struct {
	AWS   map[string]string `json:"aws,omitempty" example:"{\"LifeCycle.NextSteps\":\"ours\"}" doc:"ask, ours, theirs or newest. A field that is left out has its default."`
	Azure map[string]string `json:"azure,omitempty"`
	GCP   map[string]string `json:"gcp,omitempty"`
}

func (o *FieldOwners) of(c cloud.Cloud) *map[string]string {
	switch c {
	case cloud.AWS:
		return &o.AWS
	case cloud.Azure:
		return &o.Azure
	}
	return &o.GCP
}

// FieldRule is who wins a field.
type FieldRule struct {
	Cloud   string `json:"cloud" enum:"aws,azure,gcp"`
	Path    string `json:"path"`
	Label   string `json:"label"`
	Owner   string `json:"owner" enum:"ask,ours,theirs,newest"`
	Default string `json:"default" enum:"ask,ours,theirs,newest"`
}

// FieldOwnersSetting is who wins each field as it stands.
type FieldOwnersSetting struct {
	Owners    FieldOwners `json:"owners" doc:"Where it is not the default."`
	Fields    []FieldRule `json:"fields" nullable:"false" doc:"Every field of the connected portals."`
	Version   int64       `json:"version"`
	UpdatedBy string      `json:"updated_by"`
	UpdatedAt *time.Time  `json:"updated_at"`
}

// jsonOf gives a stored value as JSON, nil for none.
func jsonOf(value string) any {
	if value == "" {
		return nil
	}
	return json.RawMessage(value)
}

// words shows values of one cloud's fields.
type words map[string]registration.FieldInfo

func (s *server) words(ctx context.Context, c cloud.Cloud) (words, error) {
	infos, err := s.app.Registrations.FieldInfos(ctx, c)
	out := words{}
	for _, f := range infos {
		out[f.Path] = f
	}
	return out, err
}

func (w words) difference(f *registration.Field) FieldDifference {
	info := w[f.Path]
	return FieldDifference{
		Path: f.Path, Label: f.Label, Status: string(f.Status), Ours: jsonOf(f.Ours), Theirs: jsonOf(f.Theirs), Base: jsonOf(f.Base), BaseTheirs: jsonOf(f.BaseTheirs),
		OursText: info.Text(f.Ours), TheirsText: info.Text(f.Theirs), BaseText: info.Text(f.Base), Reason: f.Reason, Until: f.Until, Final: f.Final, ByPortal: f.ByPortal, Since: at(f.Since),
	}
}

// OfRegistration is the path of what belongs to a registration.
type OfRegistration struct {
	ID string `path:"id" example:"reg_01jn8m5q4se9tvd6dy1v9k2r5c"`
}

type settleInput struct {
	Repeatable
	OfRegistration
	Body struct {
		Path   string `json:"path" example:"LifeCycle.NextSteps"`
		Choice string `json:"choice" enum:"ours,theirs,both,edit" doc:"Ours goes to the portal; theirs is taken over; both keep their own; or value goes to both."`
		Ours   any    `json:"ours" required:"false" doc:"Ours as you saw it: another value by now is refused (412)."`
		Theirs any    `json:"theirs" required:"false" doc:"Theirs as you saw it."`
		Value  any    `json:"value,omitempty" doc:"For edit: any JSON that the portal takes for the field."`
	}
}

type putFieldsInput struct {
	Repeatable
	Versioned
	OfRegistration
	DryRun bool `query:"dry_run" doc:"As in the body."`
	Body   struct {
		Values map[string]any `json:"values" nullable:"false" minProperties:"1" example:"{\"LifeCycle.NextSteps\":\"Call them\"}" doc:"By the portal's path; any JSON that the portal takes for the field, null for none."`
		DryRun bool           `json:"dry_run,omitempty" doc:"Say what would be sent, what is locked and what the portal would refuse, and change nothing."`
	}
}

func (s *server) registerFields() {
	add(s, operation{
		id: "list-conflicts", method: http.MethodGet, path: "/conflicts", tag: "Registrations", summary: "List the fields that both sides changed, the oldest first", action: authz.ActionRead,
		about: "Over all registrations. Nothing of them is sent until somebody settles them.",
	}, func(ctx context.Context, in *struct {
		Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
	},
	) (*all[Conflict], error) {
		return s.conflicts(ctx, in.Limit)
	})
	add(s, operation{
		id: "settle-conflict", method: http.MethodPost, path: "/registrations/{id}/conflicts/settle", tag: "Registrations", summary: "Settle a field that both sides changed", action: authz.ActionUpdate,
		also:  []int{http.StatusNotFound, http.StatusPreconditionFailed},
		about: "Send the values that you saw: if one changed meanwhile, the answer is 412 and nothing is done. The decision is kept in the audit log.",
	}, s.settle)
	add(s, operation{id: "get-registration-fields", method: http.MethodGet, path: "/registrations/{id}/fields", tag: "Registrations", summary: "Get what differs between Tandem and the portal, and what was edited", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			OfRegistration
		},
		) (*record[RegistrationFields], error) {
			return s.fieldsOf(ctx, in.ID)
		})
	add(s, operation{
		id: "put-registration-fields", method: http.MethodPut, path: "/registrations/{id}/fields", tag: "Registrations", summary: "Change fields in the portal, and in Salesforce where it has them", action: authz.ActionUpdate, ifMatch: true, also: []int{http.StatusNotFound},
		about: "A field that is locked now waits and goes out by itself. If-Match takes the ETag of the registration. A dry run says what would be sent, and changes nothing.",
	}, s.putFields)
	add(s, operation{id: "list-registration-calls", method: http.MethodGet, path: "/registrations/{id}/calls", tag: "Registrations", summary: "List what was asked of the portal for a registration, newest first", action: authz.ActionRead, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			OfRegistration
			Limit int `query:"limit" minimum:"1" maximum:"100" default:"50"`
		},
		) (*all[PortalCall], error) {
			list, err := s.app.Registrations.Calls(ctx, in.ID, in.Limit)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, func(c *registration.Call) PortalCall {
				return PortalCall{
					ID: c.ID, At: at(c.At), Operation: c.Operation, ActorKind: c.ActorKind, ActorName: c.ActorName, Attempt: c.Attempt, Outcome: string(c.Outcome),
					Code: c.Code, Message: c.Message, Request: c.Request, Answer: c.Answer,
				}
			})), nil
		})
	act := func(id, path, summary, about string, action authz.Action, do func(ctx context.Context, registrationID string) (registration.Registration, error)) {
		add(s, operation{id: id, method: http.MethodPost, path: path, tag: "Registrations", summary: summary, about: about, action: action, status: http.StatusAccepted, also: []int{http.StatusNotFound}},
			func(ctx context.Context, in *struct {
				Repeatable
				OfRegistration
			},
			) (*struct{ Body Registration }, error) {
				r, err := do(ctx, in.ID)
				return &struct{ Body Registration }{registrationOf(&r)}, err
			})
	}
	act("resend-registration", "/registrations/{id}/resend", "Send again what the portal refused", "The wish is stored, and Tandem carries it out; where it needs a Director's approval, it waits for that (GET /approvals).", authz.ActionUpdate, func(ctx context.Context, registrationID string) (registration.Registration, error) {
		res, err := s.app.Approvals.Resend(ctx, registrationID)
		return res.Registration, err
	})
	act("refresh-registration", "/registrations/{id}/refresh", "Read a registration from its portal now", "Before bulk work. Follow remote_read_at.", authz.ActionSync, s.app.Registrations.Refresh)
	s.registerOwners()
}

func (s *server) conflicts(ctx context.Context, limit int) (*all[Conflict], error) {
	list, err := s.app.Registrations.Open(ctx, registration.FieldConflict, limit)
	if err != nil {
		return nil, err
	}
	known := map[cloud.Cloud]words{}
	for _, f := range list {
		if known[f.Cloud] == nil {
			if known[f.Cloud], err = s.words(ctx, f.Cloud); err != nil {
				return nil, err
			}
		}
	}
	return allOf(mapped(list, func(f *registration.OpenField) Conflict {
		return Conflict{
			RegistrationID: f.RegistrationID, OpportunityID: f.OpportunityID, OpportunityName: f.OpportunityName, AccountName: f.AccountName, OwnerName: f.OwnerName,
			Cloud: string(f.Cloud), RemoteID: f.RemoteID, RemoteStatus: f.RemoteStatus, FieldDifference: known[f.Cloud].difference(&f.Field),
		}
	})), nil
}

func (s *server) settle(ctx context.Context, in *settleInput) (*record[RegistrationDetail], error) {
	var text [3]string
	for i, v := range []any{in.Body.Ours, in.Body.Theirs, in.Body.Value} {
		var err error
		if text[i], err = stored(v); err != nil {
			return nil, err
		}
	}
	res, err := s.app.Approvals.Settle(ctx, in.ID, in.Body.Path, registration.Choice(in.Body.Choice), text[0], text[1], text[2])
	if err != nil {
		return nil, err
	}
	r := res.Registration
	d, err := detailOf(&r)
	if err != nil {
		return nil, err
	}
	d.Approval = approvalPtr(res.Waiting)
	return recordOf(r.Version, d)
}

// stored gives a value as the domain keeps it: canonical JSON, "" for none.
func stored(v any) (string, error) {
	if v == nil || v == "" {
		return "", nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("a value as JSON: %w", err)
	}
	return string(b), nil
}

func (s *server) fieldsOf(ctx context.Context, id string) (*record[RegistrationFields], error) {
	r, err := s.app.Registrations.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	w, err := s.words(ctx, r.Cloud)
	if err != nil {
		return nil, err
	}
	fields, edits, _, err := s.app.Registrations.Fields(ctx, id)
	if err != nil {
		return nil, err
	}
	return recordOf(r.Version, RegistrationFields{
		Fields: mapped(fields, w.difference),
		Edits: mapped(edits, func(e *registration.Edit) FieldEdit {
			return FieldEdit{Path: e.Path, Value: jsonOf(e.Value), CRMState: string(e.CRMState), CRMError: e.CRMError, ActorKind: string(e.ActorKind), ActorName: e.ActorName, EditedAt: at(e.EditedAt)}
		}),
	})
}

type putFieldsOutput struct {
	ETag string `header:"ETag" doc:"The version of the registration."`
	Body FieldsPut
}

func (s *server) putFields(ctx context.Context, in *putFieldsInput) (*putFieldsOutput, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return nil, err
	}
	version, given, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r, err := s.app.Registrations.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if given && r.Version != version {
		return nil, problem.Precondition("registration", in.ID)
	}
	values := registration.Values{}
	for path, v := range in.Body.Values {
		if values[path], err = stored(v); err != nil {
			return nil, err
		}
	}
	w, err := s.words(ctx, r.Cloud)
	if err != nil {
		return nil, err
	}
	out := &putFieldsOutput{Body: FieldsPut{DryRun: in.DryRun || in.Body.DryRun, Findings: []Finding{}, Locks: []FieldLock{}}}
	if out.Body.DryRun {
		t, err := s.app.Registrations.Try(ctx, in.ID, values)
		if err != nil {
			return nil, err
		}
		out.Body.Findings, out.Body.Fields, out.Body.Sends = findingsOf(t.Findings), mapped(t.Fields, w.difference), map[string]any{}
		for path, v := range t.Sends {
			out.Body.Sends[path] = jsonOf(v)
		}
		for _, path := range slices.Sorted(maps.Keys(t.Locks)) {
			l := t.Locks[path]
			out.Body.Locks = append(out.Body.Locks, FieldLock{Path: path, Reason: l.Reason, Until: l.Until, Final: l.Final})
		}
	} else {
		res, err := s.app.Approvals.Put(ctx, in.ID, values)
		if err != nil {
			return nil, err
		}
		r, out.Body.Approval = res.Registration, approvalPtr(res.Waiting)
		fields, _, _, err := s.app.Registrations.Fields(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		out.Body.Fields = mapped(fields, w.difference)
	}
	out.Body.Registration = registrationOf(&r)
	out.ETag, err = etagOf(r.Version, out.Body.Registration)
	return out, err
}

func (s *server) registerOwners() {
	add(s, operation{id: "get-field-owners", method: http.MethodGet, path: "/settings/field-owners", tag: "Settings", summary: "Get who wins each field that both sides keep", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[FieldOwnersSetting], error) {
			return s.fieldOwners(ctx)
		})
	add(s, operation{
		id: "put-field-owners", method: http.MethodPut, path: "/settings/field-owners", tag: "Settings", summary: "Change who wins each field that both sides keep", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "What differs is compared again by the new rules. Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body FieldOwners
		},
		) (*record[FieldOwnersSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Registrations.Owners(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			owners := registration.Owners{}
			for _, c := range cloud.All() {
				for path, o := range *in.Body.of(c) {
					if owners[c] == nil {
						owners[c] = map[string]registration.Owner{}
					}
					owners[c][path] = registration.Owner(o)
				}
			}
			if err := s.app.Registrations.SetOwners(ctx, owners, version); err != nil {
				return nil, err
			}
			return s.fieldOwners(ctx)
		})
}

func (s *server) fieldOwners(ctx context.Context) (*record[FieldOwnersSetting], error) {
	owners, row, err := s.app.Registrations.Owners(ctx)
	if err != nil {
		return nil, err
	}
	out := FieldOwnersSetting{Fields: []FieldRule{}, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)}
	for _, c := range cloud.All() {
		for path, o := range owners[c] {
			m := out.Owners.of(c)
			if *m == nil {
				*m = map[string]string{}
			}
			(*m)[path] = string(o)
		}
		infos, err := s.app.Registrations.FieldInfos(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, f := range infos {
			rule := FieldRule{Cloud: string(c), Path: f.Path, Label: f.Label, Owner: string(f.Owner), Default: string(f.Owner)}
			if o := owners[c][f.Path]; o.Valid() {
				rule.Owner = string(o)
			}
			out.Fields = append(out.Fields, rule)
		}
	}
	return recordOf(row.Version, out)
}
